package sqlite

import (
	"context"
	"encoding/json"
	"math/bits"
	"slices"

	"weft/models"
	"weft/storage/document"
)

// relook brings the hashes that are searched to those of a post's images, from
// old. It is called in the transaction that writes the post.
func (s *session) relook(post string, old, now []document.Look) error {
	if slices.Equal(old, now) {
		return nil
	}
	type row struct{ id, hash int64 }
	var rows []row
	if err := s.each(`SELECT id, hash FROM looks WHERE post = ?`, []any{post}, func(scan scanner) error {
		var r row
		err := scan(&r.id, &r.hash)
		rows = append(rows, r)
		return err
	}); err != nil {
		return err
	}
	for _, r := range rows {
		for band := range document.Bands {
			if _, err := s.exec(`DELETE FROM look_bands WHERE bucket = ? AND id = ?`, document.Bucket(band, uint64(r.hash)), r.id); err != nil {
				return err
			}
		}
		if _, err := s.exec(`DELETE FROM looks WHERE id = ?`, r.id); err != nil {
			return err
		}
	}
	for _, l := range now {
		var id int64
		if err := s.one(`INSERT INTO looks(post, image, hash) VALUES(?, ?, ?) RETURNING id`, []any{post, l.Image, int64(l.Hash)}, &id); err != nil {
			return err
		}
		for band := range document.Bands {
			if _, err := s.exec(`INSERT INTO look_bands(bucket, id, hash) VALUES(?, ?, ?)`, document.Bucket(band, l.Hash), id, int64(l.Hash)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Similar returns up to limit usable images whose perceptual hash differs from
// phash in at most distance bits (at most 15), the nearest first, then in the
// order of their posts. Where more than 10,000 are that near, it chooses among
// as many of them.
func (d *Documents) Similar(ctx context.Context, phash string, distance, max int) ([]models.Near, error) {
	out, err := d.similar(ctx, phash, distance)
	return out[:min(len(out), limit(max, 20))], fault("similar images", err)
}

func (d *Documents) similar(ctx context.Context, phash string, distance int) ([]models.Near, error) {
	hash, around, err := document.Around(phash, distance)
	if err != nil {
		return nil, err
	}
	buckets, err := json.Marshal(around)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "buckets: %w", err)
	}
	far := map[int64]int{} // by id
	err = d.r.each(ctx, `SELECT id, hash FROM look_bands WHERE bucket IN (SELECT value FROM json_each(?))`, []any{string(buckets)},
		func(scan scanner) error {
			var id, other int64
			if err := scan(&id, &other); err != nil {
				return err
			}
			if n := bits.OnesCount64(hash ^ uint64(other)); n <= distance {
				far[id] = n
			}
			if len(far) == document.MostAlike {
				return errEnough
			}
			return nil
		})
	if err != nil || len(far) == 0 {
		return nil, err
	}
	return d.whose(ctx, far)
}

// whose finds the posts of the images that were found.
func (d *Documents) whose(ctx context.Context, far map[int64]int) ([]models.Near, error) {
	ids := make([]int64, 0, len(far))
	for id := range far {
		ids = append(ids, id)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "ids: %w", err)
	}
	var out []models.Near
	err = d.r.each(ctx, `SELECT id, post, image FROM looks WHERE id IN (SELECT value FROM json_each(?))`, []any{string(list)},
		func(scan scanner) error {
			var id int64
			var n models.Near
			err := scan(&id, &n.Post, &n.Image)
			n.Distance = far[id]
			out = append(out, n)
			return err
		})
	document.SortNear(out)
	return out, err
}
