package mongo

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// Perceptual hashes are found by bands: of two hashes that differ in d bits,
// one of their four bands of 16 bits differs in at most d/4. So each image has
// its four bands in an index, and a search looks up every value that is so near
// to the hash's own: one per band up to a distance of 3, 17 up to 7, 137 up to
// 11, 697 up to 15. Of a million images a band's value holds some 15.
//
// They are in the post's own document, so that whatever writes the post brings
// them along without a transaction; a search reads of each post only these.
const (
	bands        = 4
	bandBits     = 64 / bands
	mostDistance = 15
	// mostAlike bounds what one search holds in memory: an image that everybody
	// passes on, or a plain white one, may be there a hundred thousand times.
	mostAlike = 10_000
)

// looksOf lists the hashes of a post's usable images.
func looksOf(p *models.Post) []storedLook {
	var out []storedLook
	for i, m := range p.Media {
		hash, err := parseHash(m.PHash)
		if err != nil || m.State != models.MediaOK {
			continue
		}
		l := storedLook{Image: i, Hash: int64(hash)}
		for band := range bands {
			l.Bands = append(l.Bands, bucket(band, hash))
		}
		out = append(out, l)
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
	var out []models.Near
	seen := map[string]bool{}
	for buckets := range slices.Chunk(around(hash, distance/bands), listed) {
		near, err := d.nearIn(ctx, hash, distance, buckets, seen)
		if err != nil {
			return nil, err
		}
		if out = append(out, near...); len(out) >= mostAlike {
			break
		}
	}
	slices.SortFunc(out, func(a, b models.Near) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Image, b.Image))
	})
	return out, nil
}

// nearIn finds the images in some buckets that are near, of posts not seen yet.
func (d *Documents) nearIn(ctx context.Context, hash uint64, distance int, buckets []int64, seen map[string]bool) ([]models.Near, error) {
	var out []models.Near
	f := d.where(postsLooks, among("looks.bands", buckets)).only(with("looks.image", "looks.hash"))
	err := d.each(ctx, f, func(doc bson.Raw) error {
		var s stored
		if err := unmarshal(doc, &s); err != nil || seen[s.ID] {
			return err
		}
		seen[s.ID] = true
		for _, l := range s.Looks {
			if n := bits.OnesCount64(hash ^ uint64(l.Hash)); n <= distance {
				out = append(out, models.Near{Post: s.ID, Image: l.Image, Distance: n})
			}
		}
		if len(out) >= mostAlike {
			return errEnough
		}
		return nil
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
