package bluesky_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/bluesky"
	"weft/source/web"
)

// counting passes requests on and counts them by path.
type counting struct {
	http.Handler
	mu    sync.Mutex
	calls map[string]int
}

func (c *counting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.calls[r.URL.Path[strings.LastIndexByte(r.URL.Path, '.')+1:]]++
	c.mu.Unlock()
	c.Handler.ServeHTTP(rw, r)
}

func counted(t *testing.T, w *network.World, opt network.BlueskyOptions) (*counting, *httptest.Server) {
	t.Helper()
	c := &counting{Handler: w.Bluesky(opt), calls: map[string]int{}}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	return c, srv
}

// TestSessionIsRefreshed: log-ins are scarce, so there is one; an expired token
// is refreshed and the call made again.
func TestSessionIsRefreshed(t *testing.T) {
	w := world(1000, time.Second, 0)
	w.Finish()
	c, srv := counted(t, w, network.BlueskyOptions{Expire: 3})
	conn, s := bluesky.New(options(srv, w.Now)), newStore()
	for b, err := range conn.Collect(t.Context(), query("mode", "search", "tags", "ootd"), nil) {
		if err != nil {
			t.Fatal(err)
		}
		s.take(b)
	}
	if c.calls["createSession"] != 1 || c.calls["refreshSession"] < 2 || len(s.posts) < 800 {
		t.Errorf("calls %v, %d posts", c.calls, len(s.posts))
	}
}

// TestWrongPassword stops, says what to do, and tells no secret.
func TestWrongPassword(t *testing.T) {
	w := world(200, time.Second, 0)
	_, srv := counted(t, w, network.BlueskyOptions{})
	opt := options(srv, w.Now)
	opt.AppPassword = "s3cret-wrong"
	err := first(t, bluesky.New(opt), query("mode", "search", "tags", "ootd"))
	tr, ok := source.AsTrouble(err)
	if !ok || tr.Kind != source.Stopped || !strings.Contains(err.Error(), "app_password") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

// TestSearchWithoutAccount: the network answers strangers with 403 and a page.
func TestSearchWithoutAccount(t *testing.T) {
	w := world(200, time.Second, 0)
	_, srv := counted(t, w, network.BlueskyOptions{})
	opt := options(srv, w.Now)
	opt.Handle = ""
	err := first(t, bluesky.New(opt), query("mode", "search", "tags", "ootd"))
	if tr, ok := source.AsTrouble(err); !ok || tr.Kind != source.Stopped || !strings.Contains(err.Error(), "sources.bluesky.handle") {
		t.Errorf("got %v", err)
	}
}

func first(t *testing.T, conn *bluesky.Connector, q source.Query) error {
	t.Helper()
	for _, err := range conn.Collect(t.Context(), q, nil) {
		return err
	}
	return errors.New("nothing came")
}

// reports keeps what the connector tells the limiter.
type reports struct {
	mu   sync.Mutex
	told map[source.Key]source.Signal
}

func (r *reports) Wait(context.Context, source.Key, source.Rate) error { return nil }

func (r *reports) Report(_ context.Context, k source.Key, s source.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[k] = s
	return nil
}

// TestRateHeaders: what the answers tell of the limit reaches the limiter.
func TestRateHeaders(t *testing.T) {
	reset := time.Now().Add(4 * time.Minute).Truncate(time.Second)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Ratelimit-Limit", "3000")
		rw.Header().Set("Ratelimit-Remaining", "0")
		rw.Header().Set("Ratelimit-Reset", fmt.Sprint(reset.Unix()))
		rw.WriteHeader(http.StatusTooManyRequests)
		_, _ = rw.Write([]byte(`{"error":"RateLimitExceeded","message":"Rate Limit Exceeded"}`))
	}))
	t.Cleanup(srv.Close)
	opt := options(srv, time.Now)
	limits := &reports{told: map[source.Key]source.Signal{}}
	opt.Web, opt.Handle = &web.Client{Limits: limits}, ""
	_, err := bluesky.New(opt).Resolve(t.Context(), models.Post{NativeID: "at://" + did + "/app.bsky.feed.post/a"})
	if tr, ok := source.AsTrouble(err); !ok || tr.Kind != source.Throttled || !tr.Until.Equal(reset) {
		t.Errorf("got %v, want throttled until %s", err, reset)
	}
	var s source.Signal
	for key, told := range limits.told {
		if key.Source == "bluesky" && key.Host == strings.TrimPrefix(srv.URL, "http://") {
			s = told
		}
	}
	if !s.Known || s.Left != 0 || !s.Until.Equal(reset) {
		t.Errorf("the limiter was told %+v of %v", s, limits.told)
	}
}

// TestRecheck: a missing post of an author who is there was deleted; of one who
// isn't, all are hidden, and shown again when the author is back.
func TestRecheck(t *testing.T) {
	w := world(3000, time.Second, 4)
	w.Finish()
	_, srv := counted(t, w, network.BlueskyOptions{})
	opt := options(srv, w.Now)
	opt.Handle = "" // known posts are answered to strangers
	conn := bluesky.New(opt)
	var removed, away, there, back models.Post
	for _, truth := range w.Truths() {
		p := models.Post{NativeID: w.BlueskyID(truth.N)}
		switch {
		case truth.Hidden:
			away = p
		case truth.Removed && truth.Author.State == "":
			removed = p
		case !truth.Gone && there.NativeID == "":
			there = p
		case !truth.Gone:
			back = p
			back.Hidden = "suspended"
		}
	}
	b, err := conn.Recheck(t.Context(), []models.Post{removed, away, there, back})
	if err != nil {
		t.Fatal(err)
	}
	got := map[models.Act]models.Deletion{}
	for _, d := range b.Deletions {
		got[d.Act] = d
	}
	if len(b.Posts) != 2 || got[models.Delete].NativeID != removed.NativeID || !strings.Contains(away.NativeID, got[models.Hide].Author) || got[models.Hide].Author == "" || !strings.Contains(back.NativeID, got[models.Show].Author) || got[models.Show].Author == "" {
		t.Errorf("%d posts, deletions %+v", len(b.Posts), b.Deletions)
	}
	if p, err := conn.Resolve(t.Context(), there); err != nil || p.NativeID != there.NativeID || p.Author.Handle == "" {
		t.Errorf("resolve: %+v %v", p, err)
	}
	if _, err := conn.Resolve(t.Context(), removed); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("resolve of a deleted post: %v", err)
	}
}

// TestRecheckProvesNothing: an answer without its list deletes no post.
func TestRecheckProvesNothing(t *testing.T) {
	for _, body := range []string{`{}`, `{"posts":null}`, `{"posts":{}}`, `[]`, `<html></html>`, `{"posts":[{"uri":7}]}`} {
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(body)) }))
		opt := options(srv, time.Now)
		opt.Handle = ""
		b, _ := bluesky.New(opt).Recheck(t.Context(), []models.Post{{NativeID: "at://" + did + "/app.bsky.feed.post/a"}})
		srv.Close()
		if len(b.Deletions) != 0 {
			t.Errorf("%s deletes %v", body, b.Deletions)
		}
	}
}
