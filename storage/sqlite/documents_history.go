package sqlite

import (
	"context"
	"errors"
	"time"

	"weft/models"
)

// Stage keeps rows until a part holds them. A row that was staged before, in a
// part or not, is left as it is; one of a deleted post is not taken.
func (d *Documents) Stage(ctx context.Context, rows []models.Row) error {
	return fault("stage", d.w.do(ctx, func(s *session) error {
		for i := range rows {
			r := &rows[i]
			if gone, err := s.gone(r.Post); err != nil || gone {
				if err != nil {
					return err
				}
				continue
			}
			if _, err := s.exec(`INSERT INTO staging(post, profile, generation, rev, source, day, created_at, archived_at, body)
				VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, r.Post, r.Profile, r.Generation, r.Rev, r.Source,
				r.Day(), micros(r.CreatedAt), micros(r.ArchivedAt), []byte(r.Body)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// StagedCount returns how many rows are staged and in no part yet.
func (d *Documents) StagedCount(ctx context.Context) (int64, error) {
	var n int64
	err := d.r.one(ctx, `SELECT COUNT(*) FROM staging WHERE part = ''`, nil, &n)
	return n, fault("count staged rows", err)
}

// Assign makes the part partID of up to maxRows rows that are in no part yet,
// were archived by before, and share day and source: those of the row that
// waits longest. It is false when no row waits. A part that exists already is
// returned as it is, so a repeated call is harmless.
func (d *Documents) Assign(ctx context.Context, partID string, maxRows int, before time.Time) (models.Part, bool, error) {
	var part models.Part
	found := false
	err := d.w.do(ctx, func(s *session) (err error) {
		part, err = s.part(partID)
		if !errors.Is(err, models.ErrNotFound) {
			found = err == nil
			return err
		}
		part, found, err = s.assign(partID, maxRows, before)
		return err
	})
	return part, found && err == nil, fault("assign part "+partID, err)
}

func (s *session) assign(id string, maxRows int, before time.Time) (models.Part, bool, error) {
	part := models.Part{ID: id, State: models.PartStaged, MadeAt: time.Now().UTC()}
	err := s.one(`SELECT day, source FROM staging WHERE part = '' AND archived_at <= ?
		GROUP BY day, source ORDER BY MIN(archived_at), day, source LIMIT 1`, []any{before.UnixMicro()}, &part.Day, &part.Source)
	if err = absent(err); err != nil {
		if errors.Is(err, models.ErrNotFound) {
			err = nil
		}
		return part, false, err
	}
	if _, err := s.exec(`UPDATE staging SET part = ? WHERE rowid IN (SELECT rowid FROM staging
		WHERE part = '' AND day = ? AND source = ? AND archived_at <= ? ORDER BY archived_at, rowid LIMIT ?)`,
		id, part.Day, part.Source, before.UnixMicro(), max(1, maxRows)); err != nil {
		return part, false, err
	}
	var rows []models.Row
	if err := s.each(partRows, []any{id}, func(scan scanner) (err error) {
		rows, err = appendRow(rows, scan)
		return err
	}); err != nil {
		return part, false, err
	}
	part.Rows, part.Checksum = len(rows), models.Checksum(rows)
	doc, err := encode(part)
	if err != nil {
		return part, false, err
	}
	_, err = s.exec(`INSERT INTO parts(id, state, made_at, doc) VALUES(?, ?, ?, ?)`, id, string(part.State), micros(part.MadeAt), doc)
	return part, true, err
}

const partRows = `SELECT post, profile, generation, rev, source, created_at, archived_at, body
	FROM staging WHERE part = ? AND part <> '' ORDER BY post, profile, generation, rev`

func appendRow(rows []models.Row, scan scanner) ([]models.Row, error) {
	var r models.Row
	var created, archived int64
	var body []byte
	err := scan(&r.Post, &r.Profile, &r.Generation, &r.Rev, &r.Source, &created, &archived, &body)
	r.CreatedAt, r.ArchivedAt, r.Body = fromMicros(created), fromMicros(archived), body
	return append(rows, r), err
}

// PartRows returns the rows of a part in the order of their keys. Their bodies
// are empty once the part is verified.
func (d *Documents) PartRows(ctx context.Context, id string) ([]models.Row, error) {
	var rows []models.Row
	err := d.r.each(ctx, partRows, []any{id}, func(scan scanner) (err error) {
		rows, err = appendRow(rows, scan)
		return err
	})
	return rows, fault("rows of part "+id, err)
}

// Parts returns parts in a state, or all, the oldest first.
func (d *Documents) Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error) {
	query, args := `SELECT doc FROM parts ORDER BY made_at, id LIMIT ?`, []any{limit(max, 1000)}
	if state != "" {
		query, args = `SELECT doc FROM parts WHERE state = ? ORDER BY made_at, id LIMIT ?`, []any{string(state), limit(max, 1000)}
	}
	var out []models.Part
	err := d.r.each(ctx, query, args, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var p models.Part
		err := decode(doc, &p)
		out = append(out, p)
		return err
	})
	return out, fault("parts", err)
}

func (s *session) part(id string) (models.Part, error) {
	var doc []byte
	var p models.Part
	if err := s.one(`SELECT doc FROM parts WHERE id = ?`, []any{id}, &doc); err != nil {
		return p, absent(err)
	}
	err := decode(doc, &p)
	return p, err
}

// MovePart writes a part whose stored state is from, and whose Loads are part's,
// or one less if part is booked for a load (it becomes loading, or stays where it
// is); otherwise ErrConflict, or ErrNotFound. A part goes round when a load went wrong: without its Loads, who comes late
// would take the second round for the first. When a part becomes verified, its rows lose their bodies in the
// same transaction and keep their keys, which tell that a part holds them.
func (d *Documents) MovePart(ctx context.Context, part models.Part, from models.PartState) error {
	return fault("move part "+part.ID, d.w.do(ctx, func(s *session) error {
		stored, err := s.part(part.ID)
		if err != nil {
			return err
		}
		if part.State == models.PartLoading || part.State == from {
			stored.Loads++
		}
		if stored.State != from || stored.Loads != part.Loads {
			return models.ErrConflict
		}
		part.MadeAt = part.MadeAt.UTC()
		doc, err := encode(part)
		if err != nil {
			return err
		}
		if _, err := s.exec(`UPDATE parts SET state = ?, doc = ? WHERE id = ?`, string(part.State), doc, part.ID); err != nil {
			return err
		}
		if part.State == models.PartVerified {
			_, err = s.exec(`UPDATE staging SET body = x'' WHERE part = ? AND part <> ''`, part.ID)
		}
		return err
	}))
}
