package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weft/models"
)

// Posts are the posts that may leave.
type Posts interface {
	// Purgeable returns ids of posts, after the cursor, whose runs have all ended
	// before endedBefore and whose publications are in verified parts.
	Purgeable(ctx context.Context, endedBefore time.Time, after string, max int) ([]string, error)
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
	// Purge removes a post and leaves a stub, of which the caller fills in post,
	// rev and time. models.ErrConflict if the post changed since that rev, or
	// lives again.
	Purge(ctx context.Context, stub models.Stub) error
}

// Marker books a note about a run; with its Dirty set, the post is projected again.
type Marker interface {
	Move(ctx context.Context, m models.Move) error
}

// Search is where purged posts are removed from. A document of the same or a
// newer version that comes later is taken.
type Search interface {
	Delete(ctx context.Context, id string, version int64) error
}

// PurgeParams are what a Purger needs.
type PurgeParams struct {
	Posts  Posts
	Marker Marker
	Search Search
	Marks  Marks
	// Retention is how long a profile keeps posts after their runs ended; not
	// positive means for ever.
	Retention func(profile, version string) time.Duration
	Shortest  time.Duration     // of all retentions: younger posts aren't even looked at
	Clock     func() time.Time  // nil: time.Now
	Log       *slog.Logger      // nil: silent
	Crash     func(name string) // called at purge.unsearched (gone from search, still stored); nil in production
}

// Purger lets posts leave the document store. Several may run at once.
type Purger struct {
	p PurgeParams
}

// Purged says what one pass did.
type Purged struct {
	Seen   int `json:"seen"`   // posts that were looked at
	Purged int `json:"purged"` // posts that left
	Kept   int `json:"kept"`   // posts that changed at the last moment
}

// NewPurger returns a purger.
func NewPurger(p PurgeParams) *Purger {
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Crash == nil {
		p.Crash = func(string) {}
	}
	return &Purger{p: p}
}

// Run makes one pass over all posts that may leave.
func (g *Purger) Run(ctx context.Context) (Purged, error) {
	var done Purged
	now := g.p.Clock()
	m := &marker{marks: g.p.Marks}
	if err := m.settle(ctx); err != nil {
		return done, fmt.Errorf("history: watermark: %w", err)
	}
	for after := ""; ; {
		ids, err := g.p.Posts.Purgeable(ctx, now.Add(-g.p.Shortest), after, page)
		if err != nil {
			return done, fmt.Errorf("history: list purgeable posts: %w", err)
		}
		if len(ids) == 0 {
			return done, nil
		}
		for _, id := range ids {
			done.Seen++
			if err := g.purge(ctx, id, now, m, &done); err != nil {
				return done, fmt.Errorf("history: purge %s: %w", id, err)
			}
		}
		after = ids[len(ids)-1]
	}
}

// purge raises the watermark first, so that whoever doesn't find the post in
// search knows to look for it in the history. Then it hides the post from search.
// A crash between the two leaves a
// post that is still purgeable, so the next pass ends what this one began; in
// the other order the crash would leave a search document that nobody looks
// after any more.
func (g *Purger) purge(ctx context.Context, id string, now time.Time, m *marker, done *Purged) error {
	post, runs, err := g.p.Posts.Post(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil // another purger took it
	}
	if err != nil {
		return err
	}
	if post.Tombstone != nil || !g.expired(runs, now) {
		return nil
	}
	if err := m.clear(ctx, post.CreatedAt); err != nil {
		return err
	}
	if err := g.p.Search.Delete(ctx, id, post.Rev); err != nil {
		return err
	}
	g.p.Crash("purge.unsearched")
	err = g.p.Posts.Purge(ctx, models.Stub{Post: id, Rev: post.Rev, PurgedAt: now})
	switch {
	case errors.Is(err, models.ErrConflict):
		done.Kept++
		g.p.Log.Info("post changed while it was purged; it stays", "post", id)
		return g.show(ctx, id)
	case errors.Is(err, models.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	done.Purged++
	return nil
}

// expired reports whether every run ended longer ago than its profile keeps posts.
func (g *Purger) expired(runs []models.Run, now time.Time) bool {
	for _, r := range runs {
		keep := g.p.Retention(r.Profile, r.Version)
		if keep <= 0 || !r.State.Ended() || now.Sub(r.MovedAt) <= keep {
			return false
		}
	}
	return len(runs) > 0
}

// show has the post projected again, since it stays after all. The note is a
// compare-and-set on a run that somebody may be moving, hence the tries.
func (g *Purger) show(ctx context.Context, id string) error {
	const tries = 5
	var err error
	for range tries {
		post, runs, perr := g.p.Posts.Post(ctx, id)
		if errors.Is(perr, models.ErrNotFound) {
			return nil
		}
		if perr != nil {
			return perr
		}
		if post.Tombstone != nil || len(runs) == 0 {
			return nil
		}
		m := runs[0].Note()
		m.Dirty = true
		if err = g.p.Marker.Move(ctx, m); !errors.Is(err, models.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("mark it to be projected again: %w", err)
}
