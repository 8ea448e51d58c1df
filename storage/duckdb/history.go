// Package duckdb answers SQL over the history: the Parquet files in a folder,
// as the part builder lays them, without a server and without loading anything.
//
// There are two views: history has every row ever archived, posts the newest of
// each post and profile. What is asked may come from anybody, so the database is
// locked in: it reads below its folder and nowhere else, takes only queries, and
// never reaches for the network, extensions included.
package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"weft/models"
)

// History answers queries over one folder. Safe for concurrent use. Files that
// are added are seen by the next query, unless it follows a manifest.
type History struct {
	db  *sql.DB
	dir string

	asking sync.Mutex // held from a manifest to its answer: the views are the database's

	mu       sync.Mutex
	filled   bool // the view reads files, because some were there
	followed bool // the view reads the files of a manifest
}

// Open opens the history in dir, making the folder if it is not there.
func Open(ctx context.Context, dir string) (*History, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "duckdb: %w", err)
	}
	if strings.ContainsAny(dir, "*?[]{}") {
		return nil, models.Faultf(models.Permanent, "duckdb: folder %q: its path must not contain any of * ? [ ] { }", dir)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, models.Faultf(models.Unavailable, "duckdb: %w", err)
	}
	c, err := duckdb.NewConnector("?autoinstall_known_extensions=false&autoload_known_extensions=false", nil)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "duckdb: open: %w", err)
	}
	h := &History{db: sql.OpenDB(c), dir: dir}
	if err := h.prepare(ctx); err != nil {
		return nil, models.Faultf(models.Unavailable, "duckdb: open %s: %w", dir, errors.Join(err, h.db.Close()))
	}
	return h, nil
}

// Close frees the database. The files stay.
func (h *History) Close() error { return h.db.Close() }

// prepare makes the typed empty table and the views, then locks the door. What
// is locked can't be unlocked again, not even by us.
func (h *History) prepare(ctx context.Context) error {
	for _, extension := range []string{"parquet", "json"} {
		var loaded bool
		if err := h.db.QueryRowContext(ctx, `SELECT loaded FROM duckdb_extensions() WHERE extension_name = ?`, extension).Scan(&loaded); err != nil || !loaded {
			return errors.Join(fmt.Errorf("this build of DuckDB has no %s", extension), err)
		}
	}
	for _, statement := range []string{
		columns,
		`CREATE TABLE unseen(post VARCHAR)`,
		h.view(nil),
		newestRows,
		"SET allowed_directories = [" + quote(h.dir+string(filepath.Separator)) + "]",
		"SET temp_directory = ''",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := h.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	return nil
}

// columns is the history without a row: it gives an empty folder its columns,
// and old files the columns that came later.
const columns = `CREATE TABLE empty_history(
	post VARCHAR, profile VARCHAR, generation INTEGER, rev BIGINT, source VARCHAR,
	created_at TIMESTAMPTZ, archived_at TIMESTAMPTZ, native_id VARCHAR, url VARCHAR,
	author_id VARCHAR, author_handle VARCHAR, author_country VARCHAR, author_region VARCHAR, author_city VARCHAR,
	language VARCHAR, text VARCHAR, hashtags VARCHAR[], likes BIGINT, comments BIGINT, shares BIGINT,
	unchecked BOOLEAN, profile_version VARCHAR,
	attributes STRUCT("name" VARCHAR, "value" VARCHAR, confidence DOUBLE, evidence VARCHAR, model VARCHAR, "version" VARCHAR, image VARCHAR, share DOUBLE)[],
	images STRUCT(sha256 VARCHAR, phash VARCHAR, rendition VARCHAR, width INTEGER, height INTEGER)[],
	labels STRUCT(attribute VARCHAR, taxonomy VARCHAR, "values" VARCHAR[], "by" VARCHAR[], "at" TIMESTAMPTZ, item VARCHAR, sample BOOLEAN)[],
	body JSON, part VARCHAR, checksum BIGINT, dt DATE)`

// newestRows picks of each post and profile the row that counts.
const newestRows = `CREATE VIEW posts AS SELECT * FROM history
	QUALIFY row_number() OVER (PARTITION BY post, profile ORDER BY generation DESC, rev DESC) = 1`

// view defines history over files, which may be a pattern. DuckDB refuses one
// that matches no file, so an empty folder needs a view of its own.
func (h *History) view(files []string) string {
	const head = "CREATE OR REPLACE VIEW history AS SELECT * FROM empty_history"
	if len(files) == 0 {
		return head
	}
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = quote(filepath.Join(h.dir, filepath.FromSlash(file)))
	}
	return head + " UNION ALL BY NAME SELECT * FROM read_parquet([" + strings.Join(quoted, ", ") +
		"], hive_partitioning = true, hive_types = {'dt': DATE, 'source': VARCHAR}, union_by_name = true)" +
		" WHERE post NOT IN (SELECT post FROM unseen)"
}

// Follow makes the views read exactly the files of parts, and nothing of the
// posts unseen: what the documents say is the history. Without it they read
// every file in the folder, where a forgotten post stays until its part is
// rewritten.
func (h *History) Follow(ctx context.Context, parts []models.Part, unseen []string) error {
	var files []string
	for i := range parts {
		if parts[i].State == models.PartVerified {
			files = append(files, parts[i].Path())
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	statements := []string{`DELETE FROM unseen`}
	for chunk := range slices.Chunk(unseen, 1000) {
		values := make([]string, len(chunk))
		for i, post := range chunk {
			values[i] = "(" + quote(post) + ")"
		}
		statements = append(statements, "INSERT INTO unseen VALUES "+strings.Join(values, ", "))
	}
	for _, statement := range append(statements, h.view(files)) {
		if _, err := h.db.ExecContext(ctx, statement); err != nil {
			return models.Faultf(models.Unavailable, "duckdb: follow %d parts: %w", len(files), err)
		}
	}
	h.followed = true
	return nil
}

// manifests is how often the manifest is asked for anew because a file of it was
// replaced before it was read.
const manifests = 10

// QueryBy answers a query over what manifest says is the history at the moment.
// Parts are merged and rewritten at any time, and the files of those that were
// replaced are deleted: then it begins again with the manifest of that time. Such
// queries go one at a time, each on all cores.
func (h *History) QueryBy(ctx context.Context, manifest func(context.Context) ([]models.Part, []string, error), query string, args ...any) (
	names []string, rows [][]any, err error,
) {
	h.asking.Lock()
	defer h.asking.Unlock()
	for range manifests {
		var parts []models.Part
		var unseen []string
		if parts, unseen, err = manifest(ctx); errors.Is(err, models.ErrNotFound) {
			continue // it brings the files here, and one of them was replaced
		}
		if err != nil {
			return nil, nil, err
		}
		if err = h.Follow(ctx, parts, unseen); err == nil {
			names, rows, err = h.Query(ctx, query, args...)
		}
		if err == nil || !h.lacks(parts) {
			break
		}
	}
	return names, rows, err
}

// lacks reports whether a file of parts is not there.
func (h *History) lacks(parts []models.Part) bool {
	return slices.ContainsFunc(parts, func(p models.Part) bool {
		_, err := os.Stat(filepath.Join(h.dir, filepath.FromSlash(p.Path())))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// refresh changes the view when the first file has come or the last one has gone.
func (h *History) refresh(ctx context.Context) error {
	filled := false
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".parquet") {
			filled = true
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.followed || filled == h.filled {
		return nil
	}
	var files []string
	if filled {
		files = []string{"**/*.parquet"}
	}
	if _, err := h.db.ExecContext(ctx, h.view(files)); err != nil {
		return err
	}
	h.filled = filled
	return nil
}

// Query answers one query, a SELECT over the views history and posts, with its
// column names and rows. Values are nil, bool, int64, float64, string, []byte,
// time.Time, []any or map[string]any. A query that DuckDB refuses is a permanent fault.
func (h *History) Query(ctx context.Context, query string, args ...any) (names []string, rows [][]any, err error) {
	if err := h.refresh(ctx); err != nil {
		return nil, nil, models.Faultf(models.Unavailable, "duckdb: look into %s: %w", h.dir, err)
	}
	conn, err := h.db.Conn(ctx)
	if err != nil {
		return nil, nil, models.Faultf(models.Unavailable, "duckdb: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := onlySelect(ctx, conn, query); err != nil {
		return nil, nil, fault(ctx, err)
	}
	found, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, fault(ctx, err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	if names, err = found.Columns(); err != nil {
		return nil, nil, fault(ctx, err)
	}
	for found.Next() {
		row, err := scan(found, len(names))
		if err != nil {
			return nil, nil, fault(ctx, err)
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		return nil, nil, fault(ctx, err)
	}
	return names, rows, nil
}

// onlySelect refuses whatever is not one SELECT: COPY, for one, could write below
// the folder. DuckDB's own parser says what the text is. Asking the driver to
// prepare it would not do: of several statements that runs all but the last.
func onlySelect(ctx context.Context, conn *sql.Conn, query string) error {
	var bad bool
	var problem sql.NullString
	var statements sql.NullInt64
	err := conn.QueryRowContext(ctx, `SELECT (j ->> '$.error')::BOOLEAN, j ->> '$.error_message', json_array_length(j, '$.statements')
		FROM (SELECT json_serialize_sql(?::VARCHAR) AS j)`, query).Scan(&bad, &problem, &statements)
	switch {
	case err != nil:
		return err
	case bad:
		return errors.New(problem.String)
	case statements.Int64 != 1:
		return fmt.Errorf("%d statements; allowed: one SELECT", statements.Int64)
	}
	return nil
}

func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return models.Faultf(models.Unavailable, "duckdb: query: %w", err)
	}
	return models.Faultf(models.Permanent, "duckdb: query: %w", err)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
