package mongo

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// bury takes out of the store whatever else tells of a post that was just
// tombstoned, its own document being saved already: why its earlier generations
// went as they did, its questions' suggestions and answers, its staged rows, its
// results, its blobs. What stays is which runs there were and how they went,
// for the counts. runs are as they were before.
//
// It runs in the transaction that wrote the tombstone. Whoever adds to what is
// taken away here writes the post's document, too (Stage, AddRefs, PutItem, a
// move that lets lines go), so nothing comes in between.
func (d *Documents) bury(ctx context.Context, p *models.Post, runs []models.Run) error {
	if err := d.redactTimeline(ctx, p.ID); err != nil {
		return err
	}
	if err := d.withdraw(ctx, p.ID, false); err != nil {
		return err
	}
	if err := d.unstage(ctx, p.ID); err != nil {
		return err
	}
	if _, err := d.remove(ctx, d.byID(cStubs, p.ID)); err != nil {
		return err
	}
	if err := d.releaseAll(ctx, p.ID, runs); err != nil {
		return err
	}
	return d.toErase(ctx, &models.Erasure{Post: p.ID, Source: p.Source, Day: document.Day(p.CreatedAt), Firm: document.Firm(p.Tombstone.By), At: time.Now()})
}

// redactTimeline leaves of the lines that left the post what happened when,
// without why: reasons and errors name values, addresses and people.
func (d *Documents) redactTimeline(ctx context.Context, post string) error {
	var ws []mongo.WriteModel
	err := d.each(ctx, d.where(timelinesRun, bson.D{{Key: "post", Value: post}}), func(doc bson.Raw) error {
		var line struct {
			ID    string   `bson:"_id"`
			Entry bson.Raw `bson:"entry"`
		}
		if err := unmarshal(doc, &line); err != nil {
			return err
		}
		e, err := redacted(line.Entry)
		if err != nil {
			return err
		}
		bare, err := encode(&e)
		if err != nil {
			return err
		}
		w, err := d.byID(cTimelines, line.ID).updateModel(set("entry", bare))
		ws = append(ws, w)
		return err
	})
	if err != nil || len(ws) == 0 {
		return err
	}
	_, err = d.bulk(ctx, cTimelines, ws)
	return err
}

// withdraw takes back the questions about a post. If the post lives, those that
// are settled stay as they are, and the runs that wait for the others are to be
// woken; else what people said is forgotten too. It is called in a transaction.
func (d *Documents) withdraw(ctx context.Context, post string, lives bool) error {
	states := []models.ItemState{models.ItemOpen, models.ItemEscalated}
	if !lives {
		states = append(states, models.ItemClosed, models.ItemExpired, models.ItemWithdrawn)
	}
	asked := append(bson.D{{Key: "post", Value: post}}, among("state", states)...)
	items, err := collect[storedItem](ctx, d, d.where(itemsPost, asked))
	if err != nil {
		return err
	}
	for i := range items {
		var it models.Item
		if err := decode(items[i].Item, &it); err != nil {
			return err
		}
		if it.State == models.ItemWithdrawn && len(it.Answers) == 0 && it.Gold == nil {
			continue
		}
		it.Rev++
		it.State = models.ItemWithdrawn
		if !lives {
			it = emptied(it)
			if _, err := d.remove(ctx, d.where(draftsItem, bson.D{{Key: "item", Value: it.ID}})); err != nil {
				return err
			}
		}
		if err := d.putItem(ctx, it); err != nil {
			return err
		}
	}
	return nil
}

// emptied is an item of a deleted post: what it asked for, without what anybody said.
func emptied(it models.Item) models.Item {
	it.Parking, it.Answers, it.Gold, it.Reason = false, nil, nil, ""
	it.Questions = slices.Clone(it.Questions)
	for i := range it.Questions {
		it.Questions[i].Suggestion, it.Questions[i].Boxes = nil, nil
	}
	return it
}

// eraseStub forgets a purged post, in a transaction. The mark is what others
// conflict with who add something about a post that isn't here: see lockHash.
func (d *Documents) eraseStub(ctx context.Context, stub models.Stub, del *models.Deletion) error {
	dayOf := ""
	if !stub.CreatedAt.IsZero() {
		dayOf = document.Day(stub.CreatedAt)
	}
	if _, err := d.remove(ctx, d.byID(cStubs, stub.Post)); err != nil {
		return err
	}
	if err := d.withdraw(ctx, stub.Post, false); err != nil {
		return err
	}
	if err := d.unstage(ctx, stub.Post); err != nil { // what a late archive step left
		return err
	}
	if err := d.releaseAll(ctx, stub.Post, nil); err != nil {
		return err
	}
	if _, err := d.mark(ctx, d.salt.Post(stub.Post), del, true); err != nil {
		return err
	}
	source, _, _ := strings.Cut(stub.Post, ".")
	return d.toErase(ctx, &models.Erasure{Post: stub.Post, Source: source, Day: dayOf, Firm: del.Firm(), At: time.Now()})
}
