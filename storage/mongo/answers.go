package mongo

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// storedAnswer is one of an item's answers by itself, so that they are found by
// who gave them and when.
type storedAnswer struct {
	ID      string    `bson:"_id"`
	Item    string    `bson:"item"`
	By      string    `bson:"by"`
	Profile string    `bson:"profile"`
	At      time.Time `bson:"at"`
	Skipped bool      `bson:"skipped"`
	Answer  bson.Raw  `bson:"answer"`
}

func answerID(item string, a *models.Answer) string {
	return item + "/" + strconv.FormatBool(a.Check) + "/" + a.By
}

// listAnswers brings the list of all answers up to date with an item's, and
// removes the drafts of those that are new. It is called in a transaction.
func (d *Documents) listAnswers(ctx context.Context, it *models.Item) error {
	if it.Rev == 1 && len(it.Answers) == 0 {
		return nil
	}
	had := map[string]time.Time{}
	listed, err := collect[storedAnswer](ctx, d, d.where(answersItem, bson.D{{Key: "item", Value: it.ID}}).only(with("at")))
	if err != nil {
		return err
	}
	for _, a := range listed {
		had[a.ID] = a.At
	}
	for i := range it.Answers {
		a := &it.Answers[i]
		id := answerID(it.ID, a)
		at, there := had[id]
		delete(had, id)
		if there && at.Equal(a.At.Truncate(time.Millisecond)) {
			continue
		}
		doc, err := encode(a)
		if err != nil {
			return err
		}
		row := bson.D{{Key: "item", Value: it.ID}, {Key: "by", Value: a.By}, {Key: "profile", Value: it.Profile},
			{Key: "at", Value: a.At}, {Key: "skipped", Value: a.Skip != ""}, {Key: "answer", Value: doc}}
		if err := d.put(ctx, d.byID(cAnswers, id), bson.D{{Key: "$set", Value: row}}); err != nil {
			return err
		}
		done := bson.D{{Key: "_id", Value: draftID(it.ID, a.By)}, {Key: "saved", Value: bson.D{{Key: "$lte", Value: a.At}}}}
		if _, err := d.remove(ctx, d.where(cDrafts+primary, done)); err != nil {
			return err
		}
	}
	for id := range had {
		if _, err := d.remove(ctx, d.byID(cAnswers, id)); err != nil {
			return err
		}
	}
	return nil
}

// queueItems puts the items that a program before lanes left into theirs, and
// lists their answers.
func (d *Documents) queueItems(ctx context.Context) error {
	const page = 500
	for after := ""; ; {
		items, err := collect[storedItem](ctx, d, d.where(cItems+primary, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}).sorted(asc("_id")).limit(page))
		if err != nil {
			return err
		}
		for i := range items {
			after = items[i].ID
			var it models.Item
			if err := decode(items[i].Item, &it); err != nil {
				return err
			}
			err := d.tx(ctx, func(ctx context.Context) error { return d.listAnswers(ctx, &it) })
			if err == nil {
				if _, err = d.update(ctx, d.where(cItems+primary, bson.D{{Key: "_id", Value: it.ID}, {Key: "hv", Value: nil}}), set("hv", int64(0))); err != nil {
					return err
				}
				err = d.rehold(ctx, it.ID, func(_ *storedItem, _ *models.Item, had []models.Claim) ([]models.Claim, error) { return had, nil })
			}
			if err != nil {
				return err
			}
		}
		if len(items) < page {
			return nil
		}
	}
}

// Given lists answers, the newest first.
func (d *Documents) Given(ctx context.Context, f models.GivenFilter) ([]models.Given, error) {
	order := bson.D{{Key: "at", Value: -1}, {Key: "item", Value: -1}}
	spans := between(f.Since, f.Until)
	max := limit(f.Limit, 100)
	var out []models.Given
	read := func(q filter) error {
		return d.each(ctx, q, func(doc bson.Raw) error {
			var s storedAnswer
			if err := unmarshal(doc, &s); err != nil {
				return err
			}
			if !f.Before.IsZero() && s.At.Equal(f.Before.Truncate(time.Millisecond)) && s.Item >= f.BeforeItem {
				return nil // of the page before
			}
			g := models.Given{Item: s.Item, Profile: s.Profile}
			if err := decode(s.Answer, &g.Answer); err != nil {
				return err
			}
			if out = append(out, g); len(out) == max {
				return errEnough
			}
			return nil
		})
	}
	if !f.Before.IsZero() {
		spans = append(spans, bson.E{Key: "$lte", Value: f.Before})
	}
	var at bson.D
	if len(spans) > 0 {
		at = bson.D{{Key: "at", Value: spans}}
	}
	var err error
	switch {
	case f.By != "" && f.Profile != "":
		err = read(d.where(answersBy, append(bson.D{{Key: "by", Value: f.By}, {Key: "profile", Value: f.Profile}}, at...)).sorted(order))
	case f.By != "":
		err = read(d.where(answersBy, append(bson.D{{Key: "by", Value: f.By}}, at...)).sorted(order))
	case f.Profile != "":
		err = read(d.where(answersProfile, append(bson.D{{Key: "profile", Value: f.Profile}}, at...)).sorted(order))
	default:
		err = read(d.where(answersAt, at).sorted(order))
	}
	return out, fault("answers", err)
}

func between(since, until time.Time) bson.D {
	var out bson.D
	if !since.IsZero() {
		out = append(out, bson.E{Key: "$gte", Value: since})
	}
	if !until.IsZero() {
		out = append(out, bson.E{Key: "$lt", Value: until})
	}
	return out
}

// ItemsByID returns the items of these ids that are there, in the order of the ids.
func (d *Documents) ItemsByID(ctx context.Context, ids []string) ([]models.Item, error) {
	found, err := collect[storedItem](ctx, d, d.where(cItems+primary, among("_id", ids)))
	if err != nil {
		return nil, fault("items by id", err)
	}
	byID := map[string]models.Item{}
	for i := range found {
		var it models.Item
		if err := decode(found[i].Item, &it); err != nil {
			return nil, fault("items by id", err)
		}
		byID[it.ID] = it
	}
	var out []models.Item
	for _, id := range ids {
		if it, ok := byID[id]; ok {
			out = append(out, it)
		}
	}
	return out, nil
}

// contested lists the items that an analyst should decide.
func (d *Documents) contested(ctx context.Context, f models.ItemFilter, order bson.D) ([]models.Item, error) {
	cond := append(bson.D{{Key: "contested", Value: true}}, listedAfter(f.After)...)
	if f.Profile != "" {
		cond = append(cond, bson.E{Key: "profile", Value: f.Profile})
	}
	out, err := d.items(ctx, d.where(itemsContested, cond).sorted(order), limit(f.Limit, 100), func(*storedItem, *stored) bool { return true })
	return out, fault("contested items", err)
}

// GoldItem returns the id of an item that tests people, and that by has neither
// answered nor holds; ErrNotFound if there is none.
func (d *Documents) GoldItem(ctx context.Context, by, profile string) (string, error) {
	not := bson.D{{Key: "$ne", Value: by}}
	cond := bson.D{{Key: "gold", Value: true}, {Key: "seen", Value: not}, {Key: "holds.by", Value: not}}
	if profile != "" {
		cond = append(cond, bson.E{Key: "profile", Value: profile})
	}
	var s storedItem
	err := d.one(ctx, d.where(itemsGold, cond).sorted(asc("_id")).only(with("_id")), &s)
	return s.ID, fault("gold item", err)
}

// storedDraft is a draft.
type storedDraft struct {
	ID    string    `bson:"_id"`
	Item  string    `bson:"item"`
	Saved time.Time `bson:"saved"`
	Draft bson.Raw  `bson:"draft"`
}

func draftID(item, by string) string { return item + "/" + by }

func (d *Documents) draft(ctx context.Context, item, by string) (*models.Draft, error) {
	var s storedDraft
	err := d.one(ctx, d.byID(cDrafts, draftID(item, by)), &s)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	var out models.Draft
	if err == nil {
		err = decode(s.Draft, &out)
	}
	return &out, err
}

// PutDraft keeps a draft, in the place of an earlier one of the same person. The
// item must be there and asked.
func (d *Documents) PutDraft(ctx context.Context, dr models.Draft) error {
	dr.SavedAt = dr.SavedAt.UTC()
	doc, err := encode(&dr)
	if err != nil {
		return err
	}
	return fault("put draft", d.tx(ctx, func(ctx context.Context) error {
		// written, so that this and a deletion conflict
		n, err := d.update(ctx, d.where(cItems+primary, bson.D{{Key: "_id", Value: dr.Item}, {Key: "state", Value: bson.D{{Key: "$ne", Value: string(models.ItemWithdrawn)}}}}),
			bson.D{{Key: "$inc", Value: bson.D{{Key: "hv", Value: int64(1)}}}})
		if err != nil {
			return err
		}
		if n == 0 {
			return models.ErrNotFound
		}
		return d.put(ctx, d.byID(cDrafts, draftID(dr.Item, dr.By)), bson.D{{Key: "$set", Value: bson.D{
			{Key: "item", Value: dr.Item}, {Key: "saved", Value: dr.SavedAt}, {Key: "draft", Value: doc}}}})
	}))
}

// Waiting counts what else there is for who.
func (d *Documents) Waiting(ctx context.Context, who models.Asker, profile string, now time.Time) (models.Waiting, error) {
	var w models.Waiting
	lanes, err := d.lanes(ctx, who, profile)
	if err != nil {
		return w, fault("waiting", err)
	}
	for _, lane := range lanes {
		if w.Open >= models.MostCounted {
			break
		}
		err := d.each(ctx, d.where(itemsLane, bson.D{{Key: "lane", Value: lane}}).only(with("_id")).limit(models.MostCounted-w.Open), func(bson.Raw) error { w.Open++; return nil })
		if err != nil {
			return w, fault("waiting", err)
		}
	}
	err = d.eachHold(ctx, profile, now, func(h storedHold) {
		if h.By == who.Name {
			return
		}
		w.Others++
		if w.Next.IsZero() || h.Expires.Before(w.Next) {
			w.Next = h.Expires.UTC()
		}
	})
	return w, fault("waiting", err)
}

// eachHold calls fn for each claim that lives.
func (d *Documents) eachHold(ctx context.Context, profile string, now time.Time, fn func(storedHold)) error {
	cond := bson.D{{Key: "holds.expires", Value: bson.D{{Key: "$gt", Value: now}}}}
	if profile != "" {
		cond = append(cond, bson.E{Key: "profile", Value: profile})
	}
	return d.each(ctx, d.where(itemsRunOut, cond).only(with("holds")), func(doc bson.Raw) error {
		var s storedItem
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		for _, h := range s.Holds {
			if now.Before(h.Expires) {
				fn(h)
			}
		}
		return nil
	})
}

// LabelProgress tells how labeling in a profile gets on; "" is all profiles.
func (d *Documents) LabelProgress(ctx context.Context, profile string, now time.Time) (models.LabelProgress, error) {
	p := models.LabelProgress{Hours: document.LastHours(now)}
	lane, open := bson.D{{Key: "$gt", Value: ""}}, bson.D{{Key: "lane", Value: bson.D{{Key: "$exists", Value: true}}}}
	contested := bson.D{{Key: "contested", Value: true}}
	if profile != "" {
		lane = bson.D{{Key: "$gt", Value: document.LanesOf(profile)}, {Key: "$lt", Value: document.LanesEnd(profile)}}
		open = append(open, bson.E{Key: "profile", Value: profile})
		contested = append(contested, bson.E{Key: "profile", Value: profile})
	}
	n, err := d.count(ctx, d.where(itemsLane, bson.D{{Key: "lane", Value: lane}}))
	if err != nil {
		return p, fault("label progress", err)
	}
	p.Open = int(n)
	if n, err = d.count(ctx, d.where(itemsContested, contested)); err != nil {
		return p, fault("label progress", err)
	}
	p.Disputed = int(n)
	if err := d.eachHold(ctx, profile, now, func(storedHold) { p.Held++ }); err != nil {
		return p, fault("label progress", err)
	}
	var oldest storedItem
	err = d.one(ctx, d.where(itemsOldest, open).sorted(asc("opened_at", "_id")).only(with("opened_at")), &oldest)
	if err == nil {
		at := oldest.OpenedAt.UTC()
		p.Oldest = &at
	} else if !errors.Is(err, models.ErrNotFound) {
		return p, fault("label progress", err)
	}
	return p, fault("label progress", d.hourly(ctx, profile, p.Hours))
}

// hourly counts the answers of each hour: two counts over an index for each.
func (d *Documents) hourly(ctx context.Context, profile string, hours []models.HourlyWork) error {
	for i := range hours {
		for _, skipped := range []bool{false, true} {
			at := between(hours[i].From, hours[i].From.Add(time.Hour))
			q := d.where(answersAt, bson.D{{Key: "at", Value: at}, {Key: "skipped", Value: skipped}})
			if profile != "" {
				q = d.where(answersProfile, bson.D{{Key: "profile", Value: profile}, {Key: "at", Value: at}, {Key: "skipped", Value: skipped}})
			}
			n, err := d.count(ctx, q)
			if err != nil {
				return err
			}
			if skipped {
				hours[i].Skips = int(n)
			} else {
				hours[i].Answers = int(n)
			}
		}
	}
	return nil
}
