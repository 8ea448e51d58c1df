package sqlite

import (
	"context"
	"time"

	"weft/models"
)

// Cursor returns how far a query has come, or ErrNotFound if it never ran.
func (d *Documents) Cursor(ctx context.Context, query string) (models.Cursor, error) {
	var c models.Cursor
	var doc []byte
	err := d.r.one(ctx, `SELECT doc FROM cursors WHERE query = ?`, []any{query}, &doc)
	if err == nil {
		err = decode(doc, &c)
	}
	return c, fault("cursor of "+query, absent(err))
}

// PutCursor writes a cursor whose Seq is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict, and nothing is written.
func (d *Documents) PutCursor(ctx context.Context, c models.Cursor) error {
	utcCursor(&c)
	doc, err := encode(&c)
	if err != nil {
		return fault("put cursor of "+c.Query, err)
	}
	return fault("put cursor of "+c.Query, d.w.do(ctx, func(s *session) error {
		var n int64
		var err error
		if c.Seq == 1 {
			n, err = s.exec(`INSERT INTO cursors(query, seq, doc) VALUES(?, 1, ?) ON CONFLICT DO NOTHING`, c.Query, doc)
		} else {
			n, err = s.exec(`UPDATE cursors SET seq = ?, doc = ? WHERE query = ? AND seq = ?`, c.Seq, doc, c.Query, c.Seq-1)
		}
		if err == nil && n == 0 {
			err = models.ErrConflict
		}
		return err
	}))
}

// Cursors returns the cursors of all queries that ever ran, by name.
func (d *Documents) Cursors(ctx context.Context) ([]models.Cursor, error) {
	var out []models.Cursor
	err := d.r.each(ctx, `SELECT doc FROM cursors ORDER BY query`, nil, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var c models.Cursor
		err := decode(doc, &c)
		out = append(out, c)
		return err
	})
	return out, fault("cursors", err)
}

// utcCursor makes a copy's times UTC, whatever zone the caller had.
func utcCursor(c *models.Cursor) {
	c.Success, c.Failed, c.Next, c.Held, c.Event = c.Success.UTC(), c.Failed.UTC(), c.Next.UTC(), c.Held.UTC(), c.Event.UTC()
	gaps := make([]models.Gap, len(c.Gaps))
	for i, g := range c.Gaps {
		gaps[i] = models.Gap{From: g.From.UTC(), To: g.To.UTC(), Reason: g.Reason}
	}
	c.Gaps = gaps
}

// PostsOf returns the living posts of a source that were created since a
// moment, in the order of their ids, after the cursor. Hidden posts are among
// them: they may have come back. It reads the ids of this source only, yet all
// of those: no index holds when a post was created, since every admission would
// pay for it, and only re-checks ask.
func (d *Documents) PostsOf(ctx context.Context, source string, since time.Time, after string, n int) ([]models.Post, error) {
	// all ids of the source lie between "source." and "source/", the next character
	first, last := source+".", source+"/"
	// the second is compared as text in the database, so that old posts aren't decoded; the rest below
	query := `SELECT doc, raw FROM posts WHERE id > ? AND id < ? AND tomb = 0
		AND substr(json_extract(CAST(doc AS TEXT), '$.created_at'), 1, 19) >= ? ORDER BY id`
	var out []models.Post
	err := d.r.each(ctx, query, []any{max(first, after), last, since.UTC().Format("2006-01-02T15:04:05")}, func(scan scanner) error {
		var doc, raw []byte
		if err := scan(&doc, &raw); err != nil {
			return err
		}
		p, err := decodePost(doc, raw)
		if err != nil {
			return err
		}
		if p.CreatedAt.Before(since) {
			return nil
		}
		if out = append(out, p); len(out) == limit(n, 500) {
			return errEnough
		}
		return nil
	})
	return out, fault("posts of "+source, err)
}
