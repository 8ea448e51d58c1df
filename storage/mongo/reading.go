package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// watermarkKey is where meta keeps the watermark.
const watermarkKey = "watermark"

// Watermark returns what divides search from history; models.Everything if it
// was never raised.
func (d *Documents) Watermark(ctx context.Context) (models.Watermark, error) {
	var m meta
	err := d.one(ctx, d.byID(cMeta, watermarkKey), &m)
	if errors.Is(err, models.ErrNotFound) {
		return models.Everything, nil
	}
	return models.Watermark(m.Value), fault("watermark", err)
}

// RaiseWatermark raises the watermark to mark, unless it is there or beyond.
func (d *Documents) RaiseWatermark(ctx context.Context, mark models.Watermark) error {
	raise := bson.D{{Key: "$max", Value: bson.D{{Key: "value", Value: string(mark)}}}}
	err := d.put(ctx, d.byID(cMeta, watermarkKey), raise)
	if errors.Is(err, models.ErrConflict) { // two made it at the same moment
		_, err = d.update(ctx, d.byID(cMeta, watermarkKey), raise)
	}
	return fault("raise watermark", err)
}

// standingTries is how often posts that seem to be nowhere are looked for: one
// that is purged or brought back between two reads is in neither of them.
const standingTries = 3

// Standings says where posts are. Those that are nowhere are left out. The
// documents are read before the stubs, so a purge in between shows the post as
// it was; a return in between is looked for again.
func (d *Documents) Standings(ctx context.Context, posts []string) (map[string]models.Standing, error) {
	out := make(map[string]models.Standing, len(posts))
	gone := map[string]bool{}
	left := posts
	for range standingTries {
		if len(left) == 0 {
			break
		}
		if err := d.standings(ctx, left, out, gone); err != nil {
			return nil, fault("standings", err)
		}
		var missing []string
		for _, id := range left {
			if _, ok := out[id]; !ok && !gone[id] {
				missing = append(missing, id)
			}
		}
		left = missing
	}
	return out, nil
}

// standings is one look at documents and stubs; gone are those with a tombstone.
func (d *Documents) standings(ctx context.Context, posts []string, out map[string]models.Standing, gone map[string]bool) error {
	err := d.each(ctx, d.where(cPosts+primary, among("_id", posts)).only(with("rev", "tomb", "hidden")), func(doc bson.Raw) error {
		var s stored
		err := unmarshal(doc, &s)
		if s.Tomb {
			gone[s.ID] = true
		} else {
			out[s.ID] = models.Standing{Live: true, Hidden: s.Hidden > 0, Rev: s.Rev}
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.each(ctx, d.where(cStubs+primary, among("_id", posts)).only(with("hidden", "stub.rev")), func(doc bson.Raw) error {
		var s stubDoc
		err := unmarshal(doc, &s)
		if _, live := out[s.Post]; !live && !gone[s.Post] {
			out[s.Post] = models.Standing{Hidden: s.Hidden != "", Rev: s.Stub.Rev}
		}
		return err
	})
}

// Labelled returns living posts on one of whose attributes people were asked and
// answered, created from since until before until (zero: no bound), in the order
// of their ids, after the cursor. It reads the questions of all posts, since few
// posts have one.
func (d *Documents) Labelled(ctx context.Context, attribute string, since, until time.Time, after string, max int) ([]models.Post, error) {
	const page = 500
	var out []models.Post
	for {
		var ids []string
		more := false
		err := d.each(ctx, d.where(itemsPost, bson.D{{Key: "post", Value: bson.D{{Key: "$gt", Value: after}}}}).sorted(asc("post")).only(with("post")),
			func(doc bson.Raw) error {
				id, _ := doc.Lookup("post").StringValueOK()
				if n := len(ids); n > 0 && ids[n-1] == id {
					return nil // another question of the same post
				}
				if more = len(ids) == page; more {
					return errEnough
				}
				ids = append(ids, id)
				return nil
			})
		if err != nil || len(ids) == 0 {
			return out, fault("labelled posts", err)
		}
		found, err := d.posts(ctx, d.where(cPosts+primary, append(among("_id", ids), bson.E{Key: "tomb", Value: false})).sorted(asc("_id")))
		if err != nil {
			return out, fault("labelled posts", err)
		}
		for i := range found {
			p := &found[i]
			if !p.LabelledOn(attribute) || p.CreatedAt.Before(since) || !until.IsZero() && !p.CreatedAt.Before(until) {
				continue
			}
			if out = append(out, *p); len(out) == limit(max, 500) {
				return out, nil
			}
		}
		if after = ids[len(ids)-1]; !more {
			return out, nil
		}
	}
}
