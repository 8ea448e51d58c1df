package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weft/models"
)

// Books is what the reconciler reads and moves.
type Books interface {
	// Overdue returns queued and parked runs whose due time has come, oldest first.
	Overdue(ctx context.Context, now time.Time, limit int) ([]models.Run, error)
	// Runs pages through runs in a fixed order.
	Runs(ctx context.Context, f models.RunFilter) ([]models.Run, error)
	// Move is one compare-and-set; models.ErrConflict when the run has moved on.
	Move(ctx context.Context, m models.Move) error
}

// Memory keeps small facts beside the documents.
type Memory interface {
	Meta(ctx context.Context, key string) (string, error)
	SetMeta(ctx context.Context, key, value string) error
}

// ReconcileOptions of a Reconciler.
type ReconcileOptions struct {
	Horizon time.Duration     // how long after it was enqueued a task should have been seen
	Grace   time.Duration     // how long a lease must be over before its worker counts as dead
	Page    int               // runs per read; 0: 500
	Now     func() time.Time  // nil: time.Now
	Crash   func(name string) // named crash points; nil in production
	Log     *slog.Logger
}

// Reconciler brings queue and documents together again: whatever was lost in
// Redis, or between a move and its enqueue, is enqueued anew. Several may run;
// the seq keeps them from harm.
type Reconciler struct {
	client *Client
	books  Books
	memory Memory
	opt    ReconcileOptions
}

// NewReconciler returns a reconciler over the client's queues and the books.
func NewReconciler(c *Client, books Books, memory Memory, opt ReconcileOptions) *Reconciler {
	if opt.Page == 0 {
		opt.Page = 500
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Crash == nil {
		opt.Crash = func(string) {}
	}
	return &Reconciler{client: c, books: books, memory: memory, opt: opt}
}

// Summary says what one pass did.
type Summary struct {
	Looked   int `json:"looked"`   // overdue runs
	Enqueued int `json:"enqueued"` // whose task was not in the queue
	Replaced int `json:"replaced"` // that got seq+1 and a new task
	Woken    int `json:"woken"`    // parked runs whose time had come
	Epoch    int `json:"epoch"`    // queued runs enqueued anew because Redis was emptied
}

// Pass looks once at everything that is due. It returns with what it has done
// at the first error of a store; the next pass goes on.
func (r *Reconciler) Pass(ctx context.Context) (Summary, error) {
	var s Summary
	if err := r.checkEpoch(ctx, &s); err != nil {
		return s, err
	}
	for {
		runs, err := r.books.Overdue(ctx, r.opt.Now(), r.opt.Page)
		if err != nil {
			return s, fmt.Errorf("reconcile: overdue runs: %w", err)
		}
		for _, run := range runs {
			s.Looked++
			if err := r.settle(ctx, run, &s); err != nil {
				return s, err
			}
		}
		if len(runs) < r.opt.Page {
			return s, ctx.Err()
		}
	}
}

// settle sees to one overdue run.
func (r *Reconciler) settle(ctx context.Context, run models.Run, s *Summary) error {
	if run.State == models.Parked {
		s.Woken++
		return r.replace(ctx, run.Wake("time is up", r.opt.Now(), r.opt.Horizon))
	}
	fresh, err := r.client.Enqueue(ctx, run)
	if err != nil {
		return err
	}
	if fresh {
		s.Enqueued++
		r.opt.Crash("reconcile.enqueued")
		return r.postpone(ctx, run)
	}
	sight, err := r.client.Look(ctx, run, r.opt.Grace)
	if err != nil {
		return err
	}
	switch sight {
	case Waiting, Working:
		return r.postpone(ctx, run)
	case Orphan:
		s.Replaced++
		return r.replace(ctx, run.Requeue("its worker died", true, r.opt.Now(), r.opt.Horizon))
	default:
		s.Replaced++
		return r.replace(ctx, run.Requeue("its task was gone from the queue", false, r.opt.Now(), r.opt.Horizon))
	}
}

// postpone sets the time of the next look. It doubles with the time the run
// has been waiting, so that a deep backlog isn't read over and over.
func (r *Reconciler) postpone(ctx context.Context, run models.Run) error {
	now := r.opt.Now()
	run.Due = now.Add(max(r.opt.Horizon, min(now.Sub(run.MovedAt), time.Hour)))
	if run.ProcessAt.After(now) {
		run.Due = run.ProcessAt.Add(r.opt.Horizon)
	}
	return ignoreLost(r.books.Move(ctx, run.Note()))
}

// replace saves a move and enqueues the task it stands for.
func (r *Reconciler) replace(ctx context.Context, m models.Move) error {
	err := r.books.Move(ctx, m)
	if isLost(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reconcile: move %s: %w", &m.Run, err)
	}
	r.opt.Crash("reconcile.moved")
	r.opt.Log.Debug("reconciled", "post", m.Run.Post, "profile", m.Run.Profile, "step", m.Run.Step, "why", m.Run.Reason)
	_, err = r.client.Enqueue(ctx, m.Run)
	return err
}

// checkEpoch compares the marker in Redis with the documents'. If it is gone,
// Redis was emptied: every queued run gets seq+1 and a new task, since handlers
// that survived may still acknowledge the old ids.
func (r *Reconciler) checkEpoch(ctx context.Context, s *Summary) error {
	there, err := r.client.Epoch(ctx)
	if err != nil {
		return err
	}
	known, err := r.memory.Meta(ctx, "epoch")
	if err != nil {
		return fmt.Errorf("reconcile: epoch: %w", err)
	}
	if err := r.client.Register(ctx); err != nil {
		return err
	}
	if there != "" && there == known {
		return nil
	}
	if known == "" { // the first pass ever
		known = rand.Text()
		if err := r.memory.SetMeta(ctx, "epoch", known); err != nil {
			return fmt.Errorf("reconcile: set epoch: %w", err)
		}
		return r.client.SetEpoch(ctx, known)
	}
	return r.requeueAll(ctx, known, s)
}

// requeueAll replaces the task of every queued run, and sets the marker last:
// a crash on the way starts it over, which costs a few seqs and nothing else.
func (r *Reconciler) requeueAll(ctx context.Context, known string, s *Summary) error {
	started := r.opt.Now()
	filter := models.RunFilter{State: models.Queued, Limit: r.opt.Page}
	for {
		runs, err := r.books.Runs(ctx, filter)
		if err != nil {
			return fmt.Errorf("reconcile: queued runs: %w", err)
		}
		for _, run := range runs {
			filter.After = run.Post + "/" + run.Profile
			if run.MovedAt.After(started) {
				continue // it moved after Redis was found empty: its task is a new one
			}
			s.Epoch++
			if err := r.replace(ctx, run.Requeue("the queue was emptied", false, r.opt.Now(), r.opt.Horizon)); err != nil {
				return err
			}
			r.opt.Crash("epoch.bumped")
		}
		if len(runs) < r.opt.Page {
			return r.client.SetEpoch(ctx, known)
		}
	}
}

// isLost reports that somebody else moved the run, or that its post is gone.
func isLost(err error) bool {
	return errors.Is(err, models.ErrConflict) || errors.Is(err, models.ErrNotFound)
}

func ignoreLost(err error) error {
	if isLost(err) {
		return nil
	}
	return err
}
