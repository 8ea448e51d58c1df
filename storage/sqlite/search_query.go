package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weft/models"
)

const (
	searchDefaultLimit = 20
	searchMaxLimit     = 1000
	searchFacetValues  = 20
	searchMaxFacets    = 100
	searchMaxWords     = 64 // FTS5 itself gives up at 256
)

// Search answers q: a page of hits, how many there are in all, and what they
// have in common, all as of one moment.
func (s *Search) Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error) {
	plan, err := planSearch(q)
	if err != nil {
		return models.SearchAnswer{}, models.Faultf(models.Permanent, "search: %w", err)
	}
	if plan.nothing {
		return plan.empty(), nil
	}
	if q.Like != "" {
		answer, err := s.like(ctx, plan, q.Like)
		return answer, fault("search for what looks like "+q.Like, err)
	}
	tx, err := s.handles.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return models.SearchAnswer{}, fault("search", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	answer := plan.empty()
	if plan.counted || len(plan.facets) > 0 {
		if err := plan.count(ctx, tx, &answer); err != nil {
			return answer, fault("search", err)
		}
	}
	if err := plan.page(ctx, tx, &answer); err != nil {
		return answer, fault("search", err)
	}
	return answer, nil
}

// searchPlan is a query made ready: SQL conditions with their arguments.
type searchPlan struct {
	where   []string
	args    []any
	match   string // the FTS5 expression, if any
	nothing bool   // text was given, but no word in it
	facets  []string
	sort    string
	limit   int
	counted bool
	print   string // of the query, for its cursors
	after   *searchCursor
}

// searchCursor is where a page ended.
type searchCursor struct {
	Query string  `json:"q"`
	Int   int64   `json:"i,omitempty"`
	Float float64 `json:"f,omitempty"`
	ID    string  `json:"id"`
}

func planSearch(q models.SearchQuery) (*searchPlan, error) {
	p := &searchPlan{sort: q.Sort, limit: q.Limit, counted: !q.Uncounted, print: q.Fingerprint(), where: []string{"d.deleted = 0"}}
	if p.limit <= 0 {
		p.limit = searchDefaultLimit
	}
	p.limit = min(p.limit, searchMaxLimit)
	switch q.Sort {
	case "":
		p.sort = "newest"
	case "newest", "oldest", "relevance", "likes":
	default:
		return nil, fmt.Errorf("unknown sort %q; allowed: newest, oldest, relevance, likes", q.Sort)
	}
	if strings.TrimSpace(q.Text) != "" {
		expr, words := matchText(q.Text)
		if words > searchMaxWords {
			return nil, fmt.Errorf("the text has %d words; allowed: up to %d", words, searchMaxWords)
		}
		p.match, p.nothing = expr, words == 0
	}
	if p.match == "" && p.sort == "relevance" {
		p.sort = "newest" // without words all are equally relevant
	}
	for _, f := range q.Facets {
		if !slices.Contains(p.facets, f) {
			p.facets = append(p.facets, f)
		}
	}
	if len(p.facets) > searchMaxFacets {
		return nil, fmt.Errorf("%d facets; allowed: up to %d", len(p.facets), searchMaxFacets)
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	p.filter(q)
	if err := p.resume(q.After); err != nil {
		return nil, err
	}
	return p, nil
}

// filter adds the conditions of q, all but the text.
func (p *searchPlan) filter(q models.SearchQuery) {
	anyOf := func(cond string, values []string, more ...any) {
		if len(values) > 0 {
			list, _ := json.Marshal(values) // strings always marshal
			p.where = append(p.where, cond)
			p.args = append(append(p.args, more...), string(list))
		}
	}
	const among = " IN (SELECT value FROM json_each(?))"
	anyOf("d.source"+among, q.Sources)
	anyOf("d.language"+among, q.Languages)
	anyOf("d.country"+among, q.Countries)
	// read from each document, as near is: a column would ask for every file to be built anew
	anyOf("(CAST(d.doc AS TEXT) ->> '$.author.location.region')"+among, q.Regions)
	anyOf("d.n IN (SELECT n FROM search_terms WHERE name = ? AND value"+among+")", q.Profiles, termProfile)
	names := make([]string, 0, len(q.Attributes))
	for name := range q.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		anyOf("d.n IN (SELECT n FROM search_terms WHERE name = ? AND confidence >= ? AND value"+among+")",
			q.Attributes[name], termAttribute+name, q.MinConfidence)
	}
	if !q.Since.IsZero() {
		p.where, p.args = append(p.where, "d.created >= ?"), append(p.args, searchTime(q.Since))
	}
	if !q.Until.IsZero() {
		p.where, p.args = append(p.where, "d.created < ?"), append(p.args, searchTime(q.Until))
	}
	if q.MinLikes > 0 {
		p.where, p.args = append(p.where, "d.likes >= ?"), append(p.args, q.MinLikes)
	}
	if n := q.Near; n != nil { // read from each document: few ask, and fewer documents have a point
		p.where = append(p.where, searchDistance+" <= ?")
		p.args = append(p.args, n.Lat, n.Lat, n.Lon, n.Meters)
	}
}

// searchDistance is how far a document's point is from (latitude, latitude,
// longitude), in metres; null without a point.
const searchDistance = `2 * 6371008.7714 * asin(min(1, sqrt(
	power(sin(radians((CAST(d.doc AS TEXT) ->> '$.point.lat') - ?) / 2), 2) +
	cos(radians(?)) * cos(radians(CAST(d.doc AS TEXT) ->> '$.point.lat')) *
	power(sin(radians((CAST(d.doc AS TEXT) ->> '$.point.lon') - ?) / 2), 2))))`

func (p *searchPlan) resume(after string) error {
	if after == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(after)
	c := &searchCursor{}
	if err == nil {
		err = json.Unmarshal(raw, c)
	}
	if err != nil || c.Query == "" {
		return fmt.Errorf("%.40q is no cursor: take the answer's next as it is", after)
	}
	if c.Query != p.print {
		return errors.New("the cursor belongs to another query: only the page size and the facets may change between pages")
	}
	p.after = c
	return nil
}

func (p *searchPlan) empty() models.SearchAnswer {
	a := models.SearchAnswer{Facets: map[string][]models.FacetCount{}}
	for _, f := range p.facets {
		a.Facets[f] = nil
	}
	return a
}

// conditions returns the WHERE clause over search_docs d, the text included.
func (p *searchPlan) conditions() (string, []any) {
	where, args := p.where, p.args
	if p.match != "" {
		where = append(slices.Clone(where), "d.n IN (SELECT rowid FROM search_text WHERE search_text MATCH ?)")
		args = append(slices.Clone(args), p.match)
	}
	return strings.Join(where, " AND "), args
}

// count fills in the total and the facets in one statement, so that the filter
// is evaluated once.
func (p *searchPlan) count(ctx context.Context, tx *sql.Tx, answer *models.SearchAnswer) error {
	where, args := p.conditions()
	var b strings.Builder
	b.WriteString("WITH hits AS MATERIALIZED (SELECT d.n, d.source, d.language, d.country FROM search_docs d WHERE " + where + ") " +
		"SELECT -1, '', count(*) FROM hits")
	for i, facet := range p.facets {
		from, value := "hits h JOIN search_terms t ON t.n = h.n AND t.name = ?", "t.value"
		switch facet {
		case "source", "language", "country":
			from, value = "hits h", "h."+facet
		case termHashtag, termProfile:
			args = append(args, facet)
		default:
			args = append(args, termAttribute+facet)
		}
		fmt.Fprintf(&b, " UNION ALL SELECT * FROM (SELECT %d, %s AS v, count(*) AS c FROM %s WHERE %s <> '' GROUP BY v ORDER BY c DESC, v LIMIT %d)",
			i, value, from, value, searchFacetValues)
	}
	rows, err := tx.QueryContext(ctx, b.String(), args...)
	return drain(rows, err, func(scan scanner) error {
		var facet int
		var c models.FacetCount
		if err := scan(&facet, &c.Value, &c.N); err != nil {
			return err
		}
		if facet < 0 {
			if p.counted {
				answer.Total = c.N
			}
			return nil
		}
		name := p.facets[facet]
		answer.Facets[name] = append(answer.Facets[name], c)
		return nil
	})
}

// page fills in the hits, and the cursor if there are more.
func (p *searchPlan) page(ctx context.Context, tx *sql.Tx, answer *models.SearchAnswer) error {
	query, args := p.pageQuery()
	var last searchCursor
	rows, err := tx.QueryContext(ctx, query, args...)
	return drain(rows, err, func(scan scanner) error {
		if len(answer.Hits) == p.limit { // the one more that was asked for: there is a next page
			b, _ := json.Marshal(last) // plain data
			answer.Next = base64.RawURLEncoding.EncodeToString(b)
			return errEnough
		}
		var body []byte
		last = searchCursor{Query: p.print}
		key := any(&last.Int)
		if p.sort == "relevance" {
			key = &last.Float
		}
		if err := scan(&last.ID, key, &body); err != nil {
			return err
		}
		var doc models.SearchDoc
		if err := json.Unmarshal(body, &doc); err != nil {
			return fmt.Errorf("document %s: %w", last.ID, err)
		}
		answer.Hits = append(answer.Hits, doc)
		return nil
	})
}

// pageQuery selects id, sort key and document of a page's hits and one more.
// Equal keys are told apart by id, so pages neither overlap nor leave gaps while
// others write. Relevance is the exception: it shifts a little with every document.
func (p *searchPlan) pageQuery() (string, []any) {
	if p.sort == "relevance" {
		return p.relevanceQuery()
	}
	key, dir, op := "d.created", "DESC", "<"
	switch p.sort {
	case "oldest":
		dir, op = "ASC", ">"
	case "likes":
		key = "coalesce(d.likes, -1)"
	}
	where, args := p.conditions()
	if p.after != nil {
		where += fmt.Sprintf(" AND %s %s= ? AND (%s <> ? OR d.id > ?)", key, op, key)
		args = append(slices.Clone(args), p.after.Int, p.after.Int, p.after.ID)
	}
	return fmt.Sprintf("SELECT d.id, %s, d.doc FROM search_docs d WHERE %s ORDER BY %s %s, d.id LIMIT %d", key, where, key, dir, p.limit+1), args
}

func (p *searchPlan) relevanceQuery() (string, []any) {
	args := append([]any{p.match}, p.args...)
	after := ""
	if p.after != nil {
		after = " WHERE s.score >= ? AND (s.score <> ? OR s.id > ?)"
		args = append(args, p.after.Float, p.after.Float, p.after.ID)
	}
	return "WITH scored AS MATERIALIZED (SELECT d.n, d.id, bm25(search_text) AS score FROM search_text" +
		" JOIN search_docs d ON d.n = search_text.rowid WHERE search_text MATCH ? AND " + strings.Join(p.where, " AND ") + ")" +
		" SELECT s.id, s.score, d.doc FROM scored s JOIN search_docs d ON d.n = s.n" + after +
		fmt.Sprintf(" ORDER BY s.score, s.id LIMIT %d", p.limit+1), args
}
