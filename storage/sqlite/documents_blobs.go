package sqlite

import (
	"context"
	"fmt"
	"time"

	"weft/models"
)

// AddRefs notes that posts need blobs. What is left of a deleted post as a hash
// needs none: such a reference ends after an hour, so that the blob which is
// being stored under it is swept. Where a reference is there already, the
// later expiry holds (none is the latest). If any of the keys is doomed,
// nothing is noted and it is ErrConflict: the blob is about to be deleted, so
// store it again after that.
func (d *Documents) AddRefs(ctx context.Context, refs []models.BlobRef) error {
	return fault("add blob references", d.w.do(ctx, func(s *session) error {
		for _, ref := range refs {
			var n int
			if err := s.one(`SELECT COUNT(*) FROM doomed WHERE key = ?`, []any{ref.Key}, &n); err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("blob %s is doomed: %w", ref.Key, models.ErrConflict)
			}
			gone, err := s.gone(ref.Post)
			if err != nil {
				return err
			}
			if gone {
				ref.Expires = time.Now().Add(lateWrite)
			}
			if _, err := s.exec(`INSERT INTO blob_refs(key, post, expires) VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET
				expires = CASE WHEN expires = 0 OR excluded.expires = 0 THEN 0 ELSE MAX(expires, excluded.expires) END`,
				ref.Key, ref.Post, micros(ref.Expires)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Release drops up to max references that expired by now or belong to
// tombstoned posts, dooms the blobs that nobody references any more, and
// returns all doomed keys, those of an earlier call that no Undoom followed
// among them (up to max).
func (d *Documents) Release(ctx context.Context, now time.Time, max int) ([]string, error) {
	var doomed []string
	err := d.w.do(ctx, func(s *session) error {
		var refs []models.BlobRef
		collect := func(scan scanner) error {
			var r models.BlobRef
			err := scan(&r.Key, &r.Post)
			refs = append(refs, r)
			return err
		}
		n := limit(max, 500)
		if err := s.doomAgain(now); err != nil {
			return err
		}
		if err := s.each(`SELECT key, post FROM blob_refs WHERE expires > 0 AND expires <= ? ORDER BY expires LIMIT ?`,
			[]any{now.UnixMicro(), n}, collect); err != nil {
			return err
		}
		expired := len(refs)
		if err := s.each(`SELECT b.key, b.post FROM posts p JOIN blob_refs b ON b.post = p.id WHERE p.tomb > 0 LIMIT ?`,
			[]any{n - len(refs)}, collect); err != nil {
			return err
		}
		for _, r := range refs {
			if err := s.release(r); err != nil {
				return err
			}
		}
		for _, r := range refs[expired:] { // of deleted posts
			if err := s.releaseLater(r.Key); err != nil {
				return err
			}
		}
		doomed = nil
		return s.each(`SELECT key FROM doomed ORDER BY key LIMIT ?`, []any{n}, func(scan scanner) error {
			var key string
			err := scan(&key)
			doomed = append(doomed, key)
			return err
		})
	})
	return doomed, fault("release blobs", err)
}

func (s *session) release(r models.BlobRef) error {
	if _, err := s.exec(`DELETE FROM blob_refs WHERE key = ? AND post = ?`, r.Key, r.Post); err != nil {
		return err
	}
	_, err := s.exec(`INSERT OR IGNORE INTO doomed(key) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM blob_refs WHERE key = ?1)`, r.Key)
	return err
}

// doomAgain dooms once more what a late write may have brought back.
func (s *session) doomAgain(now time.Time) error {
	if _, err := s.exec(`INSERT OR IGNORE INTO doomed(key) SELECT key FROM doomed_again a WHERE a.at <= ?
		AND NOT EXISTS (SELECT 1 FROM blob_refs b WHERE b.key = a.key)`, now.UnixMicro()); err != nil {
		return err
	}
	_, err := s.exec(`DELETE FROM doomed_again WHERE at <= ?`, now.UnixMicro())
	return err
}

// Undoom forgets doomed keys whose blobs are deleted: they may be stored again.
func (d *Documents) Undoom(ctx context.Context, keys []string) error {
	return fault("undoom blobs", d.w.do(ctx, func(s *session) error {
		for _, key := range keys {
			if _, err := s.exec(`DELETE FROM doomed WHERE key = ?`, key); err != nil {
				return err
			}
		}
		return nil
	}))
}
