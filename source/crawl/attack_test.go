package crawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/crawl"
	"weft/storage/sqlite"
)

// put stores a cursor as an earlier process left it.
func put(t *testing.T, d *sqlite.Documents, c models.Cursor) {
	t.Helper()
	c.Query, c.Seq = "q", 1
	if err := d.PutCursor(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// reads reports whether a crawler that starts with the cursor reads the query
// before it would have to wait for longer than a moment.
func reads(t *testing.T, opt crawl.Options, c models.Cursor) bool {
	t.Helper()
	d, b, n := open(t), newBasket(), &numbers{end: 1}
	put(t, d, c)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_ = crawler(d, n, b, opt).Run(ctx)
	return n.passes > 0
}

// A person who repaired something starts the process again, and waits for
// nothing but what the network asked for.
func TestARestartLooksAgain(t *testing.T) {
	now := time.Now()
	soon, hour := now.Add(20*time.Minute), now.Add(time.Hour)
	hash := sameQuery(t)
	for name, tc := range map[string]struct {
		cur  models.Cursor
		once bool
		want bool
	}{
		"stopped":                          {cur: models.Cursor{Next: soon, Of: hash, Error: "token expired", Paused: "stopped: get a new one"}, want: true},
		"failed":                           {cur: models.Cursor{Next: soon, Of: hash, Error: "refused", Errors: 9}, want: true},
		"read, and not due":                {cur: models.Cursor{Next: soon, Of: hash, Success: now.Add(-time.Minute)}},
		"read, and asks something else":    {cur: models.Cursor{Next: soon, Of: "other", Success: now.Add(-time.Minute)}, want: true},
		"throttled":                        {cur: models.Cursor{Next: soon, Held: soon, Of: hash, Error: "before that"}},
		"throttled, once":                  {cur: models.Cursor{Next: soon, Held: soon, Of: hash}, once: true},
		"read, and not due, once":          {cur: models.Cursor{Next: hour, Of: hash, Success: now.Add(-time.Minute)}, once: true, want: true},
		"a clock was a year ahead":         {cur: models.Cursor{Next: now.AddDate(1, 0, 0), Of: hash}, want: true},
		"a clock was a year ahead, held":   {cur: models.Cursor{Next: now.AddDate(1, 0, 0), Held: now.AddDate(1, 0, 0), Of: hash}, want: true},
		"due, whatever else the cursor is": {cur: models.Cursor{Next: now.Add(-time.Second), Of: hash}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reads(t, crawl.Options{Once: tc.once}, tc.cur); got != tc.want {
				t.Errorf("read: %v, want %v", got, tc.want)
			}
		})
	}
}

// sameQuery is the hash that a cursor of the tests' query has.
func sameQuery(t *testing.T) string {
	t.Helper()
	d := open(t)
	if err := crawler(d, &numbers{end: 1}, newBasket(), crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cursor(t, d).Of
}

// Once ends when another process has read the query meanwhile, without waiting
// for the query's next turn.
func TestOnceEndsWhereAnotherWasFaster(t *testing.T) {
	d, b, n := open(t), newBasket(), &numbers{end: 1}
	put(t, d, models.Cursor{Success: time.Now().Add(time.Minute), Next: time.Now().Add(time.Hour)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(ctx); err != nil || n.passes != 0 {
		t.Errorf("%v after %d passes", err, n.passes)
	}
}

// What a network says of when to come back is not taken at its word.
func TestThrottledForAReasonableTime(t *testing.T) {
	for name, tc := range map[string]struct{ until, low, high time.Duration }{
		"never":     {1e6 * time.Hour, 23 * time.Hour, 24 * time.Hour},
		"long ago":  {-time.Hour, 15 * time.Second, 20 * time.Second},
		"in 2 hour": {2 * time.Hour, 119 * time.Minute, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := &numbers{end: 1, at: map[int]func() (source.Batch, error){0: func() (source.Batch, error) { // the very first call
				return source.Batch{}, &source.Trouble{Kind: source.Throttled, Until: time.Now().Add(tc.until), Err: errors.New("429")}
			}}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			store := &watched{Documents: d, saved: make(chan struct{}, 100)}
			job := crawl.Job{Query: source.Query{Name: "q", Source: "net", Every: time.Hour}}
			done := make(chan error, 1)
			go func() {
				done <- crawl.New([]crawl.Job{job}, map[string]source.Connector{"net": n}, store, newBasket(), crawl.Options{Holder: "test", Backoff: 20 * time.Second}).Run(ctx)
			}()
			<-store.saved
			cancel()
			<-done
			c := cursor(t, d)
			if wait := time.Until(c.Held); wait > tc.high || wait < tc.low-5*time.Second || c.Errors != 0 || c.State != nil {
				t.Errorf("held for %s: %+v", wait, c)
			}
		})
	}
}

// watched is a store that tells of each save.
type watched struct {
	*sqlite.Documents
	saved chan struct{}
}

func (w *watched) PutCursor(ctx context.Context, c models.Cursor) error {
	err := w.Documents.PutCursor(ctx, c)
	w.saved <- struct{}{}
	return err
}

// counts is a recorder.
type counts struct {
	mu               sync.Mutex
	posts, deletions int
	kinds            []string
}

func (c *counts) Collected(_ string, posts, deletions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts += posts
	c.deletions += deletions
}

func (c *counts) Failed(_, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds = append(c.kinds, kind)
}

func TestWhatHappensIsCounted(t *testing.T) {
	d, told := open(t), &counts{}
	n := &numbers{end: 4, at: map[int]func() (source.Batch, error){
		1: func() (source.Batch, error) { return source.Batch{}, models.Faultf(models.Unavailable, "refused") },
		2: func() (source.Batch, error) {
			return source.Batch{}, &source.Trouble{Kind: source.Throttled, Until: time.Now(), Err: errors.New("429")}
		},
		3: func() (source.Batch, error) {
			return source.Batch{Deletions: []models.Deletion{{Source: "net", NativeID: "1", Act: models.Delete}}}, nil
		},
	}}
	if err := crawler(d, n, newBasket(), crawl.Options{Once: true, Recorder: told}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(told.posts, told.deletions, told.kinds) != "3 1 [unavailable throttled]" {
		t.Errorf("counted %d, %d, %v", told.posts, told.deletions, told.kinds)
	}
}

// failing is a store whose next save of a cursor fails.
type failing struct {
	*sqlite.Documents
	once sync.Once
}

func (f *failing) PutCursor(ctx context.Context, c models.Cursor) error {
	err := error(nil)
	if c.Seq > 1 {
		f.once.Do(func() { err = models.Faultf(models.Unavailable, "locked") })
	}
	if err != nil {
		return err
	}
	return f.Documents.PutCursor(ctx, c)
}

// A save that failed isn't counted: what is saved next is no conflict, and tells
// of the failure.
func TestAFailedSaveIsNoConflict(t *testing.T) {
	d, b := open(t), newBasket()
	n := &numbers{end: 3}
	seen := []models.Cursor{}
	b.fail = func() error {
		if c, err := d.Cursor(t.Context(), "q"); err == nil {
			seen = append(seen, c)
		}
		return nil
	}
	job := crawl.Job{Query: source.Query{Name: "q", Source: "net", Every: time.Hour}}
	c := crawl.New([]crawl.Job{job}, map[string]source.Connector{"net": n}, &failing{Documents: d}, b, crawl.Options{Once: true, Backoff: time.Millisecond, Holder: "test"})
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := false
	for _, c := range seen {
		told = told || strings.Contains(c.Error, "locked")
	}
	if !told || len(b.posts) != 3 {
		t.Errorf("the failure isn't in any cursor: %+v", seen)
	}
}

// A hostile answer makes no cursor grow, and no log.
func TestNothingGrowsWithoutEnd(t *testing.T) {
	d := open(t)
	hostile := source.Batch{Skipped: map[string]int{strings.Repeat("x", 5000): 1, "esc\x1b[2J": 1}}
	for i := range 10_000 {
		hostile.Skipped[fmt.Sprintf("reason %d", i)] = 1
		hostile.Problem("at", "%d", i)
	}
	n := &numbers{end: 3, at: map[int]func() (source.Batch, error){
		0: func() (source.Batch, error) { return hostile, nil },
		1: func() (source.Batch, error) {
			return source.Batch{}, models.Faultf(models.Unavailable, "%s\n\x1b[2J", strings.Repeat("y", 1<<20))
		},
	}}
	var failed models.Cursor
	b := newBasket()
	b.fail = func() error { // at the first post after the failure
		if failed.Seq == 0 {
			failed = cursor(t, d)
		}
		return nil
	}
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(failed)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, k := range failed.Skipped {
		sum += k
	}
	if len(text) > 8<<10 || sum != 20_002 || failed.Error == "" || strings.ContainsAny(failed.Error, "\n\x1b") {
		t.Errorf("the cursor has %d bytes, counts %d skipped, and says %.100q", len(text), sum, failed.Error)
	}
}

// silent is a stream on which nothing happens.
type silent struct{ begun chan struct{} }

func (s silent) Params() []source.Param { return nil }

func (s silent) Collect(ctx context.Context, _ source.Query, _ json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(func(source.Batch, error) bool) {
		close(s.begun)
		<-ctx.Done()
	}
}

// leases keeps leases in memory, by the clock of the test.
type leases struct {
	mu     sync.Mutex
	holder string
	until  time.Time
}

func (l *leases) Cursor(context.Context, string) (models.Cursor, error) {
	return models.Cursor{}, models.ErrNotFound
}
func (l *leases) PutCursor(context.Context, models.Cursor) error { return nil }

func (l *leases) Lease(_ context.Context, _, holder string, ttl time.Duration, now time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != holder && l.until.After(now) {
		return false, nil
	}
	l.holder, l.until = holder, now.Add(ttl)
	return true, nil
}

// A stream that yields nothing for hours stays with its process, ends with it at
// once, and leaves no lease behind.
func TestASilentStreamKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := &leases{}, silent{make(chan struct{})}
		job := crawl.Job{Query: source.Query{Name: "q", Source: "net", Every: time.Minute}}
		c := crawl.New([]crawl.Job{job}, map[string]source.Connector{"net": s}, l, newBasket(), crawl.Options{Holder: "test"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		<-s.begun
		for range 6 * 60 {
			time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's clock
			if mine, err := l.Lease(t.Context(), "crawl/q", "another", time.Minute, time.Now()); mine || err != nil {
				t.Fatalf("another process got the lease: %v", err)
			}
		}
		asked := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(asked); took > time.Second {
			t.Errorf("it took %s to end", took)
		}
		if mine, err := l.Lease(t.Context(), "crawl/q", "another", time.Minute, time.Now()); !mine || err != nil {
			t.Errorf("the lease is still held: %v", err)
		}
	})
}

// A query that goes to another connector doesn't give it the old one's cursor.
func TestAnotherSourceBeginsAnew(t *testing.T) {
	d, b, n := open(t), newBasket(), &numbers{end: 2}
	put(t, d, models.Cursor{Source: "elsewhere", State: json.RawMessage(`{"page":"x"}`), Posts: 5})
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := cursor(t, d); c.Source != "net" || string(c.State) != "2" || c.Posts != 7 {
		t.Errorf("cursor is %+v", c)
	}
}
