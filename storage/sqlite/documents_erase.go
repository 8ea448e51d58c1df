package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weft/models"
)

// Erasures returns forgotten posts whose rows the history may still hold, in the
// order of their ids, after the cursor.
func (d *Documents) Erasures(ctx context.Context, after string, max int) ([]models.Erasure, error) {
	var out []models.Erasure
	err := d.r.each(ctx, `SELECT post, source, day, firm, at FROM erasures WHERE post > ? ORDER BY post LIMIT ?`,
		[]any{after, limit(max, 500)}, func(scan scanner) error {
			var e models.Erasure
			var at int64
			err := scan(&e.Post, &e.Source, &e.Day, &e.Firm, &at)
			e.At = fromMicros(at)
			out = append(out, e)
			return err
		})
	return out, fault("erasures", err)
}

// Reserve notes that the file of a part is about to be written in the place of
// another one's. Until Replace it is a stray.
func (d *Documents) Reserve(ctx context.Context, part models.Part, now time.Time) error {
	return fault("reserve part "+part.ID, d.w.do(ctx, func(s *session) error { return s.stray(part.Path(), false, now) }))
}

// Replace puts the verified part fresh, whose file was reserved, in the place of
// olds, whose files become strays. With no rows in fresh, they just go. rows are
// those that were erased, by post: they are for the receipts. ErrConflict, and
// nothing is changed, if any of olds is not a verified part any more, or the file
// was swept.
func (d *Documents) Replace(ctx context.Context, olds []models.Part, fresh models.Part, rows map[string]int, now time.Time) error {
	return fault("replace parts by "+fresh.ID, d.w.do(ctx, func(s *session) error {
		if len(olds) == 0 {
			return models.Faultf(models.Permanent, "no parts to be replaced")
		}
		var ids strings.Builder
		for i := range olds {
			if err := s.retire(&olds[i], &fresh, now); err != nil {
				return err
			}
			ids.WriteString(olds[i].ID + " ")
		}
		for post, n := range rows {
			if _, err := s.exec(`UPDATE erasures SET erased = erased + ?, parts = parts || ? WHERE post = ?`, n, ids.String(), post); err != nil {
				return err
			}
		}
		if fresh.Rows == 0 {
			return nil
		}
		n, err := s.exec(`DELETE FROM strays WHERE path = ? AND doomed = 0`, fresh.Path())
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: the file of part %s was swept", models.ErrConflict, fresh.ID)
		}
		if err != nil {
			return err
		}
		stored := fresh
		stored.MadeAt = fresh.MadeAt.UTC()
		doc, err := encode(stored)
		if err != nil {
			return err
		}
		_, err = s.exec(`INSERT INTO parts(id, state, made_at, doc) VALUES(?, ?, ?, ?)`,
			stored.ID, string(stored.State), micros(stored.MadeAt), doc)
		return err
	}))
}

// retire takes old out of the manifest, in favour of fresh.
func (s *session) retire(old, fresh *models.Part, now time.Time) error {
	n, err := s.exec(`DELETE FROM parts WHERE id = ? AND state = ?`, old.ID, string(models.PartVerified))
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: part %s was replaced before", models.ErrConflict, old.ID)
	}
	if err != nil {
		return err
	}
	if err := s.stray(old.Path(), true, now); err != nil || fresh.Rows == 0 {
		return err
	}
	_, err = s.exec(`UPDATE staging SET part = ? WHERE part = ? AND part <> ''`, fresh.ID, old.ID)
	return err
}

// Erased notes that the history holds nothing more of the given posts: each
// gets its receipt, where there is a line in the audit for it.
func (d *Documents) Erased(ctx context.Context, posts []string, now time.Time) error {
	return fault("erased", d.w.do(ctx, func(s *session) error {
		for _, post := range posts {
			r := models.Receipt{At: now.UTC()}
			var parts string
			err := absent(s.one(`DELETE FROM erasures WHERE post = ? RETURNING erased, parts`, []any{post}, &r.Rows, &parts))
			if errors.Is(err, models.ErrNotFound) {
				continue // another eraser was first
			}
			if err != nil {
				return err
			}
			r.Parts = strings.Fields(parts)
			if err := s.receipt(post, r); err != nil {
				return err
			}
			if _, err := s.exec(`INSERT OR IGNORE INTO buried(post, at) SELECT id, ? FROM posts WHERE id = ? AND tomb > 0`,
				now.UnixMicro(), post); err != nil {
				return err
			}
		}
		return nil
	}))
}

// receipt gives the post's lines of the audit their receipt.
func (s *session) receipt(post string, r models.Receipt) error {
	lines, err := s.auditOf(s.w.salt.Post(post))
	if err != nil {
		return err
	}
	for _, a := range lines {
		if a.Act != models.Delete || a.Receipt != nil {
			continue
		}
		a.Receipt = &r
		id := a.ID
		a.ID = 0
		doc, err := encode(&a)
		if err != nil {
			return err
		}
		if _, err := s.exec(`UPDATE audit SET doc = ? WHERE id = ?`, doc, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) auditOf(hash []byte) (lines []models.Audit, err error) {
	err = s.each(`SELECT id, doc FROM audit WHERE hash = ?`, []any{hash}, func(scan scanner) (err error) {
		lines, err = appendAudit(lines, scan)
		return err
	})
	return lines, err
}

func appendAudit(lines []models.Audit, scan scanner) ([]models.Audit, error) {
	var id int64
	var doc []byte
	if err := scan(&id, &doc); err != nil {
		return lines, err
	}
	var a models.Audit
	err := decode(doc, &a)
	a.ID = id
	return append(lines, a), err
}

// ForgetLog returns the lines of the audit, the newest first; of one post if it
// is given.
func (d *Documents) ForgetLog(ctx context.Context, post string, max int) ([]models.Audit, error) {
	query, args := `SELECT id, doc FROM audit ORDER BY id DESC LIMIT ?`, []any{limit(max, 100)}
	if post != "" {
		query, args = `SELECT id, doc FROM audit WHERE hash = ? ORDER BY id DESC LIMIT ?`, []any{d.w.salt.Post(post), limit(max, 100)}
	}
	var out []models.Audit
	err := d.r.each(ctx, query, args, func(scan scanner) (err error) {
		out, err = appendAudit(out, scan)
		return err
	})
	return out, fault("log of what was forgotten", err)
}

const (
	// reserved is how long a file may be in the making before it is taken for the
	// leftover of a crash.
	reserved = 6 * time.Hour
	// straying is how long a stray is deleted again and again: whoever was about
	// to write it is gone by then.
	straying = 24 * time.Hour
)

// Strays returns files of the history's folder that belong to no part, to be
// deleted. From then on none of them can become one.
func (d *Documents) Strays(ctx context.Context, now time.Time, max int) ([]string, error) {
	var out []string
	err := d.w.do(ctx, func(s *session) error {
		out = nil
		if _, err := s.exec(`UPDATE strays SET doomed = 1, at = ? WHERE doomed = 0 AND at <= ?`,
			now.UnixMicro(), now.Add(-reserved).UnixMicro()); err != nil {
			return err
		}
		return s.each(`SELECT path FROM strays WHERE doomed > 0 ORDER BY path LIMIT ?`, []any{limit(max, 10_000)}, func(scan scanner) error {
			var path string
			err := scan(&path)
			out = append(out, path)
			return err
		})
	})
	return out, fault("strays", err)
}

// Swept notes that strays were deleted. Each is looked for again for a day.
func (d *Documents) Swept(ctx context.Context, paths []string, now time.Time) error {
	return fault("swept", d.w.do(ctx, func(s *session) error {
		for _, path := range paths {
			if _, err := s.exec(`DELETE FROM strays WHERE path = ? AND doomed > 0 AND at <= ?`, path, now.Add(-straying).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Reduce leaves of up to max tombstones, erased from the history by before, no
// more than the hash that keeps them from coming back. It waits for those that
// search or blobs still know. It returns how many.
func (d *Documents) Reduce(ctx context.Context, before time.Time, max int) (int, error) {
	var ids []string
	err := d.w.do(ctx, func(s *session) error {
		ids = nil
		if err := s.each(`SELECT b.post FROM buried b JOIN posts p ON p.id = b.post WHERE b.at <= ? AND p.dirty = 0
			AND NOT EXISTS (SELECT 1 FROM blob_refs r WHERE r.post = b.post) ORDER BY b.post LIMIT ?`,
			[]any{before.UnixMicro(), limit(max, 500)}, func(scan scanner) error {
				var id string
				err := scan(&id)
				ids = append(ids, id)
				return err
			}); err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.reduce(id); err != nil {
				return err
			}
		}
		return nil
	})
	return len(ids), fault("reduce tombstones", err)
}

func (s *session) reduce(id string) error {
	p, err := s.stored(id)
	if err != nil {
		return err
	}
	d := models.Deletion{Act: models.Delete}
	if p.Tombstone != nil {
		d.By = p.Tombstone.By
	}
	if _, err := s.mark(s.w.salt.Post(id), &d, true); err != nil {
		return err
	}
	for _, table := range []string{"runs", "timeline", "passages", "items", "staging", "buried"} {
		if _, err := s.exec(`DELETE FROM `+table+` WHERE post = ?`, id); err != nil {
			return err
		}
	}
	_, err = s.exec(`DELETE FROM posts WHERE id = ?`, id)
	return err
}

// expiryKey is where meta keeps which part of the hashes was looked at last.
const expiryKey = "forgotten"

// Expire forgets hashes whose time is over. Each call looks at a 256th of them:
// an index would cost as much as the hashes.
func (d *Documents) Expire(ctx context.Context, now time.Time) (int64, error) {
	var n int64
	err := d.w.do(ctx, func(s *session) error {
		var last string
		err := absent(s.one(`SELECT value FROM meta WHERE key = ?`, []any{expiryKey}, &last))
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return err
		}
		at, _ := strconv.Atoi(last) // nothing there: from the beginning
		low, high := []byte{byte(at)}, []byte{byte(at), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		if n, err = s.exec(`DELETE FROM forgotten WHERE hash >= ? AND hash <= ? AND until > 0 AND until < ?`, low, high, dayNumber(now)); err != nil {
			return err
		}
		_, err = s.exec(`INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)`, expiryKey, strconv.Itoa((at+1)%256))
		return err
	})
	return n, fault("expire hashes", err)
}

// Unseen returns the posts that no reader of the history may see although it
// holds them: those to be erased, and the hidden ones.
func (d *Documents) Unseen(ctx context.Context) ([]string, error) {
	var out []string
	err := d.r.each(ctx, `SELECT post FROM erasures UNION SELECT id FROM posts WHERE hidden > 0
		UNION SELECT post FROM stubs WHERE hidden <> '' ORDER BY 1`, nil, func(scan scanner) error {
		var id string
		err := scan(&id)
		out = append(out, id)
		return err
	})
	return out, fault("unseen posts", err)
}
