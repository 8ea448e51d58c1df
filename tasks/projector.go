package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/models"
)

// DirtyPosts finds posts that changed without a run that would project them:
// a late label, new counts, a deletion.
type DirtyPosts interface {
	Dirty(ctx context.Context, limit int) ([]models.Post, error)
	// Clean takes the mark off if the post still has that rev.
	Clean(ctx context.Context, post string, rev int64) error
}

// Waker queues a parked run again.
type Waker interface {
	Wake(ctx context.Context, post, profile, reason string) (woken bool, err error)
}

// Projector projects such posts again, into search and history, and wakes runs
// whose question was answered for another profile meanwhile. It may run in
// several processes at once.
type Projector struct {
	Dirty     DirtyPosts
	Timelines Timelines
	Items     Items
	Waker     Waker
	Search    Search
	Staging   Staging
	Now       func() time.Time
	Crash     func(name string) // named crash points; nil in production
}

// Pass projects every post that is marked, and returns how many.
func (p *Projector) Pass(ctx context.Context) (int, error) {
	n := 0
	for {
		posts, err := p.Dirty.Dirty(ctx, 200)
		if err != nil {
			return n, fmt.Errorf("project: %w", err)
		}
		for _, post := range posts {
			if err := p.one(ctx, post.ID); err != nil {
				return n, fmt.Errorf("project %s: %w", post.ID, err)
			}
			n++
		}
		if len(posts) < 200 {
			return n, nil
		}
	}
}

func (p *Projector) one(ctx context.Context, id string) error {
	post, runs, err := p.Timelines.Post(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.show(ctx, &post); err != nil {
		return err
	}
	if len(post.Published) > 0 && post.Hidden == "" { // what nobody sees leaves no row either
		rows, err := freeze(ctx, p.Timelines, post, runs, p.Now())
		if err == nil {
			err = p.Staging.Stage(ctx, rows)
		}
		if err != nil {
			return err
		}
	}
	if err := p.wake(ctx, post, runs); err != nil {
		return err
	}
	if p.Crash != nil {
		p.Crash("projected")
	}
	return p.Dirty.Clean(ctx, id, post.Rev)
}

// show puts the post into search as it is, or takes it out.
func (p *Projector) show(ctx context.Context, post *models.Post) error {
	doc, ok := models.Project(post)
	if !ok {
		return p.Search.Delete(ctx, post.ID, post.Rev)
	}
	return p.Search.Put(ctx, doc)
}

// wake looks after the post's parked runs: nobody is asked what somebody has
// answered already.
func (p *Projector) wake(ctx context.Context, post models.Post, runs []models.Run) error {
	for _, run := range runs {
		if run.State != models.Parked || run.Item == "" || len(post.Labels) == 0 {
			continue
		}
		it, err := p.Items.Item(ctx, run.Item)
		if err != nil {
			return err
		}
		if !answeredElsewhere(it, post.Labels) {
			continue
		}
		if _, err := p.Waker.Wake(ctx, post.ID, run.Profile, "answered for another profile"); err != nil {
			return err
		}
	}
	return nil
}

func answeredElsewhere(it models.Item, labels []models.Label) bool {
	return slices.ContainsFunc(labels, func(l models.Label) bool {
		return l.Item != it.ID && l.Taxonomy == it.Taxonomy &&
			slices.ContainsFunc(it.Questions, func(q models.Question) bool { return q.Attribute == l.Attribute })
	})
}
