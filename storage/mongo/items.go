package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// storedItem is an item, and beside it what of it is compared and searched.
type storedItem struct {
	ID       string    `bson:"_id"`
	Rev      int64     `bson:"rev"`
	Post     string    `bson:"post"`
	Profile  string    `bson:"profile"`
	State    string    `bson:"state"`
	Waiting  int       `bson:"waiting"`
	Priority float64   `bson:"priority"`
	OpenedAt time.Time `bson:"opened_at"`
	Item     bson.Raw  `bson:"item"`

	Lane    string       `bson:"lane,omitempty"`  // see document.Lane; none if nobody may claim it
	Holds   []storedHold `bson:"holds,omitempty"` // claims, also such as have run out
	Version int64        `bson:"hv"`              // of lane and holds: whoever decides on them compares it
}

// What an answered item waits for, as its field says.
const (
	waitsForRun  = 1 // its run is to be woken
	waitsForPost = 2 // its labels are to be put on the post
)

// Item returns one item, or ErrNotFound.
func (d *Documents) Item(ctx context.Context, id string) (models.Item, error) {
	var s storedItem
	var it models.Item
	err := d.one(ctx, d.byID(cItems, id), &s)
	if err == nil {
		err = decode(s.Item, &it)
	}
	return it, fault("item "+id, err)
}

// PutItem writes an item whose Rev is one more than the stored one's (1: there
// is none yet); otherwise ErrConflict. A new item about a tombstoned post is
// ErrNotFound, so that a late one asks nobody about a deleted post.
func (d *Documents) PutItem(ctx context.Context, it models.Item) error {
	return fault("put item "+it.ID, d.tx(ctx, func(ctx context.Context) error { return d.putItem(ctx, it) }))
}

// putItem is PutItem in the running transaction. An open item's writes the
// post's document too, so that it and a deletion of the post conflict.
func (d *Documents) putItem(ctx context.Context, it models.Item) error {
	document.UTCItem(&it)
	doc, err := encode(&it)
	if err != nil {
		return err
	}
	var hidden bool
	if isOpen(it.State) || it.Rev == 1 {
		hidden, err = d.mayAsk(ctx, &it)
	} else {
		hidden, err = d.hiddenPost(ctx, it.Post)
	}
	if err != nil {
		return err
	}
	var had storedItem
	if err := d.one(ctx, d.byID(cItems, it.ID).only(with("holds", "hv")), &had); err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err := d.listAnswers(ctx, &it); err != nil {
		return err
	}
	set := append(queued(&it, had.claims(), hidden), bson.E{Key: "$inc", Value: bson.D{{Key: "hv", Value: int64(1)}}})
	set = merged(set, bson.D{{Key: "$set", Value: bson.D{
		{Key: "rev", Value: it.Rev}, {Key: "post", Value: it.Post}, {Key: "profile", Value: it.Profile}, {Key: "state", Value: string(it.State)},
		{Key: "waiting", Value: waitsFor(&it)}, {Key: "priority", Value: it.Priority}, {Key: "opened_at", Value: it.OpenedAt}, {Key: "item", Value: doc},
	}}})
	if it.Rev == 1 { // where there is one, its key is in the way
		err = d.put(ctx, d.where(cItems+primary, bson.D{{Key: "_id", Value: it.ID}, {Key: "rev", Value: int64(0)}}), set)
		return err
	}
	n, err := d.update(ctx, d.where(cItems+primary, bson.D{{Key: "_id", Value: it.ID}, {Key: "rev", Value: it.Rev - 1}}), set)
	if err == nil && n == 0 {
		err = models.ErrConflict
	}
	return err
}

func isOpen(s models.ItemState) bool { return s == models.ItemOpen || s == models.ItemEscalated }

// waitsFor says what an item's answers still have to do.
func waitsFor(it *models.Item) int {
	verdict, _ := it.Judge()
	switch {
	case isOpen(it.State) && it.Parking && verdict != models.Unsettled,
		it.State == models.ItemClosed && it.Parking && verdict == models.Settled: // its labels may not have come to the post
		return waitsForRun
	case it.State == models.ItemWithdrawn && it.Parking:
		return waitsForRun
	case isOpen(it.State) && !it.Parking && verdict == models.Settled:
		return waitsForPost
	default:
		return 0
	}
}

// mayAsk refuses a question about a deleted post, which would stay for ever, and
// one about a post that nobody is to look at: whoever opens it read an older post.
// It tells whether the post is hidden.
func (d *Documents) mayAsk(ctx context.Context, it *models.Item) (hidden bool, err error) {
	var s stored
	err = d.one(ctx, d.byID(cPosts, it.Post).only(with("tomb", "adult", "hidden")), &s)
	switch {
	case errors.Is(err, models.ErrNotFound): // purged, or never here
		gone, err := d.gone(ctx, it.Post)
		if err != nil {
			return false, err
		}
		if gone {
			return false, models.ErrNotFound
		}
		_, err = d.update(ctx, d.byID(cStubs, it.Post), incW())
		return false, err
	case err != nil:
		return false, err
	case s.Tomb:
		return false, models.ErrNotFound
	case s.Adult:
		return false, fmt.Errorf("%w: the post is for adults", models.ErrConflict)
	}
	_, err = d.touch(ctx, it.Post)
	return s.Hidden != 0, err
}

func (d *Documents) hiddenPost(ctx context.Context, id string) (bool, error) {
	var s stored
	err := d.one(ctx, d.byID(cPosts, id).only(with("hidden")), &s)
	if errors.Is(err, models.ErrNotFound) {
		err = nil
	}
	return s.Hidden != 0, err
}

// Items returns items, the highest priority first, then the oldest. Open ones
// about posts that are hidden, or for adults, are left out.
func (d *Documents) Items(ctx context.Context, f models.ItemFilter) ([]models.Item, error) {
	states := f.States
	if len(states) == 0 {
		states = []models.ItemState{models.ItemOpen, models.ItemEscalated, models.ItemClosed, models.ItemExpired, models.ItemWithdrawn}
	}
	cond := bson.D{{Key: "state", Value: bson.D{{Key: "$in", Value: states}}}}
	order := bson.D{{Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}}
	if f.Contested {
		return d.contested(ctx, f, order)
	}
	cond = append(cond, listedAfter(f.After)...)
	if f.Profile != "" {
		cond = append(cond, bson.E{Key: "profile", Value: f.Profile})
	}
	keep := func(*storedItem, *stored) bool { return true }
	if slices.ContainsFunc(f.States, isOpen) {
		keep = func(_ *storedItem, p *stored) bool { return p == nil || p.Hidden == 0 && !p.Adult }
	}
	out, err := d.items(ctx, d.where(itemsList, cond).sorted(order), limit(f.Limit, 100), keep)
	return out, fault("items", err)
}

// listedAfter selects the items that stand behind a place in the list. The bound
// on the priority is for the index, which $or by itself doesn't enter.
func listedAfter(p *models.ItemPlace) bson.D {
	if p == nil {
		return nil
	}
	less := bson.D{{Key: "priority", Value: bson.D{{Key: "$lt", Value: p.Priority}}}}
	later := bson.D{{Key: "priority", Value: p.Priority}, {Key: "opened_at", Value: bson.D{{Key: "$gt", Value: p.OpenedAt}}}}
	next := bson.D{{Key: "priority", Value: p.Priority}, {Key: "opened_at", Value: p.OpenedAt}, {Key: "_id", Value: bson.D{{Key: "$gt", Value: p.ID}}}}
	return bson.D{{Key: "priority", Value: bson.D{{Key: "$lte", Value: p.Priority}}}, {Key: "$or", Value: bson.A{less, later, next}}}
}

// Answered returns open and escalated items whose answers suffice (or call for
// another person) and that nobody is at work on: a parked or ended run's, and
// settled ones that no run waits for. Withdrawn ones that a run still waits for
// are among them. The oldest come first.
func (d *Documents) Answered(ctx context.Context, max int) ([]models.Item, error) {
	idle := func(it *storedItem, p *stored) bool {
		if it.Waiting == waitsForPost || p == nil {
			return true
		}
		r := p.run(it.Profile)
		return r == nil || r.State != string(models.Queued)
	}
	out, err := d.items(ctx, d.where(itemsWaiting, bson.D{{Key: "waiting", Value: bson.D{{Key: "$gt", Value: 0}}}}).
		sorted(asc("opened_at", "_id")), limit(max, 100), idle)
	return out, fault("answered items", err)
}

// items reads items until n of them are to be kept, given their posts (nil: it
// is not here). Posts are looked up for many items at once.
func (d *Documents) items(ctx context.Context, f filter, n int, keep func(*storedItem, *stored) bool) ([]models.Item, error) {
	var out []models.Item
	var page []storedItem
	look := func() error {
		ids := bson.A{}
		for i := range page {
			ids = append(ids, page[i].Post)
		}
		posts, err := d.storedAll(ctx, ids, with("hidden", "adult", "runs.profile", "runs.state"))
		if err != nil {
			return err
		}
		for i := range page {
			if len(out) == n || !keep(&page[i], posts[page[i].Post]) {
				continue
			}
			var it models.Item
			if err := decode(page[i].Item, &it); err != nil {
				return err
			}
			out = append(out, it)
		}
		page = page[:0]
		return nil
	}
	err := d.each(ctx, f, func(doc bson.Raw) error {
		var s storedItem
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		if page = append(page, s); len(page) < n {
			return nil
		}
		if err := look(); err != nil {
			return err
		}
		if len(out) == n {
			return errEnough
		}
		return nil
	})
	if err == nil && len(page) > 0 {
		err = look()
	}
	return out, err
}
