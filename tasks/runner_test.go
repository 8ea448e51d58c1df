package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"weft/models"
	"weft/tasks"
)

func TestBooksUnavailable(t *testing.T) {
	broken := func(context.Context) error { return errors.New("disk full") }
	for _, c := range []struct {
		name  string
		spoil func(l *ledger)
	}{
		{"load", func(l *ledger) { l.onLoad = broken }},
		{"move", func(l *ledger) { l.onMove = broken }},
		{"load after a conflict", func(l *ledger) {
			l.onMove = func(context.Context) error { l.onLoad = broken; return models.ErrConflict }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, models.Index)
			c.spoil(r.books)
			wantClass(t, r.handle(t, 4, 0), models.Unavailable)
			if len(r.counted) != 0 || r.books.run.Attempts != 0 || len(r.queue.entries) != 0 {
				t.Fatalf("counted %v, attempts %d, tasks %d", r.counted, r.books.run.Attempts, len(r.queue.entries))
			}
		})
	}
}

func TestBudgetUnavailable(t *testing.T) {
	r := newRig(t, models.AnalyzeLight)
	r.books.onSpent = func(context.Context) error { return errors.New("disk full") }
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	if r.step.calls != 0 || r.books.run.State != models.Queued || r.books.run.Waits != 1 || r.books.run.Attempts != 0 {
		t.Fatalf("%d calls, %s, waits %d", r.step.calls, &r.books.run, r.books.run.Waits)
	}
}

func TestBudgetIsRecorded(t *testing.T) {
	r := newRig(t, models.AnalyzeLight)
	r.books.spent = models.Spent{Posts: 7, Seconds: 2}
	r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
		out := tasks.Advance("seen")
		out.Cost = 0.5
		return out, nil
	}
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	m := r.books.moves[0]
	want := models.Spend{Profile: "catalog", Step: models.AnalyzeHeavy, Day: "2026-03-02", Spent: models.Spent{Posts: 1}}
	if m.Spend == nil || *m.Spend != want || m.Entry.Spent == nil || *m.Entry.Spent != r.books.spent || m.Run.Cost != 0.5 {
		t.Fatalf("spend %+v, shown %+v, cost %v", m.Spend, m.Entry.Spent, m.Run.Cost)
	}
	heavy := newRig(t, models.AnalyzeHeavy)
	heavy.step.do = r.step.do
	if err := heavy.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	want.Spent = models.Spent{Seconds: 0.5}
	if m := heavy.books.moves[0]; m.Spend == nil || *m.Spend != want {
		t.Fatalf("spend %+v, want %+v", m.Spend, want)
	}
}

func TestAttemptsAndDeaths(t *testing.T) {
	for _, c := range []struct {
		name                            string
		attempts, tried, deaths, trials int // as recorded
		retried                         int // as asynq counts
		fails                           bool
		wantCalls, wantAttempts, wantTr int
		wantState                       models.State
	}{
		{name: "first try", wantCalls: 1, wantState: models.Queued},
		{name: "first failure", fails: true, wantCalls: 1, wantAttempts: 1, wantTr: 1, wantState: models.Queued},
		{name: "recorded failures are no deaths", attempts: 4, tried: 4, retried: 4, wantCalls: 1, wantState: models.Queued},
		{name: "fifth failure", attempts: 4, tried: 4, retried: 4, fails: true, wantCalls: 1, wantAttempts: 5, wantTr: 0, wantState: models.Failed},
		{name: "a death, perhaps of another's making", retried: 1, wantCalls: 1, wantState: models.Queued},
		{name: "there at three deaths, never alone", retried: 3, wantCalls: 1, wantState: models.Queued},
		{name: "two deaths, once alone", retried: 2, trials: 1, wantCalls: 1, wantState: models.Queued},
		{name: "three deaths, twice alone", retried: 3, trials: 2, wantState: models.Failed},
		{name: "three deaths among failures", attempts: 2, tried: 2, retried: 5, trials: 2, wantAttempts: 2, wantState: models.Failed},
		{name: "fails when tried alone, but lives", retried: 2, trials: 1, fails: true, wantCalls: 1, wantAttempts: 1, wantTr: 1, wantState: models.Queued},
		{name: "deaths that the reconciler found", deaths: 1, trials: 2, wantState: models.Failed},
		{name: "a recorded failure that asynq was not told of", attempts: 1, tried: 1, wantCalls: 1, wantState: models.Queued},
		{name: "failures under an earlier task don't hide deaths", attempts: 3, tried: 0, retried: 3, trials: 2, wantAttempts: 3, wantState: models.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, models.Index)
			r.books.run.Attempts, r.books.run.Tried, r.books.run.Deaths = c.attempts, c.tried, c.deaths
			r.books.run.Trials = c.trials
			r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
				if c.fails {
					return tasks.Outcome{}, errors.New("odd post")
				}
				return tasks.Advance(""), nil
			}
			err := r.handle(t, 4, c.retried)
			if again := c.fails && c.wantState == models.Queued; again {
				wantClass(t, err, models.Retryable)
			} else if err != nil {
				t.Fatal(err)
			}
			run := r.books.run
			if r.step.calls != c.wantCalls || run.State != c.wantState || run.Attempts != c.wantAttempts || run.Tried != c.wantTr {
				t.Fatalf("%d calls, %s, %d attempts, %d tried", r.step.calls, &run, run.Attempts, run.Tried)
			}
			if lives := c.wantCalls > 0; lives && (run.Trials != 0 || run.Deaths != 0) {
				t.Fatalf("it lived, but %d trials and %d deaths are held against it", run.Trials, run.Deaths)
			}
		})
	}
}

// TestSuspectsAreTriedAlone: of two runs whose worker died, one is worked on
// and the other waits without a task at work, so that it can't die with it.
func TestSuspectsAreTriedAlone(t *testing.T) {
	r := newRig(t, models.Index)
	inside, leave := make(chan struct{}), make(chan struct{})
	trials := 0
	r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
		trials = r.books.run.Trials // recorded before the step began
		close(inside)
		<-leave
		return tasks.Advance(""), nil
	}
	done := make(chan error)
	go func() { done <- r.handle(t, 4, 1) }()
	<-inside
	first := r.books.run
	if err := r.handle(t, 4, 1); err != nil { // the ledger holds one run: it stands for another suspect too
		t.Fatal(err)
	}
	second := r.books.run
	if r.step.calls != 1 || second.Seq != first.Seq+1 || second.Deaths != 1 || second.ProcessAt.IsZero() {
		t.Errorf("%d calls; the second is %s, %d deaths, not before %s", r.step.calls, &second, second.Deaths, second.ProcessAt)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if trials != 1 {
		t.Errorf("%d trials were recorded when the step began", trials)
	}
}

func TestStepDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, models.AnalyzeHeavy, func(o *tasks.Options) {
			o.Now, o.Timeouts = time.Now, map[models.Step]time.Duration{models.AnalyzeHeavy: 7 * time.Second}
		})
		r.step.do = func(ctx context.Context, _ tasks.Job) (tasks.Outcome, error) {
			<-ctx.Done()
			return tasks.Outcome{}, fmt.Errorf("model: %w", ctx.Err())
		}
		if err := r.handle(t, 4, 0); err != nil {
			t.Fatal(err)
		}
		run := r.books.run
		if e := r.books.moves[0].Entry; e.Duration != 7 || e.Outcome != models.OutWait || run.Attempts != 0 {
			t.Fatalf("entry %+v, %d attempts; want a wait after 7 s", e, run.Attempts)
		}
	})
}

func TestMoveOutlivesTheTask(t *testing.T) {
	r := newRig(t, models.Index)
	ctx, cancel := context.WithCancel(t.Context())
	r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
		cancel()
		return tasks.Advance("just in time"), nil
	}
	r.books.onMove = func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the write has no deadline of its own")
		}
		return ctx.Err()
	}
	if err := r.runner.Handle(ctx, r.books.run.Task(), 0); err != nil {
		t.Fatal(err)
	}
	if len(r.books.moves) != 1 || len(r.queue.entries) != 1 {
		t.Fatalf("moves %d, tasks %d; the step's work was lost", len(r.books.moves), len(r.queue.entries))
	}
}

func TestUnavailableBacksOff(t *testing.T) {
	r := newRig(t, models.Index)
	r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
		return tasks.Outcome{}, models.Faultf(models.Unavailable, "search: away")
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if err := r.handle(t, int64(4+i), 0); err != nil {
			t.Fatal(err)
		}
		run := r.books.run
		if got := run.ProcessAt.Sub(r.now); got != want*time.Second || !run.Due.Equal(run.ProcessAt.Add(time.Minute)) {
			t.Fatalf("wait %d: %s, due %s later; want %s, a minute", i+1, got, run.Due.Sub(run.ProcessAt), want*time.Second)
		}
		if run.Attempts != 0 || run.Error != "search: away" || run.Step != models.Index {
			t.Fatalf("%s, %d attempts, error %q", &run, run.Attempts, run.Error)
		}
		r.now = run.ProcessAt
	}
	r.step.do = nil
	if err := r.handle(t, 12, 0); err != nil {
		t.Fatal(err)
	}
	if run := r.books.run; run.Waits != 0 || run.Error != "" || run.Step != models.Archive {
		t.Fatalf("%s, %d waits, error %q; all that is forgotten with the step", &run, run.Waits, run.Error)
	}
}

func TestStepThatIsNotServed(t *testing.T) {
	r := newRig(t, models.Index)
	r.books.run.Step = models.Archive
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	if run := r.books.run; run.State != models.Queued || run.Attempts != 0 || run.Waits != 1 {
		t.Fatalf("%s, %d attempts, %d waits", &run, run.Attempts, run.Waits)
	}
}

func TestOutcomes(t *testing.T) {
	at := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		out     tasks.Outcome
		state   models.State
		step    models.Step
		tasks   int
		counted string
	}{
		{"advance", tasks.Advance("a"), models.Queued, models.Archive, 1, "index advance"},
		{"wait", tasks.Wait(time.Hour, "b"), models.Queued, models.Index, 1, "index wait"},
		{"park", tasks.Park(at, "c"), models.Parked, models.Index, 0, "index park"},
		{"drop", tasks.Drop("d"), models.Dropped, models.Index, 0, "index dropped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, models.Index)
			r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) { return c.out, nil }
			if err := r.handle(t, 4, 0); err != nil {
				t.Fatal(err)
			}
			run := r.books.run
			if run.State != c.state || run.Step != c.step || len(r.queue.entries) != c.tasks || r.counted[c.counted] != 1 || len(r.counted) != 1 {
				t.Fatalf("%s, %d tasks, counted %v", &run, len(r.queue.entries), r.counted)
			}
			if c.state == models.Parked && !run.Due.Equal(at) {
				t.Fatalf("due %s, want %s", run.Due, at)
			}
			if c.name == "wait" && !r.queue.entries[0].at.Equal(r.now.Add(time.Hour)) {
				t.Fatalf("task at %s, want an hour later", r.queue.entries[0].at)
			}
		})
	}
}

func TestDropOfAPublishedPostProjectsIt(t *testing.T) {
	for _, published := range []bool{false, true} {
		r := newRig(t, models.Fetch)
		if published {
			r.books.post.Published = map[string]models.Publication{"other": {Generation: 1}}
		}
		r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) { return tasks.Drop("no"), nil }
		if err := r.handle(t, 4, 0); err != nil {
			t.Fatal(err)
		}
		if got := r.books.moves[0].Dirty; got != published {
			t.Fatalf("dirty %t, want %t", got, published)
		}
	}
}

func TestWake(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(l *ledger)
		woken bool
		fails bool
	}{
		{"parked", func(l *ledger) { l.run.State = models.Parked }, true, false},
		{"queued", func(*ledger) {}, false, false},
		{"done", func(l *ledger) { l.run.State = models.Done }, false, false},
		{"gone", func(l *ledger) { l.gone = true }, false, false},
		{"woken by another", func(l *ledger) {
			l.run.State = models.Parked
			l.onMove = func(context.Context) error { return models.ErrConflict }
		}, false, false},
		{"books away", func(l *ledger) { l.onLoad = func(context.Context) error { return errors.New("away") } }, false, true},
		{"books away in between", func(l *ledger) {
			l.run.State = models.Parked
			l.onMove = func(context.Context) error { return errors.New("away") }
		}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, models.LabelStep)
			c.set(r.books)
			woken, err := r.runner.Wake(t.Context(), "sim.p1", "catalog", "answered by ana")
			if woken != c.woken || (err != nil) != c.fails {
				t.Fatalf("woken %t, error %v", woken, err)
			}
			if !c.woken {
				if len(r.books.moves)+len(r.queue.entries) != 0 {
					t.Fatalf("moves %d, tasks %d; want none", len(r.books.moves), len(r.queue.entries))
				}
				return
			}
			run := r.books.run
			if run.State != models.Queued || run.Seq != 5 || run.Step != models.LabelStep || r.queue.entries[0].task != run.Task() {
				t.Fatalf("%s, queue %+v", &run, r.queue.entries)
			}
		})
	}
}

func TestSpanIsAChildOfTheDiscovery(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("weft")
	r := newRig(t, models.Index, func(o *tasks.Options) { o.Tracer = tracer })
	r.books.run.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.step.do = func(context.Context, tasks.Job) (tasks.Outcome, error) {
		return tasks.Outcome{}, models.Faultf(models.Permanent, "mapping conflict")
	}
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans, want 1", len(ended))
	}
	s := ended[0]
	if s.Name() != "index" || s.Parent().SpanID().String() != "b7ad6b7169203331" || s.Status().Description != "mapping conflict" {
		t.Errorf("span %s below %s, status %+v", s.Name(), s.Parent().SpanID(), s.Status())
	}
}
