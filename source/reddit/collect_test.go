package reddit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/reddit"
	"weft/source/web"
)

func start() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

func sub() source.Query {
	return source.Query{Name: "streetwear", Source: reddit.Name, Params: map[string]string{"subreddit": "r/StreetWear", "overlap": "5m"}}
}

func TestSubredditAgainstTheOracle(t *testing.T) {
	const seed = 71
	w := network.NewWorld(network.Options{
		Seed: seed, Posts: 10_000, Tag: "ootd", Start: start(), Edits: 0.05, Removals: 0.05, Closures: 5, Suspends: 4, Images: 50,
	})
	w.Advance(500)
	h := network.Faulty(w.Reddit(network.RedditOptions{ID: "app", Secret: secret, Advance: 60, Lifetime: 40}), seed, network.SomeFaults())
	c := serve(t, h, w.Now)
	s := newStore(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	var cursor json.RawMessage
	for done, round := false, 0; !done; round++ {
		finished, most := w.Finished(), 0
		if rng.IntN(3) == 0 {
			most = 1 + rng.IntN(4)
		}
		var err error
		cursor, err = s.collect(c, sub(), cursor, most)
		if err != nil && !errors.Is(err, errKilled) && models.ClassOf(err) == models.Permanent || round > 20_000 {
			t.Fatal(err)
		}
		done = err == nil && finished
	}
	if len(s.gaps) > 0 {
		t.Errorf("gaps %v", s.gaps)
	}
	suspended := everSuspended(w)
	for _, tr := range w.Truths() {
		if _, ok := s.posts[network.RedditID(tr.N)]; !ok && !tr.Gone && !suspended[tr.Author.N] {
			t.Errorf("post %d is missing", tr.N)
		}
	}
	recheck(t, s, c)
	for _, tr := range w.Truths() {
		name := network.RedditID(tr.N)
		p, ok := s.posts[name]
		switch {
		case ok && tr.Gone:
			t.Errorf("post %d is gone, but kept", tr.N)
		case ok:
			check(t, p, tr)
			if s.hidden[name] != tr.Hidden {
				t.Errorf("post %d: hidden %v, want %v", tr.N, s.hidden[name], tr.Hidden)
			}
		}
	}
}

// everSuspended tells whose posts couldn't be seen for a time: a listing doesn't
// show them again to who has passed them.
func everSuspended(w *network.World) map[int]bool {
	out := map[int]bool{}
	events, _ := w.Events(0, 1<<20)
	for _, e := range events {
		if e.Kind == network.Suspend {
			out[e.Author] = true
		}
	}
	return out
}

// recheck looks at all posts again, as the crawler would.
func recheck(t *testing.T, s *store, c *reddit.Connector) {
	t.Helper()
	var all []models.Post
	for _, p := range s.posts {
		all = append(all, p)
	}
	for part := range slices.Chunk(all, source.RecheckSize) {
		b, err := c.Recheck(t.Context(), part)
		for try := 0; err != nil && try < 20; try++ {
			b, err = c.Recheck(t.Context(), part)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.add(b)
	}
}

func check(t *testing.T, p models.Post, tr network.Truth) {
	t.Helper()
	if tr.Hidden {
		return // as it was when it was hidden
	}
	if p.Text != network.RedditText(tr.Post) || !p.CreatedAt.Equal(tr.Created) || len(p.Media) != len(tr.Images) {
		t.Errorf("post %d: %q of %v with %d images, want %q of %v with %d", tr.N, p.Text, p.CreatedAt, len(p.Media), network.RedditText(tr.Post), tr.Created, len(tr.Images))
	}
	for i, m := range p.Media {
		if !strings.Contains(m.URL, fmt.Sprintf("/images/%d.jpg", tr.Images[i])) {
			t.Errorf("post %d: image %d is %s", tr.N, i, m.URL)
		}
	}
	if p.Flagged(models.Adult) != tr.Adult || p.Flagged(models.NoIndex) != tr.NoIndex || (p.Author.Handle == "") != tr.NoIndex {
		t.Errorf("post %d: flags %v, author %+v", tr.N, p.Flags, p.Author)
	}
	if !p.EditedAt.Equal(tr.EditedAt) && !tr.EditedAt.IsZero() {
		t.Errorf("post %d: edited %v, want %v", tr.N, p.EditedAt, tr.EditedAt)
	}
}

func TestOffWithoutApproval(t *testing.T) {
	c := reddit.New(reddit.Options{})
	_, err := newStore(t).collect(c, sub(), nil, 0)
	trouble, ok := source.AsTrouble(err)
	if !ok || trouble.Kind != source.Stopped || !strings.Contains(err.Error(), "needs Reddit's approval") || !strings.Contains(trouble.Do, "sources.reddit.client_id") {
		t.Errorf("%v", err)
	}
	if _, err := c.Recheck(t.Context(), nil); err == nil {
		t.Error("a recheck without keys")
	}
	if _, err := c.Resolve(t.Context(), models.Post{NativeID: "t3_a"}); err == nil || errors.Is(err, models.ErrNotFound) {
		t.Errorf("no keys are no proof: %v", err)
	}
}

func TestRefusedKeysStop(t *testing.T) {
	h := network.NewWorld(network.Options{Posts: 1, Start: start()}).Reddit(network.RedditOptions{ID: "app", Secret: "other"})
	_, err := newStore(t).collect(serve(t, h, now), sub(), nil, 0)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

func TestListingsOfOtherThings(t *testing.T) {
	h := network.NewWorld(network.Options{Posts: 1, Start: start()}).Reddit(network.RedditOptions{})
	c := serve(t, h, now)
	for name, says := range map[string]string{"nosuchplace": "has no /r/nosuchplace/new", "private": "private"} {
		q := sub()
		q.Params["subreddit"] = name
		_, err := newStore(t).collect(c, q, nil, 0)
		if err == nil || models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The page after a post that was deleted meanwhile is empty, which is no end.
func TestDeletedAnchorIsNoEnd(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 3, Posts: 300, Tag: "ootd", Start: start()})
	w.Finish()
	sim := w.Reddit(network.RedditOptions{})
	calls := 0
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if calls++; calls == 3 { // the token, the first page, and this
			fmt.Fprint(rw, `{"kind":"Listing","data":{"after":null,"children":[]}}`)
			return
		}
		sim.ServeHTTP(rw, r)
	})
	s := newStore(t)
	if _, err := s.collect(serve(t, h, w.Now), sub(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if len(s.posts) != 300 {
		t.Errorf("%d posts of 300", len(s.posts))
	}
}

func TestCeilingIsAGap(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 4, Posts: 3000, Tag: "ootd", Start: start()})
	w.Advance(200)
	c := serve(t, w.Reddit(network.RedditOptions{}), w.Now)
	s := newStore(t)
	cursor, err := s.collect(c, sub(), nil, 0)
	if err != nil || len(s.gaps) != 0 {
		t.Fatalf("%v %v", err, s.gaps)
	}
	high := w.Now()
	w.Finish()
	if _, err = s.collect(c, sub(), cursor, 0); err != nil {
		t.Fatal(err)
	}
	if len(s.gaps) != 1 || !s.gaps[0].From.Equal(high) || len(s.posts) != 1200 {
		t.Errorf("gaps %v, %d posts", s.gaps, len(s.posts))
	}
}

// A reading that goes on after a kill comes to the listing's end after fewer posts.
func TestCeilingOfALaterReadingIsAGap(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 4, Posts: 3000, Tag: "ootd", Start: start()})
	w.Advance(200)
	c := serve(t, w.Reddit(network.RedditOptions{}), w.Now)
	s := newStore(t)
	cursor, err := s.collect(c, sub(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	high := w.Now()
	w.Advance(700)
	if cursor, err = s.collect(c, sub(), cursor, 2); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.Advance(500)
	if _, err = s.collect(c, sub(), cursor, 0); err != nil {
		t.Fatal(err)
	}
	if len(s.gaps) != 1 || !s.gaps[0].From.Equal(high) || len(s.posts) != 1200 {
		t.Errorf("gaps %v, %d posts of 1,400", s.gaps, len(s.posts))
	}
}

func TestSearchAsksForTheNewest(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 5, Posts: 150, Tag: "ootd", Start: start()})
	w.Finish()
	sim := w.Reddit(network.RedditOptions{})
	var asked []string
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); r.URL.Path == "/search" {
			asked = append(asked, q.Get("q")+" "+q.Get("sort")+" "+q.Get("raw_json")+" "+q.Get("limit"))
		}
		sim.ServeHTTP(rw, r)
	})
	s := newStore(t)
	q := source.Query{Name: "q", Source: reddit.Name, Params: map[string]string{"search": "red coat"}}
	if _, err := s.collect(serve(t, h, w.Now), q, nil, 0); err != nil {
		t.Fatal(err)
	}
	if want := []string{"red coat new 1 100", "red coat new 1 100"}; !slices.Equal(asked, want) || len(s.posts) != 150 {
		t.Errorf("asked %q, %d posts", asked, len(s.posts))
	}
}

func TestExactlyOneOfSubredditAndSearch(t *testing.T) {
	c := serve(t, http.NotFoundHandler(), now)
	for _, params := range []map[string]string{
		{}, {"subreddit": "a1", "search": "b"}, {"subreddit": "a/b"}, {"subreddit": "a1", "pages": "0"}, {"subreddit": "a1", "overlap": "x"}, {"sub": "a1"},
	} {
		_, err := newStore(t).collect(c, source.Query{Name: "q", Params: params}, nil, 0)
		if err == nil || models.ClassOf(err) != models.Permanent || strings.Contains(err.Error(), "404") {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// limits notes what the connector reports.
type limits struct{ got []source.Signal }

func (l *limits) Wait(context.Context, source.Key, source.Rate) error { return nil }
func (l *limits) Report(_ context.Context, _ source.Key, s source.Signal) error {
	l.got = append(l.got, s)
	return nil
}

func TestRateHeadersAreFloats(t *testing.T) {
	remaining := "594.0"
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprint(rw, `{"access_token":"t","expires_in":3600}`)
			return
		}
		rw.Header().Set("X-Ratelimit-Used", "6")
		rw.Header().Set("X-Ratelimit-Remaining", remaining)
		rw.Header().Set("X-Ratelimit-Reset", "66")
		fmt.Fprint(rw, `{"kind":"Listing","data":{"after":null,"children":[]}}`)
	})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	l := &limits{}
	c := reddit.New(reddit.Options{Web: &web.Client{Now: now, Limits: l}, Base: srv.URL, Auth: srv.URL, ClientID: "app", Now: now})
	for _, remaining = range []string{"594.0", "0.0"} {
		if _, err := newStore(t).collect(c, sub(), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.got) != 2 || !l.got[0].Known || l.got[0].Left != 0.99 || !l.got[0].Reset.Equal(now().Add(66*time.Second)) || !l.got[0].Until.IsZero() {
		t.Fatalf("%+v", l.got)
	}
	if !l.got[1].Until.Equal(now().Add(66 * time.Second)) {
		t.Errorf("nothing is left: %+v", l.got[1])
	}
}

func TestResolve(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 6, Posts: 200, Tag: "ootd", Start: start(), Removals: 0.3, Suspends: 3, Images: 4})
	w.Finish()
	c := serve(t, w.Reddit(network.RedditOptions{}), w.Now)
	seen := map[string]int{}
	for _, tr := range w.Truths() {
		p, err := c.Resolve(t.Context(), models.Post{NativeID: network.RedditID(tr.N)})
		switch {
		case tr.Gone:
			seen["gone"]++
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("post %d is gone: %v", tr.N, err)
			}
		case tr.Hidden:
			seen["hidden"]++
			if err == nil || errors.Is(err, models.ErrNotFound) {
				t.Errorf("post %d may come back: %v", tr.N, err)
			}
		default:
			seen["there"]++
			if err != nil || p.Text != network.RedditText(tr.Post) {
				t.Errorf("post %d: %v", tr.N, err)
			}
		}
	}
	if seen["gone"] == 0 || seen["hidden"] == 0 || seen["there"] == 0 {
		t.Errorf("not every case came up: %v", seen)
	}
}

func TestHiddenPostIsShownAgain(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 6, Posts: 5, Tag: "ootd", Start: start()})
	w.Finish()
	c := serve(t, w.Reddit(network.RedditOptions{}), w.Now)
	b, err := c.Recheck(t.Context(), []models.Post{{Source: reddit.Name, NativeID: network.RedditID(1), Hidden: "x"}, {Source: reddit.Name, NativeID: network.RedditID(99)}})
	if err != nil || len(b.Posts) != 1 || len(b.Deletions) != 2 {
		t.Fatalf("%+v %v", b, err)
	}
	if b.Deletions[0].Act != models.Show || b.Deletions[0].NativeID != network.RedditID(1) || b.Deletions[1].Act != models.Hide || b.Deletions[1].NativeID != network.RedditID(99) {
		t.Errorf("%+v", b.Deletions)
	}
}

// A token may be taken back before its time: once there is a new one for it.
func TestRefusedTokenIsRenewed(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 7, Posts: 350, Tag: "ootd", Start: start()})
	w.Finish()
	s := newStore(t)
	if _, err := s.collect(serve(t, w.Reddit(network.RedditOptions{Lifetime: 1}), w.Now), sub(), nil, 0); err != nil || len(s.posts) != 350 {
		t.Errorf("%d posts of 350, %v", len(s.posts), err)
	}
}
