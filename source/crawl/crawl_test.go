package crawl_test

import (
	stdcmp "cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/source"
	"weft/source/crawl"
	"weft/storage/sqlite"
)

// numbers is a network of numbered posts: the cursor is the next number, and
// what happens at a number can be scripted.
type numbers struct {
	end    int
	at     map[int]func() (source.Batch, error) // instead of the post; each happens once
	mu     sync.Mutex
	passes int
}

func (n *numbers) Params() []source.Param { return nil }

func (n *numbers) Collect(_ context.Context, _ source.Query, cursor json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.passes++
		next := 0
		if cursor != nil {
			if err := json.Unmarshal(cursor, &next); err != nil {
				yield(source.Batch{}, err)
				return
			}
		}
		for ; next < n.end; next++ {
			b, err := source.Batch{Posts: []models.Post{{ID: fmt.Sprintf("net.%d", next), CreatedAt: t0.Add(time.Duration(next) * time.Second)}}}, error(nil)
			if f := n.at[next]; f != nil {
				delete(n.at, next)
				b, err = f()
			}
			if err == nil {
				b.Cursor = json.RawMessage(fmt.Sprint(next + 1))
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// basket is an intake that remembers.
type basket struct {
	mu    sync.Mutex
	posts map[string]int
	gone  []models.Deletion
	room  func(ctx context.Context, waiting func(string)) error
	fail  func() error
}

func (b *basket) Room(ctx context.Context, waiting func(string)) error {
	if b.room != nil {
		return b.room(ctx, waiting)
	}
	return nil
}

func (b *basket) Admit(_ context.Context, _ crawl.Job, batch source.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(); err != nil {
			return err
		}
	}
	for _, p := range batch.Posts {
		b.posts[p.ID]++
	}
	b.gone = append(b.gone, batch.Deletions...)
	return nil
}

func (b *basket) Known(context.Context, string, time.Time, string, int) ([]models.Post, error) {
	return nil, nil
}

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *sqlite.Documents {
	t.Helper()
	d, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func crawler(d *sqlite.Documents, n *numbers, b *basket, opt crawl.Options) *crawl.Crawler {
	opt.Backoff, opt.Holder = time.Millisecond, stdcmp.Or(opt.Holder, "test")
	job := crawl.Job{Query: source.Query{Name: "q", Source: "net", Every: time.Hour}}
	return crawl.New([]crawl.Job{job}, map[string]source.Connector{"net": n}, d, b, opt)
}

func newBasket() *basket { return &basket{posts: map[string]int{}} }

func cursor(t *testing.T, d *sqlite.Documents) models.Cursor {
	t.Helper()
	c, err := d.Cursor(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever fails on the way, each post is taken once the query was read to its
// end, and the cursor says so.
func TestEveryFailureIsGoneThrough(t *testing.T) {
	d, b := open(t), newBasket()
	n := &numbers{end: 10, at: map[int]func() (source.Batch, error){
		2: func() (source.Batch, error) { return source.Batch{}, models.Faultf(models.Unavailable, "refused") },
		4: func() (source.Batch, error) {
			return source.Batch{}, &source.Trouble{Kind: source.Throttled, Until: time.Now().Add(20 * time.Millisecond), Err: errors.New("429")}
		},
		5: func() (source.Batch, error) { return source.Batch{}, errors.New("broke off") },
		7: func() (source.Batch, error) {
			return source.Batch{Deletions: []models.Deletion{{Source: "net", NativeID: "3", Act: models.Delete}}, Gap: &models.Gap{From: t0, To: t0.Add(time.Hour), Reason: "look-back"}}, nil
		},
	}}
	once := true
	b.fail = func() error {
		if once {
			once = false
			return models.Faultf(models.Unavailable, "documents are away")
		}
		return nil
	}
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.posts) != 9 || len(b.gone) != 1 {
		t.Errorf("took %v and %v", b.posts, b.gone)
	}
	c := cursor(t, d)
	if string(c.State) != "10" || c.Error != "" || c.Errors != 0 || c.Success.IsZero() || len(c.Gaps) != 1 || c.Posts != 9 || c.Deleted != 1 || !c.Event.Equal(t0.Add(9*time.Second)) {
		t.Errorf("cursor is %+v", c)
	}
	if due := time.Until(c.Next); due < 50*time.Minute {
		t.Errorf("the next read is in %s, every hour was asked", due)
	}
}

// A token problem is said with what to do, and ends what can't go on.
func TestStoppedSaysWhatToDo(t *testing.T) {
	d, b := open(t), newBasket()
	n := &numbers{end: 3, at: map[int]func() (source.Batch, error){1: func() (source.Batch, error) {
		return source.Batch{}, &source.Trouble{Kind: source.Stopped, Do: "make a new token", Err: errors.New("token expired")}
	}}}
	err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context())
	if tr, ok := source.AsTrouble(err); !ok || tr.Kind != source.Stopped {
		t.Fatalf("got %v", err)
	}
	c := cursor(t, d)
	if c.Paused != "stopped: make a new token" || !strings.Contains(c.Error, "token expired") || string(c.State) != "1" || c.Errors != 0 {
		t.Errorf("cursor is %+v", c)
	}
}

// A full queue is waited for without a failure, and the cursor says why.
func TestPausesForRoom(t *testing.T) {
	d, b := open(t), newBasket()
	n := &numbers{end: 2}
	paused := make(chan string, 1)
	b.room = func(ctx context.Context, waiting func(string)) error {
		if len(paused) == 0 && b.posts["net.0"] == 0 {
			waiting("too deep")
			c, err := d.Cursor(ctx, "q")
			if err != nil {
				return err
			}
			paused <- c.Paused
		}
		return nil
	}
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-paused; got != "too deep" {
		t.Errorf("while it waited the cursor said %q", got)
	}
	if c := cursor(t, d); c.Paused != "" || c.Errors != 0 || len(b.posts) != 2 {
		t.Errorf("after it: %+v", c)
	}
}

// Of several processes one reads a query, and another goes on when it dies.
func TestOneProcessReadsAQuery(t *testing.T) {
	d, b := open(t), newBasket()
	now := time.Now()
	if mine, err := d.Lease(t.Context(), "crawl/q", "a dead process", 300*time.Millisecond, now); !mine || err != nil {
		t.Fatal(mine, err)
	}
	n := &numbers{end: 5}
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			opt := crawl.Options{Once: true, Lease: 150 * time.Millisecond, Holder: fmt.Sprint("process ", i)}
			if i > 0 {
				opt.Once = false
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_ = crawler(d, n, b, opt).Run(ctx)
		})
	}
	all.Wait()
	want := map[string]int{"net.0": 1, "net.1": 1, "net.2": 1, "net.3": 1, "net.4": 1}
	if diff := cmp.Diff(want, b.posts); diff != "" {
		t.Error(diff)
	}
	if n.passes != 1 {
		t.Errorf("it was read %d times", n.passes)
	}
	if took := cursor(t, d).Success.Sub(now); took < 250*time.Millisecond {
		t.Errorf("it was read %s after another process took the lease for 300 ms", took)
	}
}

// Where two processes read the same query all the same, one stops at its next save.
func TestTheCursorFences(t *testing.T) {
	d, b := open(t), newBasket()
	n := &numbers{end: 5, at: map[int]func() (source.Batch, error){2: func() (source.Batch, error) {
		c := cursor(t, d)
		c.Seq++
		c.State = json.RawMessage("4")
		return source.Batch{}, d.PutCursor(t.Context(), c)
	}}}
	if err := crawler(d, n, b, crawl.Options{Once: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := cursor(t, d); string(c.State) != "5" || b.posts["net.3"] != 0 || b.posts["net.4"] != 1 {
		t.Errorf("cursor %s, posts %v: it should have gone on where the other was", c.State, b.posts)
	}
}
