package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// bareSQL asks the file of search by SQL: by the statements that the adapter
// prepares, written out.
type bareSQL struct{ db *sql.DB }

func openSQL(ctx context.Context, path string) (*bareSQL, error) {
	options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "temp_store(MEMORY)", "cache_size(-8000)", "query_only(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(2 * runtime.GOMAXPROCS(0))
	return &bareSQL{db}, db.PingContext(ctx)
}

func (b *bareSQL) Close() error { return b.db.Close() }

func (b *bareSQL) get(ctx context.Context, i int) error {
	var body []byte
	return b.db.QueryRowContext(ctx, `SELECT doc FROM search_docs WHERE id = ? AND deleted = 0`, postID(i)).Scan(&body)
}

// prepare writes out the statements of a query.
func (b *bareSQL) prepare(ctx context.Context, q query) (*prepared, []string, int64, error) {
	p := &prepared{query: q}
	where, args := []string{"d.deleted = 0"}, []any{}
	for name, values := range q.models.Attributes { // there is one at most
		where = append(where, `d.n IN (SELECT n FROM search_terms WHERE name = ? AND confidence >= ? AND value IN (SELECT value FROM json_each(?)))`)
		args = append(args, "a:"+name, q.models.MinConfidence, fmt.Sprintf("[%q]", values[0]))
	}
	if since := q.models.Since; !since.IsZero() {
		where, args = append(where, "d.created >= ?"), append(args, since.UnixMilli())
	}
	match := `"` + strings.Join(strings.Fields(q.models.Text), `" AND "`) + `"`
	if q.models.Text != "" {
		where, args = append(where, "d.n IN (SELECT rowid FROM search_text WHERE search_text MATCH ?)"), append(args, match)
	}
	cond := strings.Join(where, " AND ")
	p.sql[0] = text{`WITH hits AS MATERIALIZED (SELECT d.n, d.source, d.language, d.country FROM search_docs d WHERE ` + cond + `) SELECT -1, '', count(*) FROM hits`, args}
	for i, f := range q.models.Facets {
		from, value := "hits h", "h."+f
		if f != "source" {
			from, value = "hits h JOIN search_terms t ON t.n = h.n AND t.name = ?", "t.value"
			p.sql[0].args = append(p.sql[0].args, "a:"+f)
		}
		p.sql[0].sql += fmt.Sprintf(" UNION ALL SELECT * FROM (SELECT %d, %s AS v, count(*) AS c FROM %s WHERE %s <> '' GROUP BY v ORDER BY c DESC, v LIMIT 20)", i, value, from, value)
	}
	p.sql[1] = text{fmt.Sprintf("SELECT d.id, d.created, d.doc FROM search_docs d WHERE %s ORDER BY d.created DESC, d.id LIMIT %d", cond, q.models.Limit+1), args}
	if q.models.Sort == "relevance" {
		p.sql[1] = text{fmt.Sprintf("WITH scored AS MATERIALIZED (SELECT d.n, d.id, bm25(search_text) AS score FROM search_text"+
			" JOIN search_docs d ON d.n = search_text.rowid WHERE search_text MATCH ? AND d.deleted = 0)"+
			" SELECT s.id, s.score, d.doc FROM scored s JOIN search_docs d ON d.n = s.n ORDER BY s.score, s.id LIMIT %d", q.models.Limit+1), []any{match}}
	}
	ids, total, err := b.run(ctx, p)
	return p, ids[:min(len(ids), q.models.Limit)], total, err
}

func (b *bareSQL) search(ctx context.Context, p *prepared) error {
	_, _, err := b.run(ctx, p)
	return err
}

// run does both statements as of one moment.
func (b *bareSQL) run(ctx context.Context, p *prepared) (ids []string, total int64, err error) {
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // it only read
	if err := each(ctx, tx, p.sql[0], func(rows *sql.Rows) error {
		var facet int
		var value string
		var n int64
		err := rows.Scan(&facet, &value, &n)
		if facet < 0 {
			total = n
		}
		return err
	}); err != nil {
		return nil, 0, err
	}
	err = each(ctx, tx, p.sql[1], func(rows *sql.Rows) error {
		var id string
		var key any
		var body []byte
		err := rows.Scan(&id, &key, &body)
		ids = append(ids, id)
		return err
	})
	return ids, total, err
}

func each(ctx context.Context, tx *sql.Tx, t text, do func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, t.sql, t.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
