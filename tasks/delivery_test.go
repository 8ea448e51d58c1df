package tasks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"weft/models"
	"weft/tasks"
)

// ledger is the books of one run, with errors on demand.
type ledger struct {
	post  models.Post
	run   models.Run
	gone  bool
	moves []models.Move
	spent models.Spent

	onLoad, onMove, onSpent func(ctx context.Context) error
}

func (l *ledger) Load(ctx context.Context, _, _ string) (models.Post, models.Run, error) {
	if l.onLoad != nil {
		if err := l.onLoad(ctx); err != nil {
			return models.Post{}, models.Run{}, err
		}
	}
	if l.gone {
		return models.Post{}, models.Run{}, fmt.Errorf("ledger: %w", models.ErrNotFound)
	}
	return l.post, l.run, nil
}

func (l *ledger) Move(ctx context.Context, m models.Move) error {
	if l.onMove != nil {
		if err := l.onMove(ctx); err != nil {
			return err
		}
	}
	switch {
	case l.gone:
		return fmt.Errorf("ledger: %w", models.ErrNotFound)
	case l.run.Seq != m.From:
		return fmt.Errorf("ledger: %w", models.ErrConflict)
	}
	m.Change.Apply(&l.post)
	l.run = m.Run
	l.moves = append(l.moves, m)
	return nil
}

func (l *ledger) Spent(ctx context.Context, _ string, _ models.Step, _ string) (models.Spent, error) {
	if l.onSpent != nil {
		return models.Spent{}, l.onSpent(ctx)
	}
	return l.spent, nil
}

// scripted is a step that does what the test says.
type scripted struct {
	calls int
	do    func(ctx context.Context, j tasks.Job) (tasks.Outcome, error)
}

func (s *scripted) Do(ctx context.Context, j tasks.Job) (tasks.Outcome, error) {
	s.calls++
	if s.do == nil {
		return tasks.Advance("done"), nil
	}
	return s.do(ctx, j)
}

// tally counts what the recorder is told.
type tally map[string]int

func (c tally) Step(step, _, outcome string, _, _ float64) { c[step+" "+outcome]++ }

// rig is a runner over a ledger.
type rig struct {
	books   *ledger
	queue   *memory
	step    *scripted
	counted tally
	now     time.Time
	runner  *tasks.Runner
}

// newRig has one run, queued at step with seq 4.
func newRig(t *testing.T, step models.Step, options ...func(*tasks.Options)) *rig {
	t.Helper()
	p, err := parse("catalog", "analyze-light: {models: [garment-s]}\nanalyze-heavy: {models: [garment-l], budget: {per_1000_posts: 9s}}")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{queue: &memory{}, step: &scripted{}, counted: tally{}, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	run := models.NewRun("sim.p1", "catalog", p.Version, models.Normal, r.now, time.Minute)
	run.Seq, run.Step = 4, step
	r.books = &ledger{post: models.Post{ID: "sim.p1", Source: "sim", Rev: 1}, run: run}
	opt := tasks.Options{Now: func() time.Time { return r.now }, Recorder: r.counted}
	for _, o := range options {
		o(&opt)
	}
	r.runner = tasks.NewRunner(r.books, r.queue, library{p.Version: p}, tasks.Steps{step: r.step}, opt)
	return r
}

// handle delivers the task that the run stands for, with another seq if one is given.
func (r *rig) handle(t *testing.T, seq int64, retried int) error {
	t.Helper()
	task := r.books.run.Task()
	task.Seq = seq
	return r.runner.Handle(t.Context(), task, retried)
}

// quiet fails unless nothing was done, written, enqueued or counted.
func (r *rig) quiet(t *testing.T) {
	t.Helper()
	if r.step.calls != 0 || len(r.books.moves) != 0 || len(r.queue.entries) != 0 || len(r.counted) != 0 {
		t.Fatalf("step calls %d, moves %d, tasks %d, counted %v; want nothing", r.step.calls, len(r.books.moves), len(r.queue.entries), r.counted)
	}
}

func wantClass(t *testing.T, err error, class models.Class) {
	t.Helper()
	if err == nil || models.ClassOf(err) != class {
		t.Fatalf("error %v, want one that is %s", err, class)
	}
}

func TestDeliveryPostGone(t *testing.T) {
	r := newRig(t, models.Fetch)
	r.books.gone = true
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	r.quiet(t)
}

func TestDeliveryPostTombstoned(t *testing.T) {
	r := newRig(t, models.Fetch)
	r.books.post.Tombstone = &models.Tombstone{By: "author"}
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	r.quiet(t)
}

func TestDeliveryRunParkedOrEnded(t *testing.T) {
	for _, state := range models.States() {
		if state == models.Queued {
			continue
		}
		for _, seq := range []int64{3, 4, 5} {
			r := newRig(t, models.Fetch)
			r.books.run.State = state
			if err := r.handle(t, seq, 0); err != nil {
				t.Fatalf("%s, seq %d: %v", state, seq, err)
			}
			r.quiet(t)
		}
	}
}

func TestDeliveryRunAhead(t *testing.T) {
	r := newRig(t, models.AnalyzeLight)
	for want := range 2 { // the second time its task is there already
		if err := r.handle(t, 3, 0); err != nil {
			t.Fatal(err)
		}
		if len(r.queue.entries) != 1 || r.queue.entries[0].task != r.books.run.Task() || r.queue.stale != want {
			t.Fatalf("queue %+v, %d conflicts; want the run's current task once, %d conflicts", r.queue.entries, r.queue.stale, want)
		}
	}
	if r.step.calls != 0 || len(r.books.moves) != 0 {
		t.Fatalf("step calls %d, moves %d; want none", r.step.calls, len(r.books.moves))
	}
}

func TestDeliveryRunBehind(t *testing.T) {
	r := newRig(t, models.AnalyzeLight)
	wantClass(t, r.handle(t, 5, 0), models.Unavailable)
	r.quiet(t)
}

func TestDeliveryEqual(t *testing.T) {
	r := newRig(t, models.Index)
	r.step.do = func(_ context.Context, j tasks.Job) (tasks.Outcome, error) {
		if j.Post.ID != "sim.p1" || j.Run.Seq != 4 || j.Profile.Name != "catalog" || !j.Now.Equal(r.now) {
			return tasks.Outcome{}, fmt.Errorf("job %+v", j)
		}
		r.now = r.now.Add(3 * time.Second)
		return tasks.Advance("indexed"), nil
	}
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	if len(r.books.moves) != 1 {
		t.Fatalf("%d moves, want 1", len(r.books.moves))
	}
	m := r.books.moves[0]
	if m.From != 4 || m.Run.Seq != 5 || m.Run.Step != models.Archive || m.Run.State != models.Queued || !m.Run.Due.Equal(r.now.Add(time.Minute)) {
		t.Fatalf("moved to %s, due %s", &m.Run, m.Run.Due)
	}
	e := m.Entry
	if e.Seq != 4 || e.Step != models.Index || e.Next != models.Archive || e.Duration != 3 || e.Reason != "indexed; archive: with the source's response" {
		t.Fatalf("entry %+v", e)
	}
	if len(r.queue.entries) != 1 || r.queue.entries[0].task != (models.Task{Post: "sim.p1", Profile: "catalog", Step: models.Archive, Seq: 5}) {
		t.Fatalf("queue %+v", r.queue.entries)
	}
	if len(r.counted) != 1 || r.counted["index advance"] != 1 {
		t.Fatalf("counted %v", r.counted)
	}
}

func TestDeliveryLostCompareAndSet(t *testing.T) {
	for _, c := range []struct {
		name    string
		newer   func(l *ledger)
		wantSeq int64 // of the task that is enqueued; 0: none
	}{
		{"the run moved on", func(l *ledger) { l.run = l.run.Advance(models.Index, "", l.run.MovedAt, time.Minute).Run }, 5},
		{"the run was parked", func(l *ledger) { l.run = l.run.Park(time.Time{}, "", l.run.MovedAt).Run }, 0},
		{"the run ended", func(l *ledger) { l.run = l.run.End(models.Dropped, "", l.run.MovedAt).Run }, 0},
		{"the post is gone", func(l *ledger) { l.gone = true }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, models.AnalyzeLight)
			r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
				c.newer(r.books)
				return tasks.Advance("late"), nil
			}
			if err := r.handle(t, 4, 0); err != nil {
				t.Fatal(err)
			}
			if len(r.books.moves) != 0 || len(r.counted) != 0 {
				t.Fatalf("moves %d, counted %v; want none", len(r.books.moves), r.counted)
			}
			var got int64
			for _, e := range r.queue.entries {
				got += e.task.Seq
			}
			if got != c.wantSeq {
				t.Fatalf("enqueued %+v, want seq %d", r.queue.entries, c.wantSeq)
			}
		})
	}
}

func TestDeliveryFailedEnqueue(t *testing.T) {
	r := newRig(t, models.Index)
	away := true
	r.queue.trip = func() error {
		if away {
			return models.Faultf(models.Unavailable, "queue: away")
		}
		return nil
	}
	wantClass(t, r.handle(t, 4, 0), models.Unavailable)
	if run := r.books.run; run.Seq != 5 || run.State != models.Queued || !run.Due.Equal(r.now.Add(time.Minute)) || run.Attempts != 0 {
		t.Fatalf("run %s, due %s, %d attempts; the reconciler can't help it", &run, run.Due, run.Attempts)
	}
	wantClass(t, r.runner.Handle(t.Context(), models.Task{Post: "sim.p1", Profile: "catalog", Step: models.Index, Seq: 4}, 0), models.Unavailable)
	away = false
	if err := r.runner.Handle(t.Context(), models.Task{Post: "sim.p1", Profile: "catalog", Step: models.Index, Seq: 4}, 0); err != nil {
		t.Fatal(err)
	}
	if r.step.calls != 1 || len(r.queue.entries) != 1 || r.queue.entries[0].task.Seq != 5 {
		t.Fatalf("%d calls, queue %+v", r.step.calls, r.queue.entries)
	}
	if r.counted["index advance"] != 1 || len(r.counted) != 1 {
		t.Fatalf("counted %v, want the move once", r.counted)
	}
}
