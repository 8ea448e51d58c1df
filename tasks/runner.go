package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"weft/models"
	"weft/profile"
)

// Books is the document store as the runner sees it.
type Books interface {
	// Load returns a post and its run in a profile; models.ErrNotFound if there is no such run.
	Load(ctx context.Context, post, profile string) (models.Post, models.Run, error)
	// Move is one compare-and-set on the run's seq; models.ErrConflict if it has moved on.
	Move(ctx context.Context, m models.Move) error
	// Spent returns what a profile has spent on a step on a day.
	Spent(ctx context.Context, profile string, step models.Step, day string) (models.Spent, error)
}

// Queue takes the one task that stands for a run. A task that is there already is no error.
type Queue interface {
	Enqueue(ctx context.Context, run models.Run) (fresh bool, err error)
}

// Profiles returns the profile of a content hash: a run finishes under the
// version it started with.
type Profiles interface {
	Profile(ctx context.Context, version string) (*profile.Profile, error)
}

// Recorder counts. Each accepted move counts once.
type Recorder interface {
	Step(step, profile, outcome string, seconds, cost float64)
}

// Options of a Runner. Zero values get the defaults that are named.
type Options struct {
	Attempts  int                           // recorded failures of a step that fail the run; 5
	Deaths    int                           // workers lost on a step that fail the run as poison; 3
	Timeouts  map[models.Step]time.Duration // a step's own deadline; 30 s
	Horizon   time.Duration                 // when the reconciler looks for the task; a minute
	Backoff   time.Duration                 // the first wait on an unavailable service; it doubles up to a minute; a second
	Books     time.Duration                 // deadline of a write to the books, which outlives the task's context; 15 s
	Embedding string                        // the model whose embedding of a post is published; none
	Gate      bool                          // stop pulling from a queue while its services are away
	Now       func() time.Time              // time.Now
	Crash     func(name string)             // named crash points; nothing in production
	Recorder  Recorder                      // none
	Tracer    trace.Tracer                  // none
	Log       *slog.Logger                  // discards
}

// Runner keeps the books: it alone reads and writes runs, enqueues tasks and
// counts. It is safe for concurrent use.
type Runner struct {
	books    Books
	queue    Queue
	profiles Profiles
	steps    Steps
	gates    map[models.Step]*gate
	trial    sync.Mutex // held by the one suspect that is worked on
	opt      Options
}

// NewRunner returns a runner for the given steps.
func NewRunner(books Books, queue Queue, profiles Profiles, steps Steps, opt Options) *Runner {
	r := &Runner{books: books, queue: queue, profiles: profiles, steps: steps, opt: opt.withDefaults()}
	if opt.Gate {
		r.gates = map[models.Step]*gate{}
		for step := range steps {
			r.gates[step] = newGate(r.opt.Backoff)
		}
	}
	return r
}

// Handle says what a delivered task means: the table of deliveries.
//
//	post gone or tombstoned; run parked or ended | acknowledge
//	the run is ahead of the task                 | enqueue the run's current task again; acknowledge
//	the run is behind the task (a stale read)    | error: it is delivered again
//	equal                                        | do the step, move, enqueue the next task, acknowledge
func (r *Runner) Handle(ctx context.Context, t models.Task, retried int) error {
	gate := r.gates[t.Step]
	if err := gate.enter(ctx); err != nil {
		return err
	}
	defer gate.leave()
	post, run, err := r.books.Load(ctx, t.Post, t.Profile)
	r.opt.Crash("run.loaded")
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil
	case err != nil:
		return models.Faultf(models.Unavailable, "tasks: load %s/%s: %w", t.Post, t.Profile, err)
	case post.Tombstone != nil, run.State != models.Queued:
		return nil
	case run.Seq > t.Seq:
		return r.enqueue(ctx, run)
	case run.Seq < t.Seq:
		return models.Faultf(models.Unavailable, "tasks: %s/%s: read seq %d, task has %d: a stale read", t.Post, t.Profile, run.Seq, t.Seq)
	}
	return r.do(ctx, post, run, retried)
}

// do is the last row of the table.
func (r *Runner) do(ctx context.Context, post models.Post, run models.Run, retried int) error {
	j := Job{Post: post, Run: run, Now: r.opt.Now()}
	j.began = j.Now
	if run.Deaths > 0 || retried > run.Tried {
		return r.try(ctx, j)
	}
	return r.work(ctx, j)
}

// try is for a run whose worker died while it held the run's task: asynq's
// retry count is beyond the recorded attempts, or the reconciler found its lease
// dead. The run may have killed the worker, or only have been there. So from
// then on it is worked on while no other suspect is in this process, and each
// such trial is recorded before it begins. Those who live through one are
// cleared; the third death fails the run.
func (r *Runner) try(ctx context.Context, j Job) error {
	if deaths := j.Run.Trials + 1; deaths >= r.opt.Deaths {
		reason := fmt.Sprintf("poison: %d workers died on it at %s", deaths, j.Run.Step)
		return r.commit(ctx, j, j.Run.End(models.Failed, reason, j.Now), reason)
	}
	if !r.trial.TryLock() {
		m := j.Run.Wait(r.opt.Backoff, "waits to be tried alone: its worker died", j.Now, r.opt.Horizon)
		m.Run.Deaths, m.Run.Waits = max(1, j.Run.Deaths), j.Run.Waits // the new task's count starts at zero; no service is to blame
		return r.commit(ctx, j, m, "")
	}
	defer r.trial.Unlock()
	j.Run.Trials++
	if err := r.move(ctx, j.Run.Note()); err != nil {
		return r.lost(ctx, j, err)
	}
	return r.work(ctx, j)
}

// work does the step and saves what it comes to.
func (r *Runner) work(ctx context.Context, j Job) error {
	ctx, span := r.span(ctx, j.Run)
	defer span.End()
	out, spent, err := r.perform(ctx, &j)
	j.Now = r.opt.Now()
	j.Run.Trials, j.Run.Deaths = 0, 0 // the worker lives
	r.opt.Crash("step.done")
	r.gates[j.Run.Step].report(err)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return r.fail(ctx, j, out.Change, err)
	}
	m := r.next(j, out, spent)
	span.SetAttributes(attribute.String("weft.reason", m.Run.Reason))
	return r.commit(ctx, j, m, "")
}

// perform runs the step under its own deadline, which ends well before
// asynq's: asynq abandons a handler that is late without stopping it. A panic
// is this post's trouble, not the worker's.
func (r *Runner) perform(ctx context.Context, j *Job) (out Outcome, spent models.Spent, err error) {
	step, ok := r.steps[j.Run.Step]
	if !ok {
		return out, spent, models.Faultf(models.Unavailable, "tasks: this worker has no step %q", j.Run.Step)
	}
	if j.Profile, err = r.profiles.Profile(ctx, j.Run.Version); err != nil {
		if errors.Is(err, models.ErrNotFound) {
			return out, spent, models.Faultf(models.Permanent, "tasks: profile %s in version %s is not stored: %w", j.Run.Profile, j.Run.Version, err)
		}
		return out, spent, models.Faultf(models.Unavailable, "tasks: profile %s: %w", j.Run.Profile, err)
	}
	if j.Run.Step == models.AnalyzeLight && j.Profile.Heavy != nil && j.Profile.Heavy.Per1000 > 0 {
		if spent, err = r.books.Spent(ctx, j.Run.Profile, models.AnalyzeHeavy, day(j.Now)); err != nil {
			return out, spent, models.Faultf(models.Unavailable, "tasks: budget of %s: %w", j.Run.Profile, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.opt.timeout(j.Run.Step))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			r.opt.Log.Error("step panicked", "run", j.Run.String(), "panic", p, "stack", string(debug.Stack()))
			err = models.Faultf(models.Retryable, "tasks: %s panicked: %v", j.Run.Step, p)
		}
	}()
	out, err = step.Do(ctx, *j)
	return out, spent, err
}

// fail turns an error into a move, by its class alone. What a step found out of
// the post before it failed for good is saved with the failure.
func (r *Runner) fail(ctx context.Context, j Job, found models.Change, err error) error {
	run := j.Run
	switch models.ClassOf(err) {
	case models.Unavailable:
		d := min(r.opt.Backoff<<min(run.Waits, 16), time.Minute)
		m := run.Wait(d, "waits for a service", j.Now, r.opt.Horizon)
		m.Run.Error = err.Error()
		return r.commit(ctx, j, m, err.Error())
	case models.Permanent:
		m := run.End(models.Failed, err.Error(), j.Now)
		m.Run.Error, m.Change = err.Error(), found
		return r.commit(ctx, j, m, err.Error())
	case models.Retryable: // below
	}
	run.Attempts, run.Error = run.Attempts+1, err.Error()
	if run.Attempts >= r.opt.Attempts {
		return r.commit(ctx, j, run.End(models.Failed, fmt.Sprintf("%d attempts: %s", run.Attempts, err), j.Now), err.Error())
	}
	run.Tried++
	run.Due = j.Now.Add(r.opt.Horizon)
	if moveErr := r.move(ctx, run.Note()); moveErr != nil {
		return r.lost(ctx, j, moveErr)
	}
	r.opt.Crash("attempt.recorded")
	r.record(j, string(models.OutRetry), 0)
	return models.Faultf(models.Retryable, "tasks: %s of %s: %w", run.Step, run.Post, err)
}

// commit saves the move and then announces it. What is saved but not announced
// is found again: by the task's own redelivery, or by the reconciler.
func (r *Runner) commit(ctx context.Context, j Job, m models.Move, problem string) error {
	m.Entry.Error = problem
	m.Entry.Duration = r.opt.Now().Sub(j.began).Seconds()
	if err := r.move(ctx, m); err != nil {
		return r.lost(ctx, j, err)
	}
	r.opt.Crash("move.saved")
	r.record(j, string(m.Entry.Outcome), m.Entry.Cost)
	if m.Run.State != models.Queued {
		return nil
	}
	err := r.enqueue(ctx, m.Run)
	r.opt.Crash("task.enqueued")
	return err
}

// lost sees to a move that was not accepted. After a conflict the newer run's
// task is enqueued again, as for any delivery that comes too late.
func (r *Runner) lost(ctx context.Context, j Job, err error) error {
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil
	case !errors.Is(err, models.ErrConflict):
		return models.Faultf(models.Unavailable, "tasks: move %s: %w", &j.Run, err)
	}
	_, run, err := r.books.Load(ctx, j.Run.Post, j.Run.Profile)
	if errors.Is(err, models.ErrNotFound) || (err == nil && run.State != models.Queued) {
		return nil
	}
	if err != nil {
		return models.Faultf(models.Unavailable, "tasks: load %s again: %w", &j.Run, err)
	}
	return r.enqueue(ctx, run)
}

// Wake queues a parked run again for the step it parked at. It is no error
// when the run has moved on already.
func (r *Runner) Wake(ctx context.Context, post, profile, reason string) (woken bool, err error) {
	_, run, err := r.books.Load(ctx, post, profile)
	if errors.Is(err, models.ErrNotFound) || (err == nil && run.State != models.Parked) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("tasks: wake %s/%s: %w", post, profile, err)
	}
	m := run.Wake(reason, r.opt.Now(), r.opt.Horizon)
	if err := r.move(ctx, m); err != nil {
		if errors.Is(err, models.ErrConflict) || errors.Is(err, models.ErrNotFound) {
			return false, nil
		}
		return false, fmt.Errorf("tasks: wake %s/%s: %w", post, profile, err)
	}
	r.opt.Crash("wake.saved")
	return true, r.enqueue(ctx, m.Run)
}

// Drain lets handlers that wait at a gate go, so that a shutdown isn't held up.
func (r *Runner) Drain() {
	for _, g := range r.gates {
		g.drain()
	}
}

// move writes with a context that outlives the task's: a step that was done is
// not to be lost because asynq's deadline came between.
func (r *Runner) move(ctx context.Context, m models.Move) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opt.Books)
	defer cancel()
	return r.books.Move(ctx, m)
}

func (r *Runner) enqueue(ctx context.Context, run models.Run) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opt.Books)
	defer cancel()
	_, err := r.queue.Enqueue(ctx, run)
	return err
}

func (r *Runner) record(j Job, outcome string, cost float64) {
	if r.opt.Recorder != nil {
		r.opt.Recorder.Step(string(j.Run.Step), j.Run.Profile, outcome, r.opt.Now().Sub(j.began).Seconds(), cost)
	}
}

// span starts the step's span as a child of the post's discovery.
func (r *Runner) span(ctx context.Context, run models.Run) (context.Context, trace.Span) {
	if r.opt.Tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": run.Trace})
	return r.opt.Tracer.Start(ctx, string(run.Step), trace.WithAttributes(
		attribute.String("weft.post", run.Post), attribute.String("weft.profile", run.Profile),
		attribute.Int64("weft.seq", run.Seq), attribute.Int("weft.generation", run.Generation),
	))
}

func (o Options) withDefaults() Options {
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Deaths == 0 {
		o.Deaths = 3
	}
	if o.Horizon == 0 {
		o.Horizon = time.Minute
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Books == 0 {
		o.Books = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) timeout(step models.Step) time.Duration {
	if d := o.Timeouts[step]; d > 0 {
		return d
	}
	return 30 * time.Second
}
