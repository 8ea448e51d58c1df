package labeling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/models"
)

// ErrLost means that a claim ran out, and others have its item now.
var ErrLost = errors.New("the claim was lost")

// Claims stores who holds which item. Each claim is atomic: however many ask,
// an item goes to no more people than it wants answers.
type Claims interface {
	// ClaimItems leases up to n items, the most valuable first.
	ClaimItems(ctx context.Context, who models.Asker, profile string, n int, now, until time.Time) ([]models.Claimed, error)
	// TakeItem leases a certain item: models.ErrConflict if who may not have it.
	TakeItem(ctx context.Context, who models.Asker, id string, now, until time.Time) (models.Claimed, error)
	HeldClaims(ctx context.Context, by string, now time.Time) ([]models.Claimed, error)
}

// Leases stores how long claims last, and what is drafted under them.
type Leases interface {
	// ExtendClaims returns the claims that lived and now last longer.
	ExtendClaims(ctx context.Context, by string, tokens []string, now, until time.Time) ([]models.Claim, error)
	ReleaseClaims(ctx context.Context, by string, tokens []string) error
	// PutDraft returns models.ErrNotFound if nobody is asked any more.
	PutDraft(ctx context.Context, d models.Draft) error
}

// Outlook tells what else there is to do.
type Outlook interface {
	Waiting(ctx context.Context, who models.Asker, profile string, now time.Time) (models.Waiting, error)
	// GoldItem finds an item that tests people and that by has not seen, or models.ErrNotFound.
	GoldItem(ctx context.Context, by, profile string) (string, error)
}

// QueueParams is what a Queue needs.
type QueueParams struct {
	Desk    *Desk
	Claims  Claims
	Leases  Leases
	Outlook Outlook
	Lease   time.Duration  // how long a claim lasts without a heartbeat
	Gold    float64        // share of what is handed out that tests people, as far as there is any
	Chance  func() float64 // from 0 to 1, anew each time
	Now     func() time.Time
}

// Queue hands out items, so that no two people do the same work unless it is
// wanted twice.
type Queue struct{ QueueParams }

// NewQueue returns a queue over a desk's items.
func NewQueue(p QueueParams) *Queue { return &Queue{p} }

// lease returns now, and when a claim of now ends.
func (q *Queue) lease() (now, until time.Time) {
	now = q.Now().UTC()
	return now, now.Add(q.Lease)
}

// Claim hands out up to n items, the most valuable first. Some of them test who
// asks, and don't look like it.
func (q *Queue) Claim(ctx context.Context, who models.Asker, profile string, n int) ([]models.Claimed, models.Waiting, error) {
	now, until := q.lease()
	var out []models.Claimed
	for range n {
		c, ok, err := q.next(ctx, who, profile, now, until)
		if err != nil {
			return nil, models.Waiting{}, fmt.Errorf("labeling: claim: %w", err)
		}
		if !ok {
			break
		}
		out = append(out, c)
	}
	w, err := q.Outlook.Waiting(ctx, who, profile, now)
	if err != nil {
		return nil, w, fmt.Errorf("labeling: claim: %w", err)
	}
	return out, w, nil
}

// next hands out one item. A test comes only by chance, and never because there
// is nothing else: an empty queue is empty.
func (q *Queue) next(ctx context.Context, who models.Asker, profile string, now, until time.Time) (models.Claimed, bool, error) {
	if q.Gold > 0 && q.Chance() < q.Gold {
		c, err := q.test(ctx, who, profile, now, until)
		if !errors.Is(err, models.ErrNotFound) && !errors.Is(err, models.ErrConflict) {
			return c, err == nil, err
		}
	}
	got, err := q.Claims.ClaimItems(ctx, who, profile, 1, now, until)
	if err != nil || len(got) == 0 {
		return models.Claimed{}, false, err
	}
	return got[0], true, nil
}

func (q *Queue) test(ctx context.Context, who models.Asker, profile string, now, until time.Time) (models.Claimed, error) {
	id, err := q.Outlook.GoldItem(ctx, who.Name, profile)
	if err != nil {
		return models.Claimed{}, err
	}
	return q.Claims.TakeItem(ctx, who, id, now, until)
}

// Take hands out a certain item: to change an answer, to decide as an analyst,
// or by its address. It is models.ErrConflict if others have it.
func (q *Queue) Take(ctx context.Context, who models.Asker, id string) (models.Claimed, error) {
	now, until := q.lease()
	c, err := q.Claims.TakeItem(ctx, who, id, now, until)
	if errors.Is(err, models.ErrConflict) {
		if it, err := q.Desk.items.Item(ctx, id); err == nil && it.State == models.ItemWithdrawn {
			return models.Claimed{Item: it}, withdrawn(id)
		}
	}
	if err != nil {
		return c, fmt.Errorf("labeling: take item: %w", err)
	}
	return c, nil
}

// Held lists what somebody holds.
func (q *Queue) Held(ctx context.Context, who models.Asker) ([]models.Claimed, error) {
	return q.Claims.HeldClaims(ctx, who.Name, q.Now().UTC())
}

// Extend makes claims last for another lease, and returns those that lived.
func (q *Queue) Extend(ctx context.Context, by string, tokens []string) ([]models.Claim, error) {
	now, until := q.lease()
	return q.Leases.ExtendClaims(ctx, by, tokens, now, until)
}

// Release gives items back.
func (q *Queue) Release(ctx context.Context, by string, tokens []string) error {
	return q.Leases.ReleaseClaims(ctx, by, tokens)
}

// SaveDraft keeps what somebody is about to answer, whether their claim lives or
// not, and says which.
func (q *Queue) SaveDraft(ctx context.Context, token string, d models.Draft) (models.Draft, bool, error) {
	now, until := q.lease()
	d.SavedAt = now
	if err := q.Leases.PutDraft(ctx, d); err != nil {
		if errors.Is(err, models.ErrNotFound) {
			if it, err := q.Desk.items.Item(ctx, d.Item); err == nil && it.State == models.ItemWithdrawn {
				return d, false, withdrawn(d.Item)
			}
		}
		return d, false, fmt.Errorf("labeling: save draft: %w", err)
	}
	if models.ClaimedItem(token) != d.Item {
		return d, false, nil
	}
	held, err := q.Leases.ExtendClaims(ctx, d.By, []string{token}, now, until)
	if err != nil {
		return d, false, fmt.Errorf("labeling: save draft: %w", err)
	}
	return d, len(held) > 0, nil
}

// Answer hands in an answer under a claim. If that ran out, the item is taken
// again: where others have it by now, the answer is kept as a draft, and the
// error is ErrLost.
func (q *Queue) Answer(ctx context.Context, who models.Asker, id string, rev int64, token string, a models.Answer) (models.Item, error) {
	if token == "" {
		return q.Desk.AnswerAs(ctx, who, id, rev, a)
	}
	now, until := q.lease()
	var held []models.Claim
	var err error
	if models.ClaimedItem(token) == id {
		if held, err = q.Leases.ExtendClaims(ctx, who.Name, []string{token}, now, until); err != nil {
			return models.Item{}, fmt.Errorf("labeling: answer: %w", err)
		}
	}
	if len(held) > 0 {
		a.ClaimedAt = held[0].At
		return q.Desk.AnswerAs(ctx, who, id, rev, a)
	}
	_, err = q.Take(ctx, who, id)
	if errors.Is(err, models.ErrConflict) {
		err = q.Leases.PutDraft(ctx, models.Draft{Item: id, By: who.Name, Values: a.Values, Boxes: a.Boxes, Skip: a.Skip, SavedAt: now})
		return models.Item{}, errors.Join(fmt.Errorf("labeling: item %s: %w", id, ErrLost), err)
	}
	if err != nil {
		it, found := q.Desk.items.Item(ctx, id)
		if found != nil {
			it = models.Item{}
		}
		return it, err
	}
	return q.Desk.AnswerAs(ctx, who, id, rev, a)
}
