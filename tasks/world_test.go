package tasks_test

import (
	"context"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	images "weft/analysis/image"
	"weft/labeling"
	"weft/models"
	"weft/profile"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/sqlite"
	"weft/storage/storagetest"
	"weft/tasks"
)

// horizon is when a task is looked after.
const horizon = time.Minute

// reporter is what a world needs of a test; rapid's T is one too.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	FailNow()
}

// world is one installation with a clock of its own: real stores, real steps,
// real runner and desk; only models and queue are played.
type world struct {
	t   reporter
	ctx context.Context
	now time.Time
	stores
	parts    *parquet.Parts
	runner   *tasks.Runner
	desk     *labeling.Desk
	project  *tasks.Projector
	queue    *memory
	profiles map[string]*profile.Profile // in force, by name
	parsed   library
	posts    map[string]*postSpec

	faults     []*fault
	between    map[models.Step][]event
	stale      int               // loads that show an older run
	staged     map[string][]byte // bodies of rows, by key
	admitted   int64             // generations that were asked for
	purged     bool
	deaths     int
	deliveries int
	depth      int            // goroutines that the test's own waits for
	counted    map[string]int // what the recorder was told, by outcome
}

// stores are what a world keeps its data in.
type stores struct {
	docs   storagetest.Store
	search storagetest.SearchStore
	blobs  *blobs.Store
}

// newWorld makes a world over stores, which are empty. close it.
func newWorld(t reporter, in stores, s *scenario) *world {
	w := &world{
		t: t, stores: in, ctx: context.Background(), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		queue: &memory{}, profiles: map[string]*profile.Profile{}, parsed: library{}, posts: s.Posts,
		between: map[models.Step][]event{}, staged: map[string][]byte{}, counted: map[string]int{},
	}
	w.queue.trip = func() error { return w.trip("queue", "") }
	w.parts = parquet.New(w.blobs)
	for name, body := range s.Profiles {
		w.enforce(name, body)
	}
	clock := func() time.Time { return w.now }
	crash := func(name string) { w.must(w.trip(name, "")) }
	staging := rows{w}
	ports := map[models.Step]tasks.Step{
		models.Fetch:        &tasks.Fetch{Preparer: preparer{images.NewPreparer(1 << 22)}, Images: w.blobs, Refs: w.docs},
		models.AnalyzeLight: &tasks.Analyze{Analyzer: played{w}, Fuse: fuse},
		models.AnalyzeHeavy: &tasks.Analyze{Analyzer: played{w}, Fuse: fuse},
		models.LabelStep:    &tasks.Label{Items: w.docs, Choices: choices{}, Crash: crash},
		models.Index:        &tasks.IndexStep{Search: faultySearch{w}},
		models.Archive:      &tasks.ArchiveStep{Timelines: w.docs, Staging: staging},
	}
	steps := tasks.Steps{}
	for name, step := range ports {
		steps[name] = watched{w, name, step}
	}
	w.runner = tasks.NewRunner(books{w}, w.queue, stored{w}, steps, tasks.Options{
		Now: clock, Horizon: horizon, Crash: crash, Recorder: w,
	})
	w.desk = labeling.NewDesk(w.docs, w.docs, w.runner, clock, crash)
	w.project = &tasks.Projector{Dirty: w.docs, Timelines: w.docs, Items: w.docs, Waker: w.runner, Search: faultySearch{w}, Staging: staging, Now: clock, Crash: crash}
	return w
}

// embedded opens the embedded stores in dir.
func embedded(t reporter, dir string) stores {
	ctx := context.Background()
	docs, err := sqlite.OpenDocuments(ctx, filepath.Join(dir, "documents.db"))
	if err != nil {
		t.Fatalf("documents: %v", err)
	}
	search, err := sqlite.OpenSearch(ctx, filepath.Join(dir, "search.db"))
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	return stores{docs, search, anyBlobs(t)}
}

func anyBlobs(t reporter) *blobs.Store {
	store, err := blobs.Open(context.Background(), "mem://")
	if err != nil {
		t.Fatalf("blobs: %v", err)
	}
	return store
}

func (w *world) close() {
	w.must(w.docs.Close())
	if c, ok := w.search.(io.Closer); ok {
		w.must(c.Close())
	}
	w.must(w.blobs.Close())
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("at %s: %v", w.now.Format(time.DateTime), err)
	}
}

// enforce puts a version of a profile in force.
func (w *world) enforce(name, body string) {
	w.t.Helper()
	p, err := parse(name, body)
	w.must(err)
	w.profiles[name] = p
	w.must(w.docs.PutProfile(w.ctx, name, p.Version, p.Body))
}

// Step implements tasks.Recorder.
func (w *world) Step(_, _, outcome string, _, _ float64) { w.counted[outcome]++ }

// trip fails where a fault is waiting.
func (w *world) trip(at, post string) error {
	for _, f := range w.faults {
		if f.At != at || (f.Post != "" && id(f.Post) != post) || (f.For == "" && f.Times == 0) || (f.For != "" && !w.now.Before(f.until)) {
			continue
		}
		if f.For == "" {
			f.Times--
		}
		if f.Class == deathClass {
			w.deaths++
			runtime.Goexit() // nothing recovers from it, and only deferred calls still run
		}
		return errOf(f.Class, at)
	}
	return nil
}

// drain works the queue off: what is ready first, then the clock goes on to
// what is due next.
func (w *world) drain() {
	w.t.Helper()
	for e := w.queue.next(); e != nil; e = w.queue.next() {
		if e.at.After(w.now) {
			w.now = e.at
		}
		w.serve(e)
	}
}

// serve delivers a task as asynq does: it comes back after an error, and later
// when its worker died.
func (w *world) serve(e *entry) {
	w.t.Helper()
	e.active = true
	died, err := w.deliver(e.task, e.retried)
	e.active = false
	switch {
	case died:
		e.retried++
		e.at = w.now.Add(30 * time.Second) // its lease
	case err == nil:
		w.queue.ack(e)
	case models.ClassOf(err) == models.Retryable:
		e.retried++
		e.at = w.now.Add(2 * time.Second << min(e.retried, 8))
	default:
		e.at = w.now.Add(time.Second)
	}
}

// deliver hands a task to the runner. A worker of its own does it, so that it can die.
func (w *world) deliver(t models.Task, retried int) (died bool, err error) {
	w.t.Helper()
	if w.deliveries++; w.deliveries > 3000 {
		w.t.Fatalf("%d deliveries: a run goes round in circles; now %+v", w.deliveries, t)
	}
	died = true
	w.apart(func() {
		err = w.runner.Handle(w.ctx, t, retried)
		died = false
	})
	return died, err
}

// apart runs do in a goroutine of its own, which may end before do returns.
func (w *world) apart(do func()) {
	w.t.Helper()
	done := make(chan struct{})
	w.depth++
	go func() {
		defer close(done)
		do()
	}()
	<-done
	if w.depth--; w.t.Failed() {
		w.t.FailNow()
	}
}

// advance lets time pass up to now+d, with everything that becomes due on the way.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	swept := false
	for range 1000 {
		next := end
		e := w.queue.next()
		if e != nil && e.at.Before(next) {
			next = e.at
		}
		due, err := w.docs.Overdue(w.ctx, end, 1)
		w.must(err)
		if len(due) > 0 && due[0].Due.Before(next) {
			next = due[0].Due
		}
		if next.After(w.now) {
			w.now = next
		}
		switch {
		case e != nil && !e.at.After(w.now):
			w.serve(e)
		case len(due) > 0 && !due[0].Due.After(w.now):
			w.reconcile()
		case !swept: // answered items have no due time
			swept = true
			w.reconcile()
		default:
			return
		}
	}
	w.t.Fatalf("time does not pass: something is always due")
}

// reconcile is the housekeeping of a worker: the sweep of answers, and
// queue.Reconciler by hand, for a queue without leases. Its process may die or
// find a store away; the next pass goes on.
func (w *world) reconcile() {
	w.t.Helper()
	w.apart(func() {
		if _, err := w.desk.Sweep(w.ctx); err != nil {
			w.t.Logf("not swept: %v", err)
		}
	})
	w.apart(func() {
		if err := w.settleOverdue(); err != nil {
			w.t.Logf("not reconciled: %v", err)
		}
	})
}

func (w *world) settleOverdue() error {
	due, err := w.docs.Overdue(w.ctx, w.now, 0)
	if err != nil {
		return err
	}
	for _, run := range due {
		if run.State == models.Parked {
			if _, err := w.runner.Wake(w.ctx, run.Post, run.Profile, "time is up"); err != nil {
				return err
			}
			continue
		}
		if _, err := w.queue.Enqueue(w.ctx, run); err != nil {
			return err
		}
		run.Due = later(w.now, run.ProcessAt).Add(horizon)
		if err := w.docs.Move(w.ctx, run.Note()); err != nil {
			return err
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// id is the post id of a scenario's name for it.
func id(name string) string { return models.PostID("sim", name) }

func nameOf(post string) string { return strings.TrimPrefix(post, "sim.") }
