package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/models"
)

// searchLayout is the version of the tables below. Search is a projection, so a
// file of another layout is not upgraded but built anew.
const searchLayout = 1

// searchSchema: a row per document, or per deleted one, whose doc is then empty;
// what it can be filtered and counted by; and its words. The words keep no copy
// of the text (content=”), which halves the file.
const searchSchema = `
CREATE TABLE IF NOT EXISTS search_meta(layout INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS search_docs(
	n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
	source TEXT NOT NULL, language TEXT NOT NULL, country TEXT NOT NULL,
	created INTEGER NOT NULL, likes INTEGER, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS search_docs_created ON search_docs(created DESC, id) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS search_docs_likes ON search_docs(coalesce(likes, -1) DESC, id) WHERE deleted = 0;
CREATE TABLE IF NOT EXISTS search_terms(
	n INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, confidence REAL NOT NULL,
	PRIMARY KEY(n, name, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS search_terms_value ON search_terms(name, value, confidence);
CREATE TABLE IF NOT EXISTS search_vectors(n INTEGER PRIMARY KEY, space TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS search_vectors_space ON search_vectors(space);
CREATE VIRTUAL TABLE IF NOT EXISTS search_text USING fts5(
	text, tags, author, attributes, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
`

// Search is the search over recent posts in one SQLite file. Its methods may be
// called at the same time from anywhere, and several processes may share the
// file. Times are compared in milliseconds.
type Search struct {
	handles handles
	w       *writer
	batches *searchBatcher
}

// OpenSearch opens the file at path, making it if it is not there.
func OpenSearch(ctx context.Context, path string) (*Search, error) {
	h, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, h.write)
	if err != nil {
		return nil, fault("open search "+path, errors.Join(err, h.close()))
	}
	if err := prepareSearch(ctx, w, path); err != nil {
		return nil, fault("open search "+path, errors.Join(err, w.close(), h.close()))
	}
	return &Search{handles: h, w: w, batches: newSearchBatcher(w)}, nil
}

func prepareSearch(ctx context.Context, w *writer, path string) error {
	return w.do(ctx, func(s *session) error {
		if _, err := s.w.conn.ExecContext(ctx, searchSchema); err != nil {
			return err
		}
		if _, err := s.exec(`INSERT INTO search_meta(layout) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM search_meta)`, searchLayout); err != nil {
			return err
		}
		var have int
		if err := s.one(`SELECT layout FROM search_meta`, nil, &have); err != nil {
			return err
		}
		if have != searchLayout {
			return models.Faultf(models.Permanent, "layout %d, this program knows %d: remove %s and rebuild search", have, searchLayout, path)
		}
		return nil
	})
}

// Close ends the writes under way and closes the file. Later writes are
// models.Unavailable.
func (s *Search) Close() error {
	if !s.batches.close() {
		return nil // closed before
	}
	return fault("close search", errors.Join(s.w.close(), s.handles.close()))
}

// Put stores doc, unless what is stored, or was deleted, is newer: then it
// changes nothing, and that is no error, since a newer projection is there. A
// document of the version that was deleted counts as newer than the deletion.
func (s *Search) Put(ctx context.Context, doc models.SearchDoc) error {
	c, err := putChange(doc)
	if err != nil {
		return models.Faultf(models.Permanent, "put %s into search: %w", doc.ID, err)
	}
	return fault("put "+doc.ID+" into search", s.batches.do(ctx, c))
}

// Delete removes id, unless a newer version is stored. It remembers the
// version, so that a late Put of an older one does not bring the document back.
func (s *Search) Delete(ctx context.Context, id string, version int64) error {
	return fault("delete "+id+" from search", s.batches.do(ctx, &searchChange{id: id, version: version, deleted: true}))
}

// Get returns one document, or models.ErrNotFound.
func (s *Search) Get(ctx context.Context, id string) (models.SearchDoc, error) {
	var body []byte
	var doc models.SearchDoc
	err := s.handles.read.QueryRowContext(ctx, `SELECT doc FROM search_docs WHERE id = ? AND deleted = 0`, id).Scan(&body)
	if err == nil {
		err = json.Unmarshal(body, &doc)
	}
	return doc, fault("get "+id+" from search", absent(err))
}

// Count returns how many documents there are.
func (s *Search) Count(ctx context.Context) (int64, error) {
	var n int64
	err := s.handles.read.QueryRowContext(ctx, `SELECT count(*) FROM search_docs WHERE deleted = 0`).Scan(&n)
	return n, fault("count search", err)
}

// searchChange is one Put or Delete, made ready by its caller so that the one
// writer has less to do.
type searchChange struct {
	id      string
	version int64
	deleted bool

	source, language, country string
	created                   int64
	likes                     *int64
	doc                       []byte
	terms                     []byte // JSON: [[name, value, confidence], …]
	words                     searchWords
	space                     string
	vector                    []byte // empty: none

	err   error
	ready chan struct{}
}

func putChange(doc models.SearchDoc) (*searchChange, error) {
	if doc.ID == "" {
		return nil, errors.New("the document has no id")
	}
	doc.CreatedAt = doc.CreatedAt.UTC()
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	terms, err := json.Marshal(searchTerms(doc))
	if err != nil {
		return nil, err
	}
	vector, err := doc.Embedding.Bytes()
	if err != nil {
		return nil, err
	}
	return &searchChange{
		space: doc.Space, vector: vector,
		id: doc.ID, version: doc.Version, source: doc.Source, language: doc.Language, country: doc.Author.Location.Country,
		created: searchTime(doc.CreatedAt), likes: doc.Counts.Likes, doc: body, terms: terms, words: wordsOf(doc),
	}, nil
}

// Names of terms. Attributes have a prefix, so that one named "profile" does
// no harm.
const (
	termHashtag   = "hashtag"
	termProfile   = "profile"
	termAttribute = "a:"
)

// searchTerms lists what a document can be filtered and counted by, each once,
// with the highest confidence.
func searchTerms(doc models.SearchDoc) [][3]any {
	best := map[[2]string]float64{}
	var order [][2]string
	add := func(name, value string, confidence float64) {
		k := [2]string{name, value}
		old, there := best[k]
		if !there {
			order = append(order, k)
		}
		if !there || confidence > old {
			best[k] = confidence
		}
	}
	for _, h := range doc.Hashtags {
		add(termHashtag, h, 1)
	}
	for _, p := range doc.Profiles {
		add(termProfile, p, 1)
	}
	for _, a := range doc.Attributes {
		add(termAttribute+a.Name, a.Value, a.Confidence)
	}
	terms := make([][3]any, 0, len(order))
	for _, k := range order {
		terms = append(terms, [3]any{k[0], k[1], best[k]})
	}
	return terms
}

// searchTime is how times are compared.
func searchTime(t time.Time) int64 { return t.UnixMilli() }

// apply writes one change in the running transaction.
func (c *searchChange) apply(s *session) error {
	var n, version int64
	var gone bool
	err := absent(s.one(`SELECT n, version, deleted FROM search_docs WHERE id = ?`, []any{c.id}, &n, &version, &gone))
	there := err == nil
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if there && (version > c.version || (version == c.version && c.deleted == gone)) {
		return nil // what is there is newer, or the same
	}
	if there && !gone {
		for _, q := range []string{`DELETE FROM search_terms WHERE n = ?`, `DELETE FROM search_text WHERE rowid = ?`, `DELETE FROM search_vectors WHERE n = ?`} {
			if _, err := s.exec(q, n); err != nil {
				return err
			}
		}
	}
	doc := c.doc
	if doc == nil {
		doc = []byte{}
	}
	if err := s.one(`INSERT INTO search_docs(id, version, deleted, source, language, country, created, likes, doc)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET version = excluded.version, deleted = excluded.deleted,
		source = excluded.source, language = excluded.language, country = excluded.country, created = excluded.created,
		likes = excluded.likes, doc = excluded.doc RETURNING n`,
		[]any{c.id, c.version, c.deleted, c.source, c.language, c.country, c.created, c.likes, doc}, &n); err != nil {
		return err
	}
	if c.deleted {
		return nil
	}
	if len(c.vector) > 0 {
		if _, err := s.exec(`INSERT INTO search_vectors(n, space, vector) VALUES(?, ?, ?)`, n, c.space, c.vector); err != nil {
			return err
		}
	}
	if _, err := s.exec(`INSERT OR IGNORE INTO search_terms(n, name, value, confidence)
		SELECT ?, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`, n, string(c.terms)); err != nil {
		return err
	}
	_, err = s.exec(`INSERT INTO search_text(rowid, text, tags, author, attributes) VALUES(?, ?, ?, ?, ?)`,
		n, c.words.text, c.words.tags, c.words.author, c.words.attributes)
	return err
}

// String names a change in errors.
func (c *searchChange) String() string { return fmt.Sprintf("%s version %d", c.id, c.version) }
