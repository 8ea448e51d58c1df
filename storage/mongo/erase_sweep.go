package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

const (
	// reserved is how long a file may be in the making before it is taken for the
	// leftover of a crash.
	reserved = 6 * time.Hour
	// straying is how long a stray is deleted again and again: whoever was about
	// to write it is gone by then.
	straying = 24 * time.Hour
)

// strayDoc is a file that is not, or not yet, or no longer part of the history.
type strayDoc struct {
	Path   string `bson:"_id"`
	At     int64  `bson:"at"`
	Doomed bool   `bson:"doomed"` // it can't become a part any more
}

func (d *Documents) stray(ctx context.Context, path string, doomed bool, at time.Time) error {
	err := d.put(ctx, d.byID(cStrays, path),
		bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: micros(at)}, {Key: "doomed", Value: doomed}}}})
	return err
}

// Reserve notes that the file of a part is about to be written in the place of
// another one's. Until Replace it is a stray.
func (d *Documents) Reserve(ctx context.Context, part models.Part, now time.Time) error {
	return fault("reserve part "+part.ID, d.stray(ctx, part.Path(), false, now))
}

// Strays returns files of the history's folder that belong to no part, to be
// deleted. From then on none of them can become one.
func (d *Documents) Strays(ctx context.Context, now time.Time, max int) ([]string, error) {
	leftover := bson.D{{Key: "doomed", Value: false}, {Key: "at", Value: bson.D{{Key: "$lte", Value: micros(now.Add(-reserved))}}}}
	if _, err := d.updateAll(ctx, d.where(straysAt, leftover),
		bson.D{{Key: "$set", Value: bson.D{{Key: "doomed", Value: true}, {Key: "at", Value: micros(now)}}}}); err != nil {
		return nil, fault("strays", err)
	}
	docs, err := collect[strayDoc](ctx, d, d.where(straysDoomed, bson.D{{Key: "doomed", Value: true}}).sorted(asc("_id")).limit(limit(max, 10_000)))
	var out []string
	for _, s := range docs {
		out = append(out, s.Path)
	}
	return out, fault("strays", err)
}

// Swept notes that strays were deleted. Each is looked for again for a day.
func (d *Documents) Swept(ctx context.Context, paths []string, now time.Time) error {
	for list := range slices.Chunk(paths, listed) {
		over := append(among("_id", list), bson.E{Key: "doomed", Value: true},
			bson.E{Key: "at", Value: bson.D{{Key: "$lte", Value: micros(now.Add(-straying))}}})
		if _, err := d.remove(ctx, d.where(cStrays+primary, over)); err != nil {
			return fault("swept", err)
		}
	}
	return nil
}

// Reduce leaves of up to max tombstones, erased from the history by before, no
// more than the hash that keeps them from coming back. It waits for those that
// search or blobs still know. It returns how many.
func (d *Documents) Reduce(ctx context.Context, before time.Time, max int) (int, error) {
	done, most := 0, limit(max, 500)
	after := bson.D{{Key: "at", Value: bson.D{{Key: "$lte", Value: micros(before)}}}}
	var ids []string
	err := d.each(ctx, d.where(buriedAt, after).sorted(asc("at", "_id")).only(asc("_id")), func(doc bson.Raw) error {
		id, _ := doc.Lookup("_id").StringValueOK()
		ids = append(ids, id)
		return nil
	})
	for _, id := range ids {
		if err != nil || done == most {
			break
		}
		var reduced bool
		err = d.tx(ctx, func(ctx context.Context) (err error) {
			reduced, err = d.reduce(ctx, id)
			return err
		})
		if err == nil && reduced {
			done++
		}
	}
	return done, fault("reduce tombstones", err)
}

// reduce does it to one tombstone, unless search or blobs know it. A reference
// that is added meanwhile ends by itself, since it is that of a tombstone.
func (d *Documents) reduce(ctx context.Context, id string) (bool, error) {
	s, err := d.stored(ctx, id)
	if err != nil || s.Dirty > 0 {
		return false, unlessGone(err)
	}
	refs, err := d.count(ctx, d.where(blobRefsPost, bson.D{{Key: "post", Value: id}}))
	if err != nil || refs > 0 {
		return false, err
	}
	p, err := s.post()
	if err != nil {
		return false, err
	}
	del := models.Deletion{Act: models.Delete}
	if p.Tombstone != nil {
		del.By = p.Tombstone.By
	}
	if _, err := d.mark(ctx, d.salt.Post(id), &del, true); err != nil {
		return false, err
	}
	mine := bson.D{{Key: "post", Value: id}}
	for _, f := range []filter{
		d.where(timelinesRun, mine), d.where(itemsPost, mine), d.where(stagingPost, mine), d.byID(cBuried, id), d.byID(cPosts, id),
	} {
		if _, err := d.remove(ctx, f); err != nil {
			return false, err
		}
	}
	return true, nil
}

// unlessGone takes a post that is not here any more for no error: another was first.
func unlessGone(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}
