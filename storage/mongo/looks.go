package mongo

import (
	"context"
	"math/bits"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// looksOf lists the hashes of a post's usable images and their bands. They are in
// the post's own document, so that whatever writes the post brings them along
// without a transaction; a search reads of each post only these.
func looksOf(p *models.Post) []storedLook {
	var out []storedLook
	for _, look := range document.LooksOf(p) {
		l := storedLook{Image: look.Image, Hash: int64(look.Hash)}
		for band := range document.Bands {
			l.Bands = append(l.Bands, document.Bucket(band, look.Hash))
		}
		out = append(out, l)
	}
	return out
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
	var out []models.Near
	seen := map[string]bool{}
	for buckets := range slices.Chunk(around, listed) {
		near, err := d.nearIn(ctx, hash, distance, buckets, seen)
		if err != nil {
			return nil, err
		}
		if out = append(out, near...); len(out) >= document.MostAlike {
			break
		}
	}
	document.SortNear(out)
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
		if len(out) >= document.MostAlike {
			return errEnough
		}
		return nil
	})
	return out, err
}
