package weibo_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/web"
	"weft/source/weibo"
)

// secret stands in every token and cookie of these tests.
const secret = "s3cr3t-value-of-a-session"

// store folds batches as the real one does: a newer reading wins, a deletion
// wins for ever.
type store struct {
	posts   map[string]models.Post
	deleted map[string]bool
	cursor  json.RawMessage
	gaps    []models.Gap
	twice   int // posts that were read again
	ads     int
}

func newStore() *store { return &store{posts: map[string]models.Post{}, deleted: map[string]bool{}} }

func (s *store) take(t *testing.T, b source.Batch) {
	t.Helper()
	ids := map[string]bool{}
	for _, p := range b.Posts {
		if ids[p.ID] {
			t.Errorf("%s is twice in a batch", p.ID)
		}
		ids[p.ID] = true
		if _, ok := s.posts[p.ID]; ok {
			s.twice++
		}
		if !s.deleted[p.ID] {
			s.posts[p.ID] = p
		}
	}
	for _, d := range b.Deletions {
		s.remove(d)
	}
	for _, err := range b.Problems {
		// A post that is deleted after the list had it has no whole text any more.
		if !strings.Contains(err.Error(), "the whole text isn't given") {
			t.Error(err)
		}
	}
	if b.Gap != nil {
		s.gaps = append(s.gaps, *b.Gap)
	}
	if len(b.Cursor) > 0 {
		s.cursor = b.Cursor
	}
	s.ads += b.Skipped["ad"]
}

func (s *store) remove(d models.Deletion) {
	id := models.PostID("weibo", d.NativeID)
	delete(s.posts, id)
	s.deleted[id] = true
}

// rig is a made-up Weibo on loopback with a connector before it.
type rig struct {
	w    *network.World
	url  string
	c    *weibo.Connector
	s    *store
	q    source.Query
	rng  *rand.Rand
	kill float64 // how often a run ends after a batch
}

func newRig(t *testing.T, w *network.World, h http.Handler, params map[string]string) *rig {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := weibo.New(weibo.Options{
		Web: &web.Client{HTTP: srv.Client()}, Places: places(t), Base: srv.URL + "/2", MobileBase: srv.URL,
		Token: secret, Cookie: "SUB=" + secret, AllowMobile: true, Now: readAt,
	})
	q := source.Query{Name: "q", Source: "weibo", Params: params}
	if errs := source.CheckQuery(q, c.Params()); len(errs) > 0 {
		t.Fatal(errs)
	}
	return &rig{w: w, url: srv.URL, c: c, s: newStore(), q: q, rng: rand.New(rand.NewPCG(7, 7))}
}

// once runs Collect from the stored cursor, and reports whether it came to its end.
func (r *rig) once(t *testing.T) (bool, error) {
	t.Helper()
	for b, err := range r.c.Collect(t.Context(), r.q, r.s.cursor) {
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Fatalf("a secret is in the error %v", err)
			}
			return false, err
		}
		r.s.take(t, b)
		if r.rng.Float64() < r.kill {
			return false, nil
		}
	}
	return !strings.Contains(string(r.s.cursor), `"walk"`), nil
}

// whole runs until everything happened and a complete pass was made after it.
func (r *rig) whole(t *testing.T) {
	t.Helper()
	for runs := 0; ; runs++ {
		if runs > 20_000 {
			t.Fatal("it never comes to an end")
		}
		finished := r.w.Finished()
		if done, _ := r.once(t); done && finished {
			return
		}
	}
}

// recheck looks at all posts again, as often as it takes.
func (r *rig) recheck(t *testing.T) {
	t.Helper()
	left := []models.Post{}
	for _, p := range r.s.posts {
		left = append(left, p)
	}
	for runs := 0; len(left) > 0; runs++ {
		if runs > 20_000 {
			t.Fatal("it never comes to an end")
		}
		n := min(len(left), source.RecheckSize)
		b, err := r.c.Recheck(t.Context(), left[:n])
		r.s.take(t, b)
		if err == nil {
			left = left[n:]
			continue
		}
		done := len(b.Posts) + len(b.Deletions) // it says what it has so far
		left = left[done:]
	}
}

// compare holds the store against the truth about the posts that keep takes.
func (r *rig) compare(t *testing.T, keep func(network.Truth) bool) {
	t.Helper()
	wanted, wrong := 0, 0
	bad := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf(format, args...)
		}
	}
	for _, truth := range r.w.Truths() {
		if keep != nil && !keep(truth) {
			continue
		}
		id := models.PostID("weibo", network.WeiboID(truth.N))
		p, ok := r.s.posts[id]
		switch {
		case truth.Gone || truth.Hidden:
			if ok {
				bad("post %d is gone, but still there", truth.N)
			}
			continue
		case !ok:
			bad("post %d is missing (deleted: %t)", truth.N, r.s.deleted[id])
			continue
		}
		wanted++
		if want := network.WeiboText(truth.Post); p.Text != want {
			bad("post %d: text %q, want %q", truth.N, p.Text, want)
		}
		var keys, want []string
		for _, m := range p.Media {
			keys = append(keys, m.Key())
			if m.URL != fmt.Sprintf("%s/large/%s.jpg", r.url, m.ID) {
				bad("post %d: image %s", truth.N, m.URL)
			}
		}
		for _, n := range truth.Images {
			if k := strconv.Itoa(n); !slices.Contains(want, k) {
				want = append(want, k)
			}
		}
		if !slices.Equal(keys, want) {
			bad("post %d: images %v, want %v", truth.N, keys, want)
		}
		if !p.CreatedAt.Equal(truth.Created) || !p.EditedAt.Equal(truth.EditedAt) || value(p.Counts.Likes) != truth.Likes || p.Author.Handle != truth.Author.Handle {
			bad("post %d: %s %s %d %s", truth.N, p.CreatedAt, p.EditedAt, value(p.Counts.Likes), p.Author.Handle)
		}
		if strings.Contains(string(p.Raw), secret) || strings.Contains(string(r.s.cursor), secret) {
			bad("post %d: a secret in the raw answer or the cursor", truth.N)
		}
	}
	if wanted == 0 {
		t.Error("the world is empty: nothing was compared")
	}
	for id := range r.s.posts {
		if !strings.HasPrefix(id, "weibo.9007") {
			bad("%s is none of the world's posts", id)
		}
	}
}

func world(posts int) *network.World {
	return network.NewWorld(network.Options{
		Seed: 11, Posts: posts, Tag: "ootd", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Step: 20 * time.Second,
		Edits: 0.05, Removals: 0.05, Closures: 3, Images: 30,
	})
}

// faults are those that tests use, with less waiting.
func faults() network.Faults {
	f := network.SomeFaults()
	f.Delay = time.Millisecond
	return f
}

// TestOracle collects 10,000 posts from a network that is busy and broken, by
// each list that has them all. Edits of posts that were read long before, and
// deletions, are found by the re-check.
func TestOracle(t *testing.T) {
	for name, run := range map[string]struct {
		posts, step int
		params      map[string]string
	}{
		"topics": {10_000, 30, map[string]string{"list": "topics", "q": "ootd", "backfill": "1000000"}},
		"search": {10_000, 12, map[string]string{"mode": "mobile", "list": "search", "q": "#ootd#", "backfill": "1000000"}},
		"home":   {3_000, 50, map[string]string{"list": "home", "backfill": "1000000"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(run.posts)
			w.Advance(run.posts * 6 / 10)
			h := w.Weibo(network.WeiboOptions{Token: secret, Cookie: "SUB=" + secret, Step: run.step, Limit: 41})
			r := newRig(t, w, network.Faulty(h, 5, faults()), run.params)
			r.kill = 0.05
			r.whole(t)
			if len(r.s.gaps) > 0 {
				t.Errorf("gaps: %v", r.s.gaps)
			}
			if r.s.ads == 0 && name != "home" {
				t.Error("there was no ad to skip")
			}
			t.Logf("%d posts, %d deletions, %d read again", len(r.s.posts), len(r.s.deleted), r.s.twice)
			r.recheck(t)
			r.compare(t, nil)
		})
	}
}

// TestOracleOfAccount does the same for single accounts, by both APIs. They
// find the same posts with the same content.
func TestOracleOfAccount(t *testing.T) {
	w := network.NewWorld(network.Options{
		Seed: 3, Posts: 3000, Authors: 4, Tag: "ootd", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Minute,
		Edits: 0.05, Removals: 0.05, Images: 30,
	})
	w.Advance(1000)
	h := network.Faulty(w.Weibo(network.WeiboOptions{Step: 5, Limit: 41}), 9, faults())
	mine := func(p network.Truth) bool { return p.Author.N == 1 }
	uid := network.WeiboUser(1)
	page := newRig(t, w, h, map[string]string{"mode": "mobile", "list": "user", "uid": uid, "backfill": "100000"})
	open := newRig(t, w, h, map[string]string{"list": "user", "uid": uid, "backfill": "100000"})
	page.kill, open.kill = 0.05, 0.05
	page.whole(t)
	open.whole(t)
	for _, r := range []*rig{page, open} {
		r.recheck(t)
		r.compare(t, mine)
	}
	for id, p := range open.s.posts {
		if q, ok := page.s.posts[id]; !ok || q.ContentHash() != p.ContentHash() {
			t.Errorf("%s isn't the same by both APIs", id)
		}
	}
}
