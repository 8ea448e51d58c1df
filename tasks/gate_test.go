package tasks_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weft/models"
	"weft/tasks"
)

// street is many runs behind one gate; the service behind their step can be
// away. Its tests sleep on the clock of a synctest bubble, so they take no time.
type street struct {
	mu     sync.Mutex
	away   models.Class    // how the step fails; empty: it doesn't
	starts []time.Duration // when each step began, since the beginning
	ends   int             // handlers that came back
	errs   []error
	began  time.Time
	runner *tasks.Runner
}

// byPost are the books of many posts.
type byPost struct {
	mu    sync.Mutex
	books map[string]*ledger
}

func (b *byPost) Load(ctx context.Context, post, profile string) (models.Post, models.Run, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.books[post] == nil {
		return models.Post{}, models.Run{}, models.ErrNotFound
	}
	return b.books[post].Load(ctx, post, profile)
}

func (b *byPost) Move(ctx context.Context, m models.Move) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.books[m.Run.Post].Move(ctx, m)
}

func (b *byPost) Spent(context.Context, string, models.Step, string) (models.Spent, error) {
	return models.Spent{}, nil
}

// newStreet has a gate before index, and one run for each name.
func newStreet(t *testing.T, names ...string) *street {
	t.Helper()
	p, err := parse("catalog", "analyze-light: {models: [garment-s]}")
	if err != nil {
		t.Fatal(err)
	}
	s := &street{began: time.Now()}
	books := &byPost{books: map[string]*ledger{}}
	for _, name := range names {
		run := models.NewRun(name, "catalog", p.Version, models.Normal, s.began, time.Minute)
		run.Step = models.Index
		books.books[name] = &ledger{post: models.Post{ID: name}, run: run}
	}
	step := &watcher{s}
	s.runner = tasks.NewRunner(books, &memory{}, library{p.Version: p}, tasks.Steps{models.Index: step},
		tasks.Options{Gate: true, Backoff: time.Second})
	return s
}

type watcher struct{ s *street }

func (w *watcher) Do(context.Context, tasks.Job) (tasks.Outcome, error) {
	w.s.mu.Lock()
	w.s.starts = append(w.s.starts, time.Since(w.s.began))
	away := w.s.away
	w.s.mu.Unlock()
	time.Sleep(100 * time.Millisecond) // of the bubble's clock: what a request takes
	if away != "" {
		return tasks.Outcome{}, models.Faultf(away, "search: made to fail")
	}
	return tasks.Advance("fine"), nil
}

// deliver hands over the first task of a post in a goroutine of its own.
func (s *street) deliver(ctx context.Context, post string) {
	go func() {
		err := s.runner.Handle(ctx, models.Task{Post: post, Profile: "catalog", Step: models.Index, Seq: 1}, 0)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ends++
		s.errs = append(s.errs, err)
	}()
}

func (s *street) fails(class models.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = class
}

func (s *street) seen(t *testing.T, starts, ends int) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starts) != starts || s.ends != ends {
		t.Fatalf("after %s: %d steps began (%v), %d handlers ended; want %d and %d", time.Since(s.began), len(s.starts), s.starts, s.ends, starts, ends)
	}
}

func TestGateClosesAndOneTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t, "a", "b", "c", "d")
		s.fails(models.Unavailable)
		s.deliver(t.Context(), "a")
		time.Sleep(150 * time.Millisecond)
		s.seen(t, 1, 1) // it waits in the books, and the gate is shut until 1.1 s
		for _, post := range []string{"b", "c", "d"} {
			s.deliver(t.Context(), post)
		}
		s.seen(t, 1, 1)
		time.Sleep(900 * time.Millisecond) // 1.05 s
		s.seen(t, 1, 1)
		time.Sleep(100 * time.Millisecond) // 1.15 s: one of them tries
		s.seen(t, 2, 1)
		time.Sleep(100 * time.Millisecond) // 1.25 s: in vain, so it is shut for two seconds
		s.seen(t, 2, 2)
		time.Sleep(1900 * time.Millisecond) // 3.15 s
		s.seen(t, 2, 2)
		s.fails("")
		time.Sleep(100 * time.Millisecond) // 3.25 s: the next one tries
		s.seen(t, 3, 2)
		time.Sleep(100 * time.Millisecond) // 3.35 s: it succeeded, and the last one goes in at once
		s.seen(t, 4, 3)
		time.Sleep(100 * time.Millisecond)
		s.seen(t, 4, 4)
	})
}

func TestGateOpensForAll(t *testing.T) {
	for _, class := range []models.Class{"", models.Retryable, models.Permanent} { // an error of the post tells that the service is there
		t.Run("after "+string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreet(t, "a", "b", "c", "d", "e")
				s.fails(models.Unavailable)
				s.deliver(t.Context(), "a")
				time.Sleep(time.Second)
				s.fails(class)
				s.deliver(t.Context(), "gone") // its post is not there: it holds nothing up
				s.deliver(t.Context(), "b")
				time.Sleep(time.Second)
				s.seen(t, 2, 3)
				for _, post := range []string{"c", "d", "e"} {
					s.deliver(t.Context(), post)
				}
				s.seen(t, 5, 3) // all at once
				time.Sleep(time.Second)
				s.seen(t, 5, 6)
			})
		})
	}
}

func TestGateStaysShutThirtySecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		s := newStreet(t, names...)
		s.fails(models.Unavailable)
		for _, name := range names {
			s.deliver(t.Context(), name)
			synctest.Wait()
			time.Sleep(40 * time.Second)
		}
		s.seen(t, len(names), len(names))
		for i := 2; i < len(s.starts); i++ {
			if gap := s.starts[i] - s.starts[i-1]; gap > 41*time.Second {
				t.Fatalf("tries at %v: a gap of %s", s.starts, gap)
			}
		}
	})
}

func TestGateLetsGoWhenDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t, "a", "b", "c")
		s.fails(models.Unavailable)
		s.deliver(t.Context(), "a")
		time.Sleep(200 * time.Millisecond)
		s.deliver(t.Context(), "b")
		ctx, cancel := context.WithCancel(t.Context())
		s.deliver(ctx, "c")
		s.seen(t, 1, 1)
		cancel()
		s.seen(t, 1, 2) // its context ended
		s.runner.Drain()
		s.seen(t, 1, 3)
		s.deliver(t.Context(), "b") // and who comes later isn't let in
		s.seen(t, 1, 4)
		for i, err := range s.errs[1:] {
			if models.ClassOf(err) != models.Unavailable {
				t.Errorf("handler %d: %v, want an error that is not counted", i+2, err)
			}
		}
		if !errors.Is(s.errs[1], context.Canceled) {
			t.Errorf("error %v, want the context's", s.errs[1])
		}
	})
}

// TestGateGivesTasksBack: a long outage holds no handler until asynq's deadline
// of its task, which would be taken for a worker's death.
func TestGateGivesTasksBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		s := newStreet(t, names...)
		s.fails(models.Unavailable)
		s.deliver(t.Context(), "a")
		time.Sleep(200 * time.Millisecond)
		for _, name := range names[1:] {
			s.deliver(t.Context(), name)
		}
		time.Sleep(29 * time.Second)
		s.seen(t, 5, 5)
		time.Sleep(2 * time.Second)
		s.seen(t, 5, len(names))
		for i, err := range s.errs[5:] {
			if models.ClassOf(err) != models.Unavailable {
				t.Errorf("handler %d: %v, want an error that is not counted", i+6, err)
			}
		}
	})
}
