package activity_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/activity"
	"weft/models"
	"weft/storage/sqlite"
)

func began() time.Time { return time.Date(2026, 3, 4, 5, 59, 58, 0, time.UTC) }

func count(h int, step models.Step, out models.Outcome, n int64, cost float64) models.Activity {
	return models.Activity{Hour: time.Date(2026, 3, 4, h, 0, 0, 0, time.UTC), Profile: "catalog", Step: step, Outcome: out, N: n, Cost: cost}
}

func open(t *testing.T) *sqlite.Documents {
	t.Helper()
	d, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func kept(t *testing.T, d *sqlite.Documents) []models.Activity {
	t.Helper()
	got, err := d.Activity(t.Context(), began().AddDate(-1, 0, 0), began().AddDate(1, 0, 0), "")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What many count at the same time comes together by the hour of the clock, and
// is written once.
func TestCountsByHour(t *testing.T) {
	d, now, mu := open(t), began(), sync.Mutex{}
	c := activity.New(d, func() time.Time { mu.Lock(); defer mu.Unlock(); return now.In(time.FixedZone("", 5400)) }, slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { c.Step("fetch", "catalog", "advance", 9, .5); c.Step("fetch", "catalog", "failed", 9, -1) })
	}
	wg.Wait()
	if got := kept(t, d); len(got) > 0 {
		t.Errorf("before it was flushed: %v, want nothing: no post pays for a write", got)
	}
	c.Flush(t.Context())
	mu.Lock()
	now = now.Add(2 * time.Second)
	mu.Unlock()
	c.Step("fetch", "catalog", "advance", 9, .25)
	for range 2 { // the second finds nothing new
		c.Flush(t.Context())
	}
	want := []models.Activity{
		count(5, models.Fetch, models.OutAdvance, 50, 25), count(5, models.Fetch, models.OutFailed, 50, 0), count(6, models.Fetch, models.OutAdvance, 1, .25),
	}
	if diff := cmp.Diff(want, kept(t, d)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// moody is a store that is away at first.
type moody struct {
	activity.Store

	away bool
}

func (m *moody) AddActivity(ctx context.Context, counts []models.Activity) error {
	if m.away {
		return errors.New("the store is away")
	}
	return m.Store.AddActivity(ctx, counts)
}

// What could not be written is kept, said, and written together with what came since.
func TestKeepsWhatCouldNotBeWritten(t *testing.T) {
	d, log := open(t), &strings.Builder{}
	m := &moody{Store: d, away: true}
	c := activity.New(m, began, slog.New(slog.NewTextHandler(log, nil)))
	c.Step("index", "catalog", "advance", 0, 1)
	c.Flush(t.Context())
	c.Step("index", "catalog", "advance", 0, 1)
	if !strings.Contains(log.String(), "the store is away") {
		t.Errorf("the log says %q", log)
	}
	m.away = false
	c.Flush(t.Context())
	c.Flush(t.Context())
	if diff := cmp.Diff([]models.Activity{count(5, models.Index, models.OutAdvance, 2, 2)}, kept(t, d)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// told keeps what it is handed, and tells of each time.
type told struct {
	activity.Store

	got chan []models.Activity
}

func (s told) AddActivity(ctx context.Context, counts []models.Activity) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.got <- counts
	return nil
}

// Run writes in time, and Flush also when its context has ended.
func TestWritesInTimeAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := told{got: make(chan []models.Activity)}
		c := activity.New(store, time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		go func() { c.Run(ctx); c.Flush(ctx) }()
		c.Step("fetch", "catalog", "advance", 0, 0)
		if got := <-store.got; len(got) != 1 || got[0].N != 1 {
			t.Errorf("first: %v", got)
		}
		if took := time.Since(start); took != activity.Every {
			t.Errorf("written when the clock had gone on by %v, want %v", took, activity.Every)
		}
		c.Step("fetch", "catalog", "advance", 0, 0)
		cancel()
		if got := <-store.got; len(got) != 1 || got[0].N != 1 {
			t.Errorf("at the end: %v", got)
		}
	})
}

func TestForgetsOldHours(t *testing.T) {
	d, now := open(t), began()
	c := activity.New(d, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	c.Step("fetch", "catalog", "advance", 0, 0)
	c.Flush(t.Context())
	for _, s := range []struct {
		after time.Duration
		left  int
	}{{activity.Kept, 1}, {activity.Kept + time.Minute, 0}} { // its hour ends in between
		now = began().Add(s.after)
		if err := c.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := kept(t, d); len(got) != s.left {
			t.Errorf("after %v: %v, want %d", s.after, got, s.left)
		}
	}
}

func TestNobodyCounts(t *testing.T) {
	var c *activity.Counter
	c.Step("fetch", "catalog", "advance", 0, 0) // a program without a queue has none
}
