package bluesky_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/bluesky"
	"weft/source/web"
)

// store folds batches as the real one does: a newer reading wins, a deletion
// wins for ever, and hidden accounts stay hidden until they are shown.
type store struct {
	posts  map[string]models.Post
	gone   map[string]bool
	closed map[string]bool
	hidden map[string]bool
	gaps   []models.Gap
	cursor json.RawMessage
}

func newStore() *store {
	return &store{posts: map[string]models.Post{}, gone: map[string]bool{}, closed: map[string]bool{}, hidden: map[string]bool{}}
}

func (s *store) take(b source.Batch) {
	for _, p := range b.Posts {
		s.posts[p.NativeID] = p
	}
	for _, d := range b.Deletions {
		switch {
		case d.NativeID != "":
			s.gone[d.NativeID] = true
		case d.Act == models.Delete:
			s.closed[d.Author] = true
		default:
			s.hidden[d.Author] = d.Act == models.Hide
		}
	}
	if b.Gap != nil {
		s.gaps = append(s.gaps, *b.Gap)
	}
	if b.Cursor != nil {
		s.cursor = b.Cursor
	}
}

func (s *store) visible() map[string]models.Post {
	out := map[string]models.Post{}
	for id, p := range s.posts {
		if !s.gone[id] && !s.closed[p.Author.ID] && !s.hidden[p.Author.ID] {
			out[id] = p
		}
	}
	return out
}

// compare says what differs from what must be known.
func (s *store) compare(t *testing.T, w *network.World) {
	t.Helper()
	visible := s.visible()
	wanted := 0
	for _, truth := range w.Truths() {
		id := w.BlueskyID(truth.N)
		p, ok := visible[id]
		switch {
		case truth.Gone || truth.Hidden:
			if ok {
				t.Errorf("post %d is still there; gone %v, hidden %v", truth.N, truth.Gone, truth.Hidden)
			}
			continue
		case !ok:
			t.Errorf("post %d is missing (deleted here: %v)", truth.N, s.gone[id])
			continue
		case p.Text != network.BlueskyText(truth.Post):
			t.Errorf("post %d says %q, want %q", truth.N, p.Text, network.BlueskyText(truth.Post))
		case !p.CreatedAt.Equal(truth.Created) || len(p.Media) != len(truth.Images) || p.Flagged(models.Adult) != truth.Adult || p.Flagged(models.NoPublic) != truth.NoIndex:
			t.Errorf("post %d differs: %+v, want %+v", truth.N, p, truth)
		}
		wanted++
		delete(visible, id)
	}
	if len(visible) > 0 {
		t.Errorf("%d posts too many", len(visible))
	}
	if wanted < 100 {
		t.Errorf("only %d posts were compared", wanted)
	}
}

type bench struct {
	w    *network.World
	srv  *httptest.Server
	conn *bluesky.Connector
}

func newBench(t *testing.T, w *network.World, opt network.BlueskyOptions, faults network.Faults) *bench {
	t.Helper()
	srv := httptest.NewServer(network.Faulty(w.Bluesky(opt), 5, faults))
	t.Cleanup(srv.Close)
	return &bench{w, srv, bluesky.New(options(srv, w.Now))}
}

func options(srv *httptest.Server, now func() time.Time) bluesky.Options {
	return bluesky.Options{
		Web: &web.Client{HTTP: &http.Client{Timeout: 20 * time.Second}}, Base: srv.URL, Public: srv.URL, CDN: srv.URL,
		Stream: "ws" + strings.TrimPrefix(srv.URL, "http"), Handle: "me.test", AppPassword: "app-password", Now: now,
	}
}

func world(posts int, step time.Duration, suspends int) *network.World {
	return network.NewWorld(network.Options{
		Seed: 3, Posts: posts, Tag: "ootd", Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Step: step,
		Edits: 0.05, Removals: 0.05, Closures: 3, Suspends: suspends, Images: 5,
	})
}

// run collects until stop says that it is enough, coming back with the last
// cursor on every error, and now and then for no reason, as after a crash.
func (b *bench) run(t *testing.T, q source.Query, s *store, stop func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for n, batches := 0, 0; !stop(); n++ {
		if n > 5000 || ctx.Err() != nil {
			t.Fatalf("no end after %d runs", n)
		}
		for batch, err := range b.conn.Collect(ctx, q, s.cursor) {
			if err != nil {
				if tr, ok := source.AsTrouble(err); ok && tr.Kind == source.Stopped {
					t.Fatal(err)
				}
				if models.ClassOf(err) == models.Permanent {
					t.Fatal(err)
				}
				break
			}
			for _, problem := range batch.Problems {
				t.Error(problem)
			}
			if batches++; batches%7 == 0 {
				break // killed before it was stored
			}
			s.take(batch)
			if batches%9 == 0 || stop() {
				break // killed after
			}
		}
	}
}

// streamed reports whether the stream's position passed the world's end.
func (b *bench) streamed(s *store) func() bool {
	return func() bool {
		var at struct{ Stream struct{ Us int64 } }
		_ = json.Unmarshal(s.cursor, &at)
		return b.w.Finished() && at.Stream.Us >= b.w.Now().UnixMicro()
	}
}

func TestOracleStream(t *testing.T) {
	for _, c := range []struct {
		wire string
		opt  network.BlueskyOptions
	}{
		{"v2", network.BlueskyOptions{Advance: 50, Drops: 0.001, SlowOnce: 300}},
		{"v1", network.BlueskyOptions{Advance: 50, Drops: 0.001}},
		{"v1", network.BlueskyOptions{Advance: 50, Drops: 0.001, OldV1: true}},
	} {
		t.Run(c.wire, func(t *testing.T) {
			w := world(10_000, 50*time.Millisecond, 6)
			w.Advance(200)
			b, s := newBench(t, w, c.opt, network.SomeFaults()), newStore()
			q := source.Query{Name: "q", Source: "bluesky", Params: map[string]string{"stream": c.wire, "tags": "OOTD", "flush": "200ms"}}
			b.run(t, q, s, b.streamed(s))
			s.compare(t, w)
			if len(s.gaps) > 0 {
				t.Errorf("gaps that are none: %v", s.gaps)
			}
		})
	}
}

func TestOracleSearch(t *testing.T) {
	// One account is suspended, and stays so: posts that a search can't see when
	// it passes are never found, which is why the stream is the better source.
	w := world(10_000, time.Second, 1)
	w.Advance(3000)
	b, s := newBench(t, w, network.BlueskyOptions{Advance: 60, Expire: 25}, network.SomeFaults()), newStore()
	q := source.Query{Name: "q", Source: "bluesky", Params: map[string]string{"mode": "search", "tags": "ootd"}}
	b.run(t, q, s, func() bool { return w.Finished() })
	// One complete pass after the end.
	complete := func() bool {
		var at struct {
			Search struct{ Until, High time.Time }
		}
		_ = json.Unmarshal(s.cursor, &at)
		return at.Search.Until.IsZero() && !at.Search.High.Before(w.Now())
	}
	b.run(t, q, s, complete)
	b.run(t, q, s, complete)
	b.recheck(t, s)
	s.compare(t, w)
}

// recheck looks at all known posts again.
func (b *bench) recheck(t *testing.T, s *store) {
	t.Helper()
	var all []models.Post
	for _, p := range s.posts {
		if s.hidden[p.Author.ID] {
			p.Hidden = "suspended"
		}
		all = append(all, p)
	}
	for from, tries := 0, 0; from < len(all); tries++ {
		if tries > 5000 {
			t.Fatal("no end")
		}
		to := min(from+source.RecheckSize, len(all))
		batch, err := b.conn.Recheck(t.Context(), all[from:to])
		if err == nil {
			s.take(batch)
			from = to
		}
	}
}
