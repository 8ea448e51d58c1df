package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// storedHold is a claim, kept with its item: so that a claim is one write.
type storedHold struct {
	By      string    `bson:"by"`
	Token   string    `bson:"token"` // less the item's id, which it begins with
	At      time.Time `bson:"at"`
	Expires time.Time `bson:"expires"`
}

func (s *storedItem) claims() []models.Claim {
	var out []models.Claim
	for _, h := range s.Holds {
		out = append(out, models.Claim{Token: s.ID + h.Token, Item: s.ID, By: h.By, At: h.At.UTC(), Expires: h.Expires.UTC()})
	}
	return out
}

func holdsOf(claims []models.Claim) bson.A {
	out := bson.A{}
	for _, c := range claims {
		out = append(out, storedHold{c.By, strings.TrimPrefix(c.Token, c.Item), c.At, c.Expires})
	}
	return out
}

// queued sets the fields by which an item is found that is held so. What is
// empty is unset, which keeps it out of the partial indexes. The answers end
// the claims that they were given under.
func queued(it *models.Item, claims []models.Claim, hidden bool) bson.D {
	claims = document.Live(it, claims, time.Time{})
	if it.State == models.ItemWithdrawn {
		claims = nil
	}
	set, unset := bson.D{{Key: "seen", Value: append([]string{}, it.Seen()...)}}, bson.D{}
	put := func(key string, value any, there bool) {
		if there {
			set = append(set, bson.E{Key: key, Value: value})
		} else {
			unset = append(unset, bson.E{Key: key, Value: ""})
		}
	}
	lane := document.Lane(it, claims, hidden)
	put("lane", lane, lane != "")
	put("holds", holdsOf(claims), len(claims) > 0)
	put("contested", true, it.Contested() && !hidden)
	put("gold", true, document.IsGold(it) && !hidden)
	out := bson.D{{Key: "$set", Value: set}}
	if len(unset) > 0 {
		out = append(out, bson.E{Key: "$unset", Value: unset})
	}
	return out
}

// merged adds the $set of b to a's.
func merged(a, b bson.D) bson.D {
	out := slices.Clone(a)
	for i := range out {
		if out[i].Key == "$set" {
			mine, _ := out[i].Value.(bson.D)
			more, _ := b[0].Value.(bson.D)
			out[i].Value = slices.Concat(mine, more)
		}
	}
	return out
}

// requeue gives an item that was read these claims, unless somebody wrote it
// meanwhile: then it is errRaced.
func (d *Documents) requeue(ctx context.Context, s *storedItem, claims []models.Claim, hidden bool) error {
	var it models.Item
	if err := decode(s.Item, &it); err != nil {
		return err
	}
	change := append(queued(&it, claims, hidden), bson.E{Key: "$inc", Value: bson.D{{Key: "hv", Value: int64(1)}}})
	n, err := d.update(ctx, d.where(cItems+primary, bson.D{{Key: "_id", Value: s.ID}, {Key: "hv", Value: s.Version}}), change)
	if err == nil && n == 0 {
		err = errRaced
	}
	return err
}

// rehold decides on an item's claims until nobody writes it in between.
func (d *Documents) rehold(ctx context.Context, id string, decide func(s *storedItem, it *models.Item, had []models.Claim) ([]models.Claim, error)) error {
	for range mostRaces {
		var s storedItem
		var it models.Item
		err := d.one(ctx, d.byID(cItems, id), &s)
		if err == nil {
			err = decode(s.Item, &it)
		}
		if err != nil {
			return err
		}
		hidden, err := d.hiddenPost(ctx, it.Post)
		if err != nil {
			return err
		}
		claims, err := decide(&s, &it, s.claims())
		if err == nil {
			err = d.requeue(ctx, &s, claims, hidden)
		}
		if !errors.Is(err, errRaced) {
			return err
		}
	}
	return models.Faultf(models.Unavailable, "too many others write the same item: %w", errRaced)
}

// relaneAbout finds the items about a post anew, which is hidden or shown now.
func (d *Documents) relaneAbout(ctx context.Context, post string, hidden bool) error {
	items, err := collect[storedItem](ctx, d, d.where(itemsPost, bson.D{{Key: "post", Value: post}}))
	for i := range items {
		if err == nil {
			err = d.requeue(ctx, &items[i], items[i].claims(), hidden)
		}
	}
	return err
}

// mostExpired is how many items one call puts back whose claims ran out:
// whoever asks next does the rest.
const mostExpired = 100

// expire puts back what claims held that have run out.
func (d *Documents) expire(ctx context.Context, now time.Time) error {
	ranOut := d.where(itemsRunOut, bson.D{{Key: "holds.expires", Value: bson.D{{Key: "$lte", Value: now}}}})
	items, err := collect[storedItem](ctx, d, ranOut.only(with("_id")).limit(mostExpired))
	if err != nil {
		return err
	}
	for i := range items {
		err := d.rehold(ctx, items[i].ID, func(_ *storedItem, it *models.Item, had []models.Claim) ([]models.Claim, error) {
			return document.Live(it, had, now), nil
		})
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return err
		}
	}
	return nil
}

// ClaimItems leases up to n items to who until a time, the highest priority
// first, then the oldest: such as want answers that nobody is about to give, and
// that who has neither seen nor holds.
func (d *Documents) ClaimItems(ctx context.Context, who models.Asker, profile string, n int, now, until time.Time) ([]models.Claimed, error) {
	err := d.expire(ctx, now)
	var out []models.Claimed
	for err == nil && len(out) < n {
		var lane string
		if lane, err = d.bestLane(ctx, who, profile); err != nil || lane == "" {
			break
		}
		var c models.Claimed
		c, err = d.claimFirst(ctx, lane, who, now, until)
		if errors.Is(err, models.ErrNotFound) { // others were faster
			err = nil
			continue
		}
		if err == nil {
			out = append(out, c)
		}
	}
	return out, fault("claim items", err)
}

// bestLane finds the lane whose first item is the best for who.
func (d *Documents) bestLane(ctx context.Context, who models.Asker, profile string) (string, error) {
	lanes, err := d.lanes(ctx, who, profile)
	if err != nil || len(lanes) < 2 {
		return append(lanes, "")[0], err
	}
	best := storedItem{}
	for _, lane := range lanes {
		var s storedItem
		err := d.one(ctx, d.inLane(lane).only(with("lane", "priority", "opened_at")), &s)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if best.ID == "" || s.Priority > best.Priority || s.Priority == best.Priority && s.OpenedAt.Before(best.OpenedAt) {
			best = s
		}
	}
	return best.Lane, nil
}

// inLane finds the items of a lane, the best first.
func (d *Documents) inLane(lane string) filter {
	return d.where(itemsLane, bson.D{{Key: "lane", Value: lane}}).
		sorted(bson.D{{Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}})
}

// lanes lists the lanes that have items for who, by jumping from one to the next.
func (d *Documents) lanes(ctx context.Context, who models.Asker, profile string) ([]string, error) {
	var out []string
	at, end := "", ""
	if profile != "" {
		at, end = document.LanesOf(profile), document.LanesEnd(profile)
	}
	for {
		var s storedItem
		err := d.one(ctx, d.where(itemsLane, bson.D{{Key: "lane", Value: bson.D{{Key: "$gt", Value: at}}}}).sorted(asc("lane")).only(with("lane")), &s)
		if errors.Is(err, models.ErrNotFound) || err == nil && end != "" && s.Lane >= end {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if document.OpenTo(s.Lane, who) {
			out = append(out, s.Lane)
		}
		at = s.Lane
	}
}

// claimFirst takes the first item out of its lane, by one write. If it wants
// more people, it then goes into the lane where they look; were this process to
// die in between, it would do so when the claim runs out.
func (d *Documents) claimFirst(ctx context.Context, lane string, who models.Asker, now, until time.Time) (models.Claimed, error) {
	var s storedItem
	c := document.NewClaim("", who.Name, now, until)
	hold := storedHold{c.By, c.Token, c.At, c.Expires}
	err := d.findAndUpdate(ctx, d.inLane(lane), bson.D{
		{Key: "$unset", Value: bson.D{{Key: "lane", Value: ""}}},
		{Key: "$push", Value: bson.D{{Key: "holds", Value: hold}}},
		{Key: "$inc", Value: bson.D{{Key: "hv", Value: int64(1)}}},
	}, &s)
	if err != nil {
		return models.Claimed{}, err
	}
	out := models.Claimed{Claim: c}
	out.Claim.Item, out.Claim.Token = s.ID, s.ID+c.Token
	if err := decode(s.Item, &out.Item); err != nil {
		return out, err
	}
	if document.Lane(&out.Item, s.claims(), false) != "" {
		if err := d.rehold(ctx, s.ID, func(_ *storedItem, it *models.Item, had []models.Claim) ([]models.Claim, error) { return had, nil }); err != nil {
			return out, err
		}
	}
	out.Draft, err = d.draft(ctx, s.ID, who.Name)
	return out, err
}

// TakeItem leases a certain item to who, if they may have it: see
// document.MayTake. Else it is ErrConflict.
func (d *Documents) TakeItem(ctx context.Context, who models.Asker, id string, now, until time.Time) (models.Claimed, error) {
	var out models.Claimed
	err := d.rehold(ctx, id, func(_ *storedItem, it *models.Item, had []models.Claim) ([]models.Claim, error) {
		others := document.Without(document.Live(it, had, now), who.Name)
		if !document.MayTake(it, others, who) {
			return nil, models.ErrConflict
		}
		out = models.Claimed{Claim: document.NewClaim(id, who.Name, now, until), Item: *it}
		return append(others, out.Claim), nil
	})
	if err == nil {
		out.Draft, err = d.draft(ctx, id, who.Name)
	}
	return out, fault("take item "+id, err)
}

// ExtendClaims makes by's claims of these tokens last until a time, and returns
// those that lived.
func (d *Documents) ExtendClaims(ctx context.Context, by string, tokens []string, now, until time.Time) ([]models.Claim, error) {
	until = until.UTC().Truncate(time.Millisecond)
	var out []models.Claim
	for _, token := range tokens {
		held := d.where(cItems+primary, bson.D{{Key: "_id", Value: models.ClaimedItem(token)}, {Key: "holds", Value: bson.D{{Key: "$elemMatch", Value: bson.D{
			{Key: "by", Value: by}, {Key: "token", Value: strings.TrimPrefix(token, models.ClaimedItem(token))}, {Key: "expires", Value: bson.D{{Key: "$gt", Value: now}}}}}}}})
		n, err := d.update(ctx, held, bson.D{{Key: "$max", Value: bson.D{{Key: "holds.$.expires", Value: until}}}, {Key: "$inc", Value: bson.D{{Key: "hv", Value: int64(1)}}}})
		if err != nil {
			return out, fault("extend claims", err)
		}
		if n == 0 {
			continue
		}
		var s storedItem
		if err := d.one(ctx, d.byID(cItems, models.ClaimedItem(token)).only(with("holds")), &s); err != nil && !errors.Is(err, models.ErrNotFound) {
			return out, fault("extend claims", err)
		}
		for _, c := range s.claims() {
			if c.Token == token {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// ReleaseClaims gives back what by holds under these tokens.
func (d *Documents) ReleaseClaims(ctx context.Context, by string, tokens []string) error {
	for _, token := range tokens {
		err := d.rehold(ctx, models.ClaimedItem(token), func(_ *storedItem, _ *models.Item, had []models.Claim) ([]models.Claim, error) {
			return slices.DeleteFunc(had, func(c models.Claim) bool { return c.By == by && c.Token == token }), nil
		})
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return fault("release claims", err)
		}
	}
	return nil
}

// HeldClaims lists what by holds at a time, the oldest claim first.
func (d *Documents) HeldClaims(ctx context.Context, by string, now time.Time) ([]models.Claimed, error) {
	items, err := collect[storedItem](ctx, d, d.where(itemsHeld, bson.D{{Key: "holds.by", Value: by}}))
	var out []models.Claimed
	for i := range items {
		for _, c := range items[i].claims() {
			if err != nil || c.By != by || !now.Before(c.Expires) {
				continue
			}
			held := models.Claimed{Claim: c}
			if err = decode(items[i].Item, &held.Item); err == nil {
				held.Draft, err = d.draft(ctx, c.Item, by)
			}
			out = append(out, held)
		}
	}
	slices.SortFunc(out, func(a, b models.Claimed) int {
		return cmp.Or(a.Claim.At.Compare(b.Claim.At), strings.Compare(a.Claim.Item, b.Claim.Item))
	})
	return out, fault("claims of "+by, err)
}
