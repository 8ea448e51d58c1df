// Package crawl drives the connectors: it keeps each query's cursor, shares the
// queries among processes, and decides when a query is read again.
//
// A cursor is saved only after the posts before it are stored, so a crash reads
// some posts twice and misses none; storing them again changes nothing. A query
// belongs to one process at a time by a lease. The lease only saves work: where
// two processes read the same query all the same, the cursor's compare-and-set
// lets one of them win, and the other stops.
package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weft/models"
	"weft/source"
)

// Job is a query with where its posts go.
type Job struct {
	source.Query
	Profiles []string // empty: those whose match fits
	Again    bool     // the posts are known, and go to the profiles that they are in
}

// Cursors keeps cursors and leases.
type Cursors interface {
	Cursor(ctx context.Context, query string) (models.Cursor, error)
	// PutCursor returns ErrConflict where the stored one isn't the one before.
	PutCursor(ctx context.Context, c models.Cursor) error
	Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error)
}

// Intake takes what was collected.
type Intake interface {
	// Room waits until the queue takes more posts, and tells once why it waits.
	Room(ctx context.Context, waiting func(reason string)) error
	// Admit stores the posts, starts their runs, and carries out the deletions.
	Admit(ctx context.Context, job Job, b source.Batch) error
	// Known pages through the living posts of a source created since, by id, for re-checks.
	Known(ctx context.Context, name string, since time.Time, after string, limit int) ([]models.Post, error)
}

// Recorder counts what goes on.
type Recorder interface {
	Collected(query string, posts, deletions int)
	// Failed counts a pass that broke off. Kind is throttled, stopped, or a fault's class.
	Failed(query, kind string)
}

// Options change how the crawler works. The zero value is fine.
type Options struct {
	Holder   string        // this process, in leases
	Lease    time.Duration // how long a dead process keeps a query; 30 s when 0
	Backoff  time.Duration // the first pause after a failure; doubled up to MaxPause; 5 s when 0
	MaxPause time.Duration // 15 min when 0
	Once     bool          // end when each query was read to its end once
	Recheck  time.Duration // how often known posts are looked at again; 0: never
	Age      time.Duration // up to which age; 48 h when 0
	Now      func() time.Time
	Crash    func(name string) // named crash points; nil in production
	Recorder Recorder          // may be nil
	Log      *slog.Logger
}

// The named points where a test may kill the process.
const (
	CrashStored = "crawl.stored" // posts are stored, their cursor isn't
	CrashCursor = "crawl.cursor" // the cursor is saved
)

// Crawler reads queries until it is told to stop.
type Crawler struct {
	jobs       []Job
	connectors map[string]source.Connector
	cursors    Cursors
	intake     Intake
	opt        Options
}

// New returns a crawler. Every job's source has a connector.
func New(jobs []Job, connectors map[string]source.Connector, cursors Cursors, intake Intake, opt Options) *Crawler {
	defaults := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	defaults(&opt.Lease, 30*time.Second)
	defaults(&opt.Backoff, 5*time.Second)
	defaults(&opt.MaxPause, 15*time.Minute)
	defaults(&opt.Age, 48*time.Hour)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Crash == nil {
		opt.Crash = func(string) {}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Crawler{jobs: jobs, connectors: connectors, cursors: cursors, intake: intake, opt: opt}
}

// Run reads all queries side by side, each at its own pace, until ctx ends. One
// query's trouble never stops another. With Once it returns what kept queries
// from being read to their end.
func (c *Crawler) Run(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(c.jobs))
	for i, j := range c.jobs {
		all.Go(func() { errs[i] = c.watch(ctx, reading{c, j, c.connectors[j.Source]}) })
	}
	if c.opt.Recheck > 0 && !c.opt.Once {
		for name, conn := range c.connectors {
			if r, ok := conn.(source.Rechecker); ok && c.reads(name) {
				all.Go(func() { _ = c.watch(ctx, rechecking{c, name, r}) })
			}
		}
	}
	all.Wait()
	return errors.Join(errors.Join(errs...), ctx.Err())
}

func (c *Crawler) reads(name string) bool {
	for _, j := range c.jobs {
		if j.Source == name {
			return true
		}
	}
	return false
}

// task is what is done over and over under a cursor.
type task interface {
	name() string
	every() time.Duration
	// of is the source, and a hash of what the query asks of it.
	of() (source, hash string)
	// pass goes on from t.cur, and returns nil when it came to its end.
	pass(ctx context.Context, t *turn) error
}

// patience is how many failures in a row Once puts up with.
const patience = 5

// watch does a task whenever it is due and no other process is at it.
func (c *Crawler) watch(ctx context.Context, k task) error {
	w := &watching{since: c.opt.Now(), first: true}
	for failed := 0; ctx.Err() == nil; {
		done, err := c.turn(ctx, k, w)
		if err != nil && ctx.Err() == nil {
			c.opt.Log.Warn("crawl", "query", k.name(), "error", clip(err.Error()))
			failed++
		} else if err == nil {
			failed = 0
		}
		if c.opt.Once && (done || hopeless(err, failed)) {
			return err
		}
		c.rest(ctx, k)
	}
	return nil
}

// hopeless reports whether trying again right away makes no sense.
func hopeless(err error, failed int) bool {
	if tr, ok := source.AsTrouble(err); ok {
		return tr.Kind == source.Stopped
	}
	return err != nil && (failed >= patience || models.ClassOf(err) == models.Permanent)
}

// rest waits until the query is due. It looks again after a minute at most,
// since another process may have changed the cursor.
func (c *Crawler) rest(ctx context.Context, k task) {
	wait := c.opt.Lease / 3
	if cur, err := c.cursors.Cursor(ctx, k.name()); err == nil {
		wait = min(max(cur.Next.Sub(c.opt.Now()), c.opt.Backoff), time.Minute)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// errLost means that another process is at the query.
var errLost = errors.New("another process reads this query")

// turn takes the lease, and does the task if it is due. Done means that it came to its end.
func (c *Crawler) turn(ctx context.Context, k task, w *watching) (done bool, err error) {
	lease := "crawl/" + k.name()
	mine, err := c.cursors.Lease(ctx, lease, c.opt.Holder, c.opt.Lease, c.opt.Now())
	if err != nil || !mine {
		return false, err
	}
	defer func() {
		// The next process need not wait for the lease to run out.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = c.cursors.Lease(ctx, lease, c.opt.Holder, 0, c.opt.Now())
	}()
	cur, err := c.cursors.Cursor(ctx, k.name())
	if errors.Is(err, models.ErrNotFound) {
		cur, err = models.Cursor{Query: k.name()}, nil
	}
	if err != nil {
		return false, err
	}
	due, done := c.due(&cur, k, w)
	if !due {
		return done, nil
	}
	src, hash := k.of()
	if cur.Source != "" && cur.Source != src {
		cur.State = nil // another connector's: it would make nothing of it, or the wrong thing
	}
	cur.Source, cur.Of = src, hash
	ctx, cancel := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() { defer close(renewed); c.renew(ctx, lease, cancel) }()
	// A renewal that is under way must not come after the release.
	defer func() { cancel(nil); <-renewed }()
	t := &turn{c: c, cur: cur}
	err = k.pass(ctx, t)
	if cause := context.Cause(ctx); cause != nil {
		return false, cause // stopped, or the lease is lost: no failure of the query
	}
	return err == nil, t.end(ctx, err, k.every())
}

// renew keeps the lease while a pass goes on, and ends the pass when it is lost.
func (c *Crawler) renew(ctx context.Context, lease string, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(c.opt.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if mine, err := c.cursors.Lease(ctx, lease, c.opt.Holder, c.opt.Lease, c.opt.Now()); err == nil && !mine {
			cancel(errLost)
		}
	}
}

// turn is one pass over a query, and its cursor.
type turn struct {
	c   *Crawler
	cur models.Cursor
}

// save writes the cursor. Its number counts only once it is written: after a
// store that was away for a moment the next save must fit.
func (t *turn) save(ctx context.Context) error {
	next := t.cur
	next.Seq++
	err := t.c.cursors.PutCursor(ctx, next)
	if errors.Is(err, models.ErrConflict) {
		return errLost
	}
	if err != nil {
		return fmt.Errorf("crawl %s: save cursor: %w", t.cur.Query, err)
	}
	t.cur.Seq = next.Seq
	return nil
}

// end notes how the pass ended, and when the next one is due.
func (t *turn) end(ctx context.Context, err error, every time.Duration) error {
	now := t.c.opt.Now().UTC()
	if errors.Is(err, errLost) {
		return nil
	}
	if err == nil {
		t.cur.Success, t.cur.Errors, t.cur.Error, t.cur.Paused, t.cur.Held = now, 0, "", "", time.Time{}
		t.cur.Next = now.Add(every)
		return t.save(ctx)
	}
	pause := t.pause(every, err)
	t.cur.Failed, t.cur.Next = now, now.Add(pause)
	kind := string(models.ClassOf(err))
	if tr, ok := source.AsTrouble(err); ok {
		kind = string(tr.Kind)
		t.trouble(tr, now)
	} else {
		t.cur.Errors++
		t.cur.Error = clip(err.Error())
	}
	if r := t.c.opt.Recorder; r != nil {
		r.Failed(t.cur.Query, kind)
	}
	return errors.Join(fmt.Errorf("%w (again at %s)", err, t.cur.Next.Format(time.RFC3339)), t.save(ctx))
}

// trouble notes what needs no counting: the network wants us to wait, or a
// person has to do something.
func (t *turn) trouble(tr *source.Trouble, now time.Time) {
	if tr.Kind == source.Throttled {
		t.cur.Failed = time.Time{}
		t.cur.Next = tr.Until.UTC()
		if soonest := now.Add(t.c.opt.Backoff); t.cur.Next.Before(soonest) {
			t.cur.Next = soonest // their clock is behind ours, or they said nothing
		}
		if last := now.Add(farthest); t.cur.Next.After(last) {
			t.cur.Next = last
		}
		t.cur.Paused, t.cur.Held = clip(tr.Error()), t.cur.Next
		return
	}
	t.cur.Error, t.cur.Paused, t.cur.Next, t.cur.Held = clip(tr.Error()), clip("stopped: "+tr.Do), now.Add(time.Hour), time.Time{}
}

// pause grows with each failure in a row. What can't be helped by trying again
// waits for the query's next turn at least.
func (t *turn) pause(every time.Duration, err error) time.Duration {
	pause := t.c.opt.Backoff << min(t.cur.Errors, 16)
	if models.ClassOf(err) == models.Permanent {
		pause = max(pause, every)
	}
	return min(pause, t.c.opt.MaxPause)
}
