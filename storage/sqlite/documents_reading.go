package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"weft/models"
)

// watermarkKey is where meta keeps the watermark.
const watermarkKey = "watermark"

// Watermark returns what divides search from history; models.Everything if it
// was never raised.
func (d *Documents) Watermark(ctx context.Context) (models.Watermark, error) {
	mark := models.Everything
	err := d.r.each(ctx, `SELECT value FROM meta WHERE key = ?`, []any{watermarkKey}, func(scan scanner) error { return scan(&mark) })
	return mark, fault("watermark", err)
}

// RaiseWatermark raises the watermark to mark, unless it is there or beyond.
func (d *Documents) RaiseWatermark(ctx context.Context, mark models.Watermark) error {
	return fault("raise watermark", d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`,
			watermarkKey, string(mark))
		return err
	}))
}

// Standings says where posts are, as of one moment. Those that are nowhere are
// left out.
func (d *Documents) Standings(ctx context.Context, posts []string) (map[string]models.Standing, error) {
	list, _ := json.Marshal(posts) // strings always marshal
	out := make(map[string]models.Standing, len(posts))
	err := d.r.each(ctx, `SELECT i.value, p.id IS NOT NULL, coalesce(p.tomb, 0), coalesce(p.hidden > 0, s.hidden <> ''),
			coalesce(p.rev, CAST(s.doc AS TEXT) ->> '$.rev')
		FROM json_each(?) i LEFT JOIN posts p ON p.id = i.value LEFT JOIN stubs s ON s.post = i.value
		WHERE p.id IS NOT NULL OR s.post IS NOT NULL`, []any{string(list)}, func(scan scanner) error {
		var id string
		var st models.Standing
		var gone bool
		err := scan(&id, &st.Live, &gone, &st.Hidden, &st.Rev)
		if !gone {
			out[id] = st
		}
		return err
	})
	return out, fault("standings", err)
}

// Labelled returns living posts on one of whose attributes people were asked and
// answered, created from since until before until (zero: no bound), in the order
// of their ids, after the cursor. It reads the questions of all posts, since few
// posts have one.
func (d *Documents) Labelled(ctx context.Context, attribute string, since, until time.Time, after string, max int) ([]models.Post, error) {
	var out []models.Post
	err := d.r.each(ctx, `SELECT p.doc FROM (SELECT DISTINCT post FROM items WHERE post > ? ORDER BY post) i
		JOIN posts p ON p.id = i.post WHERE p.tomb = 0 ORDER BY p.id`, []any{after}, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		p, err := decodePost(doc, nil)
		if err != nil {
			return err
		}
		if !p.LabelledOn(attribute) || p.CreatedAt.Before(since) || !until.IsZero() && !p.CreatedAt.Before(until) {
			return nil
		}
		if out = append(out, p); len(out) == limit(max, 500) {
			return errEnough
		}
		return nil
	})
	return out, fault("labelled posts", err)
}

// PutExport writes an export whose Rev is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict.
func (d *Documents) PutExport(ctx context.Context, e models.Export) error {
	e.CreatedAt, e.EndedAt, e.ExpiresAt = e.CreatedAt.UTC(), e.EndedAt.UTC(), e.ExpiresAt.UTC()
	e.Query.Since, e.Query.Until = e.Query.Since.UTC(), e.Query.Until.UTC()
	doc, err := encode(&e)
	if err != nil {
		return fault("put export "+e.ID, err)
	}
	return fault("put export "+e.ID, d.w.do(ctx, func(s *session) error {
		var n int64
		var err error
		if e.Rev == 1 {
			n, err = s.exec(`INSERT INTO exports(id, rev, doc) VALUES(?, 1, ?) ON CONFLICT DO NOTHING`, e.ID, doc)
		} else {
			n, err = s.exec(`UPDATE exports SET rev = ?, doc = ? WHERE id = ? AND rev = ?`, e.Rev, doc, e.ID, e.Rev-1)
		}
		if err == nil && n == 0 {
			err = models.ErrConflict
		}
		return err
	}))
}

// Export returns one export, or ErrNotFound.
func (d *Documents) Export(ctx context.Context, id string) (models.Export, error) {
	var doc []byte
	var e models.Export
	err := d.r.one(ctx, `SELECT doc FROM exports WHERE id = ?`, []any{id}, &doc)
	if err == nil {
		err = decode(doc, &e)
	}
	return e, fault("export "+id, absent(err))
}

// Exports returns exports in the order of their ids, after the cursor.
func (d *Documents) Exports(ctx context.Context, after string, max int) ([]models.Export, error) {
	var out []models.Export
	err := d.r.each(ctx, `SELECT doc FROM exports WHERE id > ? ORDER BY id LIMIT ?`, []any{after, limit(max, 500)}, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var e models.Export
		err := decode(doc, &e)
		out = append(out, e)
		return err
	})
	return out, fault("exports", err)
}

// DeleteExport removes an export at this rev, which ErrConflict says it has no
// longer. One that is not there is a success.
func (d *Documents) DeleteExport(ctx context.Context, id string, rev int64) error {
	return fault("delete export "+id, d.w.do(ctx, func(s *session) error {
		n, err := s.exec(`DELETE FROM exports WHERE id = ? AND rev = ?`, id, rev)
		if err != nil || n == 1 {
			return err
		}
		var there int
		if err := s.one(`SELECT count(*) FROM exports WHERE id = ?`, []any{id}, &there); err != nil || there == 0 {
			return err
		}
		return models.ErrConflict
	}))
}
