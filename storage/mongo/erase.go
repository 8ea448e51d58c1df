package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// erasureDoc is a forgotten post whose rows the history may still hold.
type erasureDoc struct {
	Post   string   `bson:"_id"`
	Source string   `bson:"source"`
	Day    string   `bson:"day"`
	Firm   bool     `bson:"firm"`
	At     int64    `bson:"at"`
	Erased int      `bson:"erased"` // rows, for the receipt
	Parts  []string `bson:"parts"`
}

// toErase notes that the history may hold rows of a post.
func (d *Documents) toErase(ctx context.Context, e *models.Erasure) error {
	first := bson.D{{Key: "source", Value: e.Source}, {Key: "day", Value: e.Day}, {Key: "at", Value: micros(e.At)},
		{Key: "erased", Value: 0}, {Key: "parts", Value: bson.A{}}}
	change := bson.D{{Key: "$setOnInsert", Value: append(first, bson.E{Key: "firm", Value: false})}}
	if e.Firm {
		change = bson.D{{Key: "$setOnInsert", Value: first}, {Key: "$set", Value: bson.D{{Key: "firm", Value: true}}}}
	}
	err := d.put(ctx, d.byID(cErasures, e.Post), change)
	return err
}

// Erasures returns forgotten posts whose rows the history may still hold, in the
// order of their ids, after the cursor.
func (d *Documents) Erasures(ctx context.Context, after string, max int) ([]models.Erasure, error) {
	docs, err := collect[erasureDoc](ctx, d, d.where(cErasures+primary, behind(after)).sorted(asc("_id")).limit(limit(max, 500)))
	var out []models.Erasure
	for _, e := range docs {
		out = append(out, models.Erasure{Post: e.Post, Source: e.Source, Day: e.Day, Firm: e.Firm, At: fromMicros(e.At)})
	}
	return out, fault("erasures", err)
}

// behind is the condition of what follows an id.
func behind(id string) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: id}}}}
}

// Replace puts the verified part fresh, whose file was reserved, in the place of
// olds, whose files become strays. With no rows in fresh, they just go. rows are
// those that were erased, by post: they are for the receipts. ErrConflict, and
// nothing is changed, if any of olds is not a verified part any more, or the file
// was swept.
//
// Of two that replace one part each deletes its document, so one is repeated and
// then misses it. The same goes for the note of the file, which Strays writes
// when it dooms it.
func (d *Documents) Replace(ctx context.Context, olds []models.Part, fresh models.Part, rows map[string]int, now time.Time) error {
	return fault("replace parts by "+fresh.ID, d.tx(ctx, func(ctx context.Context) error {
		if len(olds) == 0 {
			return models.Faultf(models.Permanent, "no parts to be replaced")
		}
		p := newPartDoc(&fresh)
		p.Holds = nil
		var ids []string
		for i := range olds {
			old, err := d.retire(ctx, &olds[i], now)
			if err != nil {
				return err
			}
			ids, p.Holds, p.Strip = append(ids, old.ID), append(p.Holds, old.Holds...), p.Strip || old.Strip
		}
		if err := d.noteErased(ctx, rows, ids); err != nil || fresh.Rows == 0 {
			return err
		}
		reserved := bson.D{{Key: "_id", Value: fresh.Path()}, {Key: "doomed", Value: false}}
		n, err := d.remove(ctx, d.where(cStrays+primary, reserved))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: the file of part %s was swept", models.ErrConflict, fresh.ID)
		}
		if err != nil {
			return err
		}
		if ok, err := d.insert(ctx, cParts, p); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("%w: there is a part %s", models.ErrConflict, fresh.ID))
		}
		return nil
	}))
}

// retire takes old out of the manifest.
func (d *Documents) retire(ctx context.Context, old *models.Part, now time.Time) (partDoc, error) {
	have, err := d.part(ctx, old.ID)
	if errors.Is(err, models.ErrNotFound) || err == nil && have.State != string(models.PartVerified) {
		return have, fmt.Errorf("%w: part %s was replaced before", models.ErrConflict, old.ID)
	}
	if err != nil {
		return have, err
	}
	if _, err := d.remove(ctx, d.byID(cParts, old.ID)); err != nil {
		return have, err
	}
	return have, d.stray(ctx, old.Path(), true, now)
}

// noteErased adds rows, by post, and the parts that held them to the erasures.
func (d *Documents) noteErased(ctx context.Context, rows map[string]int, parts []string) error {
	var ws []mongo.WriteModel
	for post, n := range rows {
		w, err := d.byID(cErasures, post).updateModel(bson.D{{Key: "$inc", Value: bson.D{{Key: "erased", Value: n}}},
			{Key: "$push", Value: bson.D{{Key: "parts", Value: bson.D{{Key: "$each", Value: parts}}}}}})
		if err != nil {
			return err
		}
		ws = append(ws, w)
	}
	if len(ws) == 0 {
		return nil
	}
	_, err := d.bulk(ctx, cErasures, ws)
	return err
}

// Erased notes that the history holds nothing more of the given posts: each
// gets its receipt, where there is a line in the audit for it. Each has a
// transaction of its own, so an error may leave the first of them done, and
// whoever comes again finds only the others.
//
// A tombstone's document is written with the note that it may be reduced, so
// that Reduce, which deletes both, comes before or after.
func (d *Documents) Erased(ctx context.Context, posts []string, now time.Time) error {
	for _, post := range posts {
		if err := d.tx(ctx, func(ctx context.Context) error { return d.erased(ctx, post, now) }); err != nil {
			return fault("erased", err)
		}
	}
	return nil
}

func (d *Documents) erased(ctx context.Context, post string, now time.Time) error {
	var e erasureDoc
	err := d.one(ctx, d.byID(cErasures, post), &e)
	if errors.Is(err, models.ErrNotFound) {
		return nil // another eraser was first
	}
	if err != nil {
		return err
	}
	if _, err := d.remove(ctx, d.byID(cErasures, post)); err != nil {
		return err
	}
	lines := bson.D{{Key: "hash", Value: d.salt.Post(post)}, {Key: "act", Value: string(models.Delete)},
		{Key: "receipt", Value: bson.D{{Key: "$exists", Value: false}}}}
	receipt := auditReceipt{At: now.UTC(), Rows: e.Erased, Parts: e.Parts}
	if _, err := d.updateAll(ctx, d.where(auditHash, lines), set("receipt", receipt)); err != nil {
		return err
	}
	n, err := d.update(ctx, d.where(cPosts+primary, bson.D{{Key: "_id", Value: post}, {Key: "tomb", Value: true}}), incW())
	if err != nil || n == 0 {
		return err
	}
	err = d.put(ctx, d.byID(cBuried, post), bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "at", Value: micros(now)}}}})
	return err
}

// Unseen returns the posts that no reader of the history may see although it
// holds them: those to be erased, and the hidden ones.
func (d *Documents) Unseen(ctx context.Context) ([]string, error) {
	ids := map[string]bool{}
	hidden := bson.D{{Key: "hidden", Value: bson.D{{Key: "$gt", Value: 0}}}}
	purged := bson.D{{Key: "hidden", Value: bson.D{{Key: "$gt", Value: ""}}}}
	for _, f := range []filter{d.where(cErasures+primary, nil).sorted(asc("_id")), d.where(postsHidden, hidden), d.where(stubsHidden, purged)} {
		err := d.each(ctx, f.only(asc("_id")), func(doc bson.Raw) error {
			id, _ := doc.Lookup("_id").StringValueOK()
			ids[id] = true
			return nil
		})
		if err != nil {
			return nil, fault("unseen posts", err)
		}
	}
	return slices.Sorted(maps.Keys(ids)), nil
}
