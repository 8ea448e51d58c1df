// Package labeling takes people's answers. An answer is one atomic update of
// its item; after it, and only after it, the waiting run is woken. A crash
// between the two leaves an answered item with a parked run, which the
// reconciler sweeps up.
package labeling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// ErrWithdrawn means that nobody is asked any more: the post was deleted, or is
// not to be looked at. It is nobody's fault.
var ErrWithdrawn = errors.New("withdrawn")

// ErrMisfit means that an answer is not one to the item: what it says is for
// whoever gave it.
var ErrMisfit = errors.New("the answer does not fit")

// Items stores questions to people.
type Items interface {
	Item(ctx context.Context, id string) (models.Item, error)
	// PutItem is a compare-and-set: the stored rev must be item.Rev-1, else models.ErrConflict.
	PutItem(ctx context.Context, it models.Item) error
	Items(ctx context.Context, f models.ItemFilter) ([]models.Item, error)
	// Answered returns items whose answers suffice, or call for another
	// person, and that nobody is at work on.
	Answered(ctx context.Context, limit int) ([]models.Item, error)
}

// Posts takes labels that come without a run waiting for them.
type Posts interface {
	// Update applies a change and marks the post to be projected again.
	Update(ctx context.Context, post string, c models.Change) (models.Post, error)
}

// Waker queues the run that waits for an item. It is no error when none waits.
type Waker interface {
	Wake(ctx context.Context, post, profile, reason string) (woken bool, err error)
}

// Desk is where labelers hand in their answers.
type Desk struct {
	items Items
	posts Posts
	waker Waker
	now   func() time.Time
	crash func(name string)
}

// NewDesk returns a desk. crash is nil in production.
func NewDesk(items Items, posts Posts, waker Waker, now func() time.Time, crash func(string)) *Desk {
	if crash == nil {
		crash = func(string) {}
	}
	return &Desk{items: items, posts: posts, waker: waker, now: now, crash: crash}
}

// Open lists the items that want answers, the most valuable first. An item
// that is settled but was not closed wants none: its run was overtaken by one
// that asks nobody. So a page may be shorter than limit.
func (d *Desk) Open(ctx context.Context, profile string, limit int) ([]models.Item, error) {
	items, err := d.items.Items(ctx, models.ItemFilter{
		States: []models.ItemState{models.ItemOpen, models.ItemEscalated}, Profile: profile, Limit: limit,
	})
	return slices.DeleteFunc(items, func(it models.Item) bool {
		verdict, _ := it.Judge()
		return verdict == models.Settled
	}), err
}

// Answer hands in one person's answer to an item. It is durable when Answer
// returns. A later answer of the same person replaces the earlier one. An
// answer that comes after the run moved on is kept, overrides what models say,
// and projects the post again.
func (d *Desk) Answer(ctx context.Context, id string, a models.Answer) (models.Item, error) {
	return d.AnswerAt(ctx, id, 0, a)
}

// AnswerAt is Answer to the item as it was at a rev: if it has changed since,
// nothing is written and the error is models.ErrConflict. 0 is any rev.
func (d *Desk) AnswerAt(ctx context.Context, id string, rev int64, a models.Answer) (models.Item, error) {
	return d.AnswerAs(ctx, models.Asker{Name: a.By}, id, rev, a)
}

// AnswerAs is AnswerAt of somebody who may be an analyst: whose word on what
// others could not settle, or did settle, is final.
func (d *Desk) AnswerAs(ctx context.Context, who models.Asker, id string, rev int64, a models.Answer) (models.Item, error) {
	if a.By = who.Name; strings.TrimSpace(a.By) == "" {
		return models.Item{}, errors.New("labeling: an answer needs the name of who gives it")
	}
	a.At = d.now().UTC()
	it, checked, err := d.add(ctx, id, rev, a, who.Reviews)
	if err != nil {
		return it, err
	}
	d.crash("answer.saved")
	if checked {
		return it, nil // it tells of the person, and changes nothing else
	}
	return it, d.settle(ctx, it, false)
}

// Sweep settles the answered items whose answering was cut short, and returns
// how many. It may run in several processes at once.
func (d *Desk) Sweep(ctx context.Context) (int, error) {
	const page = 500
	for n := 0; ; n += page {
		items, err := d.items.Answered(ctx, page)
		if err != nil {
			return n, fmt.Errorf("labeling: sweep: %w", err)
		}
		for _, it := range items {
			if err := d.settle(ctx, it, true); err != nil {
				return n, err
			}
		}
		if len(items) < page {
			return n + len(items), nil
		}
	}
}

// add writes the answer into the item, against whoever writes at the same time.
func (d *Desk) add(ctx context.Context, id string, rev int64, a models.Answer, reviews bool) (models.Item, bool, error) {
	for {
		it, err := d.items.Item(ctx, id)
		if err != nil {
			return it, false, fmt.Errorf("labeling: item %s: %w", id, err)
		}
		if it.State == models.ItemWithdrawn {
			return it, false, withdrawn(id)
		}
		if rev > 0 && it.Rev != rev {
			return it, false, fmt.Errorf("labeling: item %s is at rev %d, not %d: %w", id, it.Rev, rev, models.ErrConflict)
		}
		a.Values = tidied(it, a.Values)
		if err := check(it, a); err != nil {
			return it, false, err
		}
		it, checked := answered(it, a, reviews)
		it.Rev++
		err = d.items.PutItem(ctx, it)
		if err == nil {
			return it, checked, nil
		}
		if !errors.Is(err, models.ErrConflict) {
			return it, false, fmt.Errorf("labeling: save answer to %s: %w", id, err)
		}
	}
}

func withdrawn(id string) error {
	return fmt.Errorf("labeling: item %s was %w: its post was deleted, or is not to be looked at", id, ErrWithdrawn)
}

// skippedPriority is how much sooner an analyst sees an item that two people
// skipped, as much as one that nobody answered in time.
const skippedPriority = 10

// answered adds an answer to an item. To a settled gold item it is a check. An
// analyst's is final where the others' have disagreed, were none, or had settled
// it. The second to skip an open item hands it to the analysts.
func answered(it models.Item, a models.Answer, reviews bool) (models.Item, bool) {
	verdict, _ := it.Judge()
	switch {
	case it.Gold != nil && verdict == models.Settled:
		a.Check = true
	case reviews && a.Skip == "":
		a.Final = it.Contested() || verdict == models.Settled
	}
	it = it.WithAnswer(a)
	if it.State == models.ItemOpen && it.Skipped() {
		it.State, it.Priority = models.ItemEscalated, it.Priority+skippedPriority
	}
	return it, a.Check
}

// settle wakes the run that waits for the item. If none does, a settled item's
// labels go to the post directly. A run that is to park for the item may be
// doing so just now; then the item stays open, unless its run is known to be
// at rest, and the sweep wakes the run.
func (d *Desk) settle(ctx context.Context, it models.Item, atRest bool) error {
	if it.State == models.ItemWithdrawn { // of a post that lives: its run must not wait for ever
		if woken, err := d.waker.Wake(ctx, it.Post, it.Profile, "its question was withdrawn"); err != nil || woken {
			return err
		}
		return d.unpark(ctx, it, atRest)
	}
	verdict, labels := it.Judge()
	if verdict == models.Unsettled {
		return nil
	}
	woken, err := d.waker.Wake(ctx, it.Post, it.Profile, "answered by "+it.Answers[len(it.Answers)-1].By)
	if err != nil || woken {
		return err
	}
	if verdict != models.Settled {
		return d.unpark(ctx, it, atRest)
	}
	_, err = d.posts.Update(ctx, it.Post, models.Change{Labels: labels, Profile: it.Profile, Checked: true})
	if err != nil && !errors.Is(err, models.ErrNotFound) { // of a purged post, the item keeps the answer
		return fmt.Errorf("labeling: labels of %s: %w", it.Post, err)
	}
	if it.Parking && !atRest {
		return nil
	}
	return d.close(ctx, it)
}

// unpark takes note that no run waits for a disputed item any more.
func (d *Desk) unpark(ctx context.Context, it models.Item, atRest bool) error {
	if !atRest || !it.Parking {
		return nil
	}
	it.Parking = false
	it.Rev++
	err := d.items.PutItem(ctx, it)
	if errors.Is(err, models.ErrConflict) {
		return nil // another answer came, and may have settled it
	}
	return err
}

func (d *Desk) close(ctx context.Context, it models.Item) error {
	if it.State == models.ItemClosed && !it.Parking {
		return nil
	}
	it.State, it.Parking = models.ItemClosed, false
	it.Rev++
	err := d.items.PutItem(ctx, it)
	if errors.Is(err, models.ErrConflict) {
		return nil // another answer came; its own settling closes the item
	}
	return err
}

// unfit is an error that is ErrMisfit without saying so.
type unfit struct{ error }

// Is makes it one.
func (unfit) Is(target error) bool { return target == ErrMisfit }

func misfit(format string, args ...any) error { return unfit{fmt.Errorf(format, args...)} }

// check refuses what was not asked, or is no choice.
func check(it models.Item, a models.Answer) error {
	if wrong := it.Misfits(a); len(wrong) > 0 {
		return misfit("labeling: item %s: %s", it.ID, wrong[0].Wrong)
	}
	return nil
}
