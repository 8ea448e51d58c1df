package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"math/bits"
	"slices"
	"strconv"

	"weft/models"
)

// Perceptual hashes are found by bands: of two hashes that differ in d bits,
// one of their four bands of 16 bits differs in at most d/4. So each image is
// kept under its four bands, and a search looks up every value that is so near
// to the hash's own: one per band up to a distance of 3, 17 up to 7, 137 up to
// 11, 697 up to 15. Of a million images a band's value holds some 15.
const (
	bands        = 4
	bandBits     = 64 / bands
	mostDistance = 15
	// mostAlike bounds what one search holds in memory: an image that everybody
	// passes on, or a plain white one, may be there a hundred thousand times.
	mostAlike = 10_000
)

// look is the hash of one image of a post.
type look struct {
	image int
	hash  uint64
}

// looksOf lists the hashes of a post's usable images.
func looksOf(p *models.Post) []look {
	var out []look
	for i, m := range p.Media {
		if hash, err := parseHash(m.PHash); err == nil && m.State == models.MediaOK {
			out = append(out, look{i, hash})
		}
	}
	return out
}

func parseHash(s string) (uint64, error) {
	hash, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, models.Faultf(models.Permanent, "perceptual hash %.40q is not 16 hex digits", s)
	}
	return hash, nil
}

// bucket is where an image is kept for one of its bands.
func bucket(band int, hash uint64) int64 {
	return int64(band)<<bandBits | int64(hash>>(band*bandBits)&(1<<bandBits-1))
}

// relook brings the hashes that are searched to those of a post's images, from
// old. It is called in the transaction that writes the post.
func (s *session) relook(post string, old, now []look) error {
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
		for band := range bands {
			if _, err := s.exec(`DELETE FROM look_bands WHERE bucket = ? AND id = ?`, bucket(band, uint64(r.hash)), r.id); err != nil {
				return err
			}
		}
		if _, err := s.exec(`DELETE FROM looks WHERE id = ?`, r.id); err != nil {
			return err
		}
	}
	for _, l := range now {
		var id int64
		if err := s.one(`INSERT INTO looks(post, image, hash) VALUES(?, ?, ?) RETURNING id`, []any{post, l.image, int64(l.hash)}, &id); err != nil {
			return err
		}
		for band := range bands {
			if _, err := s.exec(`INSERT INTO look_bands(bucket, id, hash) VALUES(?, ?, ?)`, bucket(band, l.hash), id, int64(l.hash)); err != nil {
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
	hash, err := parseHash(phash)
	if err != nil {
		return nil, err
	}
	if distance < 0 || distance > mostDistance {
		return nil, models.Faultf(models.Permanent, "a distance of %d is not between 0 and %d", distance, mostDistance)
	}
	buckets, err := json.Marshal(around(hash, distance/bands))
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
			if len(far) == mostAlike {
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
	slices.SortFunc(out, func(a, b models.Near) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Image, b.Image))
	})
	return out, err
}

// around lists the buckets of every band's values that differ from the hash's
// own in at most radius bits.
func around(hash uint64, radius int) []int64 {
	var out []int64
	for band := range bands {
		for mask := range uint64(1 << bandBits) {
			if bits.OnesCount64(mask) <= radius {
				out = append(out, bucket(band, hash^mask<<(band*bandBits)))
			}
		}
	}
	return out
}
