package mongo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// blobDoc counts a blob's references. Whoever adds or ends one writes it in the
// same transaction, so AddRefs and Release of one blob take turns: either
// AddRefs finds it doomed, or Release counts the new reference.
type blobDoc struct {
	Key    string `bson:"_id"`
	Refs   int    `bson:"refs"`
	Doomed bool   `bson:"doomed,omitempty"` // about to be deleted
	Again  int64  `bson:"again,omitempty"`  // when it is looked for once more, µs
}

// refDoc says that a post needs a blob.
type refDoc struct {
	ID      string `bson:"_id"` // see refID
	Key     string `bson:"key"`
	Post    string `bson:"post"`
	Expires int64  `bson:"expires,omitempty"` // µs
}

// refID: a post's id has no space in it, so no two references share one.
func refID(r *models.BlobRef) string { return r.Key + " " + r.Post }

// lateWrite is when a blob of a deleted post is looked for once more: a fetch
// that was under way may have stored it after it was deleted.
const lateWrite = time.Hour

// AddRefs notes that posts need blobs. What is left of a deleted post as a hash
// needs none: such a reference ends after an hour, so that the blob which is
// being stored under it is swept. Where a reference is there already, the
// later expiry holds (none is the latest). If any of the keys is doomed,
// nothing is noted and it is ErrConflict: the blob is about to be deleted, so
// store it again after that.
//
// The posts are locked, see lockLiving: a deletion meanwhile either finds the
// new reference and ends it, or is found.
func (d *Documents) AddRefs(ctx context.Context, refs []models.BlobRef) error {
	return fault("add blob references", d.tx(ctx, func(ctx context.Context) error { return d.addRefs(ctx, slices.Clone(refs)) }))
}

func (d *Documents) addRefs(ctx context.Context, refs []models.BlobRef) error {
	posts, keys, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range refs {
		posts[refs[i].Post], keys[refs[i].Key], ids[refID(&refs[i])] = true, true, true
	}
	gone, err := d.lockLiving(ctx, posts)
	if err != nil {
		return err
	}
	blobs, err := d.blobs(ctx, keys)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if b.Doomed {
			return fmt.Errorf("blob %s is doomed: %w", b.Key, models.ErrConflict)
		}
	}
	have := map[string]refDoc{}
	for list := range slices.Chunk(slices.Collect(maps.Keys(ids)), listed) {
		some, err := collect[refDoc](ctx, d, d.where(cBlobRefs+primary, among("_id", list)))
		if err != nil {
			return err
		}
		for _, r := range some {
			have[r.ID] = r
		}
	}
	more := map[string]int{} // references by key
	fresh := map[string]refDoc{}
	for i := range refs {
		r := &refs[i]
		if gone[r.Post] {
			r.Expires = time.Now().Add(lateWrite)
		}
		doc := refDoc{ID: refID(r), Key: r.Key, Post: r.Post, Expires: micros(r.Expires)}
		if old, ok := have[doc.ID]; ok {
			doc.Expires = later(old.Expires, doc.Expires)
		} else {
			more[r.Key]++
		}
		have[doc.ID], fresh[doc.ID] = doc, doc
	}
	return d.putRefs(ctx, fresh, keys, more)
}

// later is the later of two expiries, of which none is the latest.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// putRefs writes references, and what they add to the counts. All counts are
// written, also where a reference only lasts longer.
func (d *Documents) putRefs(ctx context.Context, refs map[string]refDoc, keys map[string]bool, more map[string]int) error {
	var ws []mongo.WriteModel
	for _, id := range slices.Sorted(maps.Keys(refs)) {
		r := refs[id]
		change := bson.D{{Key: "$set", Value: bson.D{{Key: "key", Value: r.Key}, {Key: "post", Value: r.Post}, {Key: "expires", Value: r.Expires}}}}
		if r.Expires == 0 {
			change = bson.D{{Key: "$set", Value: bson.D{{Key: "key", Value: r.Key}, {Key: "post", Value: r.Post}}},
				{Key: "$unset", Value: bson.D{{Key: "expires", Value: ""}}}}
		}
		w, err := d.byID(cBlobRefs, id).updateModel(change)
		if err != nil {
			return err
		}
		ws = append(ws, w.SetUpsert(true))
	}
	if len(ws) == 0 {
		return nil
	}
	if _, err := d.bulk(ctx, cBlobRefs, ws); err != nil {
		return err
	}
	return d.recount(ctx, keys, more)
}

// recount writes the counts of the given blobs, making those that aren't there.
func (d *Documents) recount(ctx context.Context, keys map[string]bool, more map[string]int) error {
	var ws []mongo.WriteModel
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		w, err := d.byID(cBlobs, key).updateModel(bson.D{{Key: "$inc", Value: bson.D{{Key: "refs", Value: more[key]}, {Key: "w", Value: int64(1)}}}})
		if err != nil {
			return err
		}
		ws = append(ws, w.SetUpsert(true))
	}
	_, err := d.bulk(ctx, cBlobs, ws)
	return err
}

func (d *Documents) blobs(ctx context.Context, keys map[string]bool) ([]blobDoc, error) {
	var out []blobDoc
	for list := range slices.Chunk(slices.Collect(maps.Keys(keys)), listed) {
		some, err := collect[blobDoc](ctx, d, d.where(cBlobs+primary, among("_id", list)))
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// releasedRefs are the references that one transaction of Release ends.
const releasedRefs = 100

// Release drops up to max references that expired by now (those of tombstoned
// posts did when the post was deleted), dooms the blobs that nobody references
// any more, and returns all doomed keys, those of an earlier call that no Undoom
// followed among them (up to max).
func (d *Documents) Release(ctx context.Context, now time.Time, max int) ([]string, error) {
	n := limit(max, 500)
	keys, err := d.releaseExpired(ctx, now, n)
	return keys, fault("release blobs", err)
}

func (d *Documents) releaseExpired(ctx context.Context, now time.Time, n int) ([]string, error) {
	if err := d.doomAgain(ctx, now); err != nil {
		return nil, err
	}
	expired := bson.D{{Key: "expires", Value: bson.D{{Key: "$lte", Value: now.UnixMicro()}}}}
	refs, err := collect[refDoc](ctx, d, d.where(blobRefsExpires, expired).sorted(asc("expires")).limit(n))
	if err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(refs, releasedRefs) {
		if err := d.tx(ctx, func(ctx context.Context) error { return d.endRefs(ctx, batch, now) }); err != nil {
			return nil, err
		}
	}
	doomed, err := collect[blobDoc](ctx, d, d.where(blobsDoomed, bson.D{{Key: "doomed", Value: true}}).sorted(asc("_id")).limit(n))
	var keys []string
	for _, b := range doomed {
		keys = append(keys, b.Key)
	}
	return keys, err
}

// endRefs drops references that are still expired, and dooms what then has none.
func (d *Documents) endRefs(ctx context.Context, refs []refDoc, now time.Time) error {
	var ids []string
	for i := range refs {
		ids = append(ids, refs[i].ID)
	}
	still, err := collect[refDoc](ctx, d, d.where(cBlobRefs+primary,
		append(among("_id", ids), bson.E{Key: "expires", Value: bson.D{{Key: "$gt", Value: 0}, {Key: "$lte", Value: now.UnixMicro()}}})))
	if err != nil || len(still) == 0 {
		return err
	}
	ids = ids[:0]
	less, keys := map[string]int{}, map[string]bool{}
	for _, r := range still {
		ids = append(ids, r.ID)
		less[r.Key]--
		keys[r.Key] = true
	}
	if _, err := d.remove(ctx, d.where(cBlobRefs+primary, among("_id", ids))); err != nil {
		return err
	}
	if err := d.recount(ctx, keys, less); err != nil {
		return err
	}
	unused := append(among("_id", slices.Collect(maps.Keys(keys))), bson.E{Key: "refs", Value: bson.D{{Key: "$lte", Value: 0}}})
	_, err = d.updateAll(ctx, d.where(cBlobs+primary, unused), set("doomed", true))
	return err
}

// doomAgain dooms once more what a late write may have brought back. It needs
// no transaction: a blob's count is in the document that it writes.
func (d *Documents) doomAgain(ctx context.Context, now time.Time) error {
	due := bson.E{Key: "again", Value: bson.D{{Key: "$lte", Value: now.UnixMicro()}}}
	never := bson.E{Key: "$unset", Value: bson.D{{Key: "again", Value: ""}}}
	if _, err := d.updateAll(ctx, d.where(blobsAgain, bson.D{due, {Key: "refs", Value: bson.D{{Key: "$lte", Value: 0}}}}),
		bson.D{{Key: "$set", Value: bson.D{{Key: "doomed", Value: true}}}, never}); err != nil {
		return err
	}
	_, err := d.updateAll(ctx, d.where(blobsAgain, bson.D{due, {Key: "refs", Value: bson.D{{Key: "$gt", Value: 0}}}}), bson.D{never})
	return err
}

// Undoom forgets doomed keys whose blobs are deleted: they may be stored again.
func (d *Documents) Undoom(ctx context.Context, keys []string) error {
	for list := range slices.Chunk(keys, listed) {
		doomed := append(among("_id", list), bson.E{Key: "doomed", Value: true})
		over := append(slices.Clone(doomed), bson.E{Key: "again", Value: bson.D{{Key: "$exists", Value: false}}})
		if _, err := d.remove(ctx, d.where(cBlobs+primary, over)); err != nil {
			return fault("undoom blobs", err)
		}
		if _, err := d.updateAll(ctx, d.where(cBlobs+primary, doomed), bson.D{{Key: "$unset", Value: bson.D{{Key: "doomed", Value: ""}}}}); err != nil {
			return fault("undoom blobs", err)
		}
	}
	return nil
}

// releaseAll ends a post's blob references, so that the next Release dooms what
// nobody else needs, and forgets what any model said of what the runs' models saw: also
// those of earlier generations, and shadows. To doom it
// here would keep other posts with the same image waiting until the next sweep.
// Results of text are forgotten too: whoever has the same text computes them again.
func (d *Documents) releaseAll(ctx context.Context, post string, runs []models.Run) error {
	mine := bson.D{{Key: "post", Value: post}}
	refs, err := collect[refDoc](ctx, d, d.where(blobRefsPost, mine))
	if err != nil {
		return err
	}
	shared := map[string]bool{} // keys that others need
	if len(refs) > 0 {
		keys := map[string]bool{}
		for _, r := range refs {
			keys[r.Key] = true
		}
		if _, err := d.updateAll(ctx, d.where(blobRefsPost, mine), set("expires", int64(1))); err != nil {
			return err
		}
		blobs, err := d.blobs(ctx, keys)
		if err != nil {
			return err
		}
		for _, b := range blobs {
			shared[b.Key] = b.Refs > 1
		}
		first := append(among("_id", slices.Collect(maps.Keys(keys))), bson.E{Key: "again", Value: bson.D{{Key: "$exists", Value: false}}})
		if _, err := d.updateAll(ctx, d.where(cBlobs+primary, first), set("again", time.Now().Add(lateWrite).UnixMicro())); err != nil {
			return err
		}
	}
	var inputs []string
	for _, r := range runs {
		for _, res := range r.Results {
			if !neededBy(shared, res.Input) {
				inputs = append(inputs, res.Input)
			}
		}
	}
	if len(inputs) == 0 {
		return nil
	}
	_, err = d.remove(ctx, d.where(resultsInput, among("result.input", inputs)))
	return err
}

// neededBy reports whether a result is of an image that another post has: blob
// keys name their content.
func neededBy(shared map[string]bool, input string) bool {
	for key, needed := range shared {
		if needed && input != "" && strings.Contains(key, input) {
			return true
		}
	}
	return false
}
