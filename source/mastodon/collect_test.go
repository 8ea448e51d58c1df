package mastodon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/mastodon"
	"weft/source/web"
)

// TestPolicy: what an instance says of its hashtags is known before the first page.
func TestPolicy(t *testing.T) {
	w := world(400)
	w.Finish()
	for access, want := range map[string]string{"disabled": "switched its hashtag timelines off", "authenticated": "without an access token", "public": ""} {
		c, _ := serve(t, w.Mastodon(network.MastodonOptions{Access: access}))
		s := newStore()
		_, err := collect(t, c, query(nil), nil, s)
		if want == "" {
			if err != nil || len(s.posts) == 0 {
				t.Errorf("%s: %d posts, %v", access, len(s.posts), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || models.ClassOf(err) != models.Permanent || s.read > 0 {
			t.Errorf("%s: %v after %d posts", access, err, s.read)
		}
	}
	// An older server doesn't know the question.
	c, _ := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2") {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write([]byte("[]"))
	}))
	if _, err := collect(t, c, query(nil), nil, newStore()); err != nil {
		t.Errorf("a server without /api/v2/instance: %v", err)
	}
}

// TestTokenGoesToItsInstanceAlone, and never into an error.
func TestTokenGoesToItsInstanceAlone(t *testing.T) {
	w := world(400)
	w.Finish()
	srv := httptest.NewServer(w.Mastodon(network.MastodonOptions{Token: "hush"}))
	defer srv.Close()
	opt := mastodon.Options{Web: &web.Client{HTTP: srv.Client()}, Base: srv.URL, Token: "hush", TokenInstance: "https://Fashion.example/"}
	s := newStore()
	if _, err := collect(t, mastodon.New(opt), query(nil), nil, s); err != nil || len(s.posts) == 0 {
		t.Errorf("with its token: %d posts, %v", len(s.posts), err)
	}
	_, err := collect(t, mastodon.New(opt), query(map[string]string{"instance": "other.example"}), nil, newStore())
	if models.ClassOf(err) != models.Permanent || strings.Contains(err.Error(), "hush") {
		t.Errorf("another instance: %v", err)
	}
	if _, ok := source.AsTrouble(err); ok {
		t.Errorf("one instance that wants a token stops all: %v", err)
	}
	opt.Token = "wrong-hush"
	_, err = collect(t, mastodon.New(opt), query(nil), nil, newStore())
	tr := wantTrouble(t, err, source.Stopped)
	if !strings.Contains(tr.Do, "sources.mastodon.token") || strings.Contains(err.Error(), "hush") {
		t.Errorf("a wrong token: %v", err)
	}
}

// limits records what a limiter is told.
type limits struct {
	keys    []source.Key
	signals []source.Signal
}

func (l *limits) Wait(_ context.Context, k source.Key, _ source.Rate) error {
	l.keys = append(l.keys, k)
	return nil
}

func (l *limits) Report(_ context.Context, _ source.Key, s source.Signal) error {
	l.signals = append(l.signals, s)
	return nil
}

// TestRateLimitResetIsATime: X-RateLimit-Reset is a moment with micro-seconds.
func TestRateLimitResetIsATime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	left, status := "75", 200
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Ratelimit-Limit", "300")
		rw.Header().Set("X-Ratelimit-Remaining", left)
		rw.Header().Set("X-Ratelimit-Reset", "2026-03-01T12:04:00.216801Z")
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte("[]"))
	}))
	defer srv.Close()
	l := &limits{}
	c := mastodon.New(mastodon.Options{Base: srv.URL, Web: &web.Client{HTTP: srv.Client(), Limits: l, Now: func() time.Time { return now }}})
	reset := time.Date(2026, 3, 1, 12, 4, 0, 216801000, time.UTC)
	if _, err := collect(t, c, query(nil), nil, newStore()); err != nil || len(l.signals) == 0 || l.signals[0] != (source.Signal{Known: true, Left: 0.25, Reset: reset}) {
		t.Errorf("%+v, %v", l.signals, err)
	}
	if l.keys[0] != (source.Key{Source: "mastodon", Host: "fashion.example"}) {
		t.Errorf("key %v", l.keys[0])
	}
	left, status = "0", 429
	_, err := collect(t, c, query(nil), nil, newStore())
	if tr := wantTrouble(t, err, source.Throttled); !tr.Until.Equal(reset) {
		t.Errorf("throttled until %s", tr.Until)
	}
}

// TestLinkHeaderForgetsParameters: each page is asked for with all of the
// query's parameters, on the query's instance, whatever the header says.
func TestLinkHeaderForgetsParameters(t *testing.T) {
	var asked []string
	c, _ := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2") {
			_, _ = rw.Write([]byte("{}"))
			return
		}
		q := r.URL.Query()
		asked = append(asked, q.Get("max_id")+" "+strings.Join(q["none[]"], "+")+" "+q.Get("remote")+" "+q.Get("limit"))
		if q.Get("max_id") == "" {
			rw.Header().Set("Link", `<https://evil.example/x?max_id=90&limit=5>; rel="next", <https://evil.example/x?min_id=99>; rel="prev"`)
			_, _ = rw.Write([]byte("[" + string(status(map[string]any{"id": "99"})) + "]"))
			return
		}
		rw.Header().Set("Link", `<https://evil.example/x?min_id=99>; rel="prev"`)
		_, _ = rw.Write([]byte("[" + string(status(map[string]any{"id": "89", "uri": "https://a.example/89"})) + "]"))
	}))
	s := newStore()
	if _, err := collect(t, c, query(map[string]string{"none": "a, b", "remote": "true"}), nil, s); err != nil || len(s.posts) != 2 {
		t.Fatal(len(s.posts), err)
	}
	if want := []string{" a+b true 40", "90 a+b true 40"}; strings.Join(asked, "|") != strings.Join(want, "|") {
		t.Errorf("asked %q; want %q", asked, want)
	}
}

// TestPagingThatDoesNotAdvance is an error, not a loop.
func TestPagingThatDoesNotAdvance(t *testing.T) {
	calls := 0
	c, _ := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		calls++
		rw.Header().Set("Link", `<https://a.example/x?max_id=90>; rel="next"`)
		_, _ = rw.Write([]byte("[" + string(status(map[string]any{"id": "99"})) + "]"))
	}))
	_, err := collect(t, c, query(nil), json.RawMessage(`{"of":"fashion.example/ootd?only_media=true","policy":"2100-01-01T00:00:00Z"}`), newStore())
	if err == nil || calls > 3 || !strings.Contains(err.Error(), "not below it") {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestAnotherInstancesCursorIsNoCursor: local ids mean nothing elsewhere.
func TestAnotherInstancesCursorIsNoCursor(t *testing.T) {
	w := world(400)
	w.Finish()
	c, _ := serve(t, w.Mastodon(network.MastodonOptions{}))
	first := newStore()
	cursor, err := collect(t, c, query(nil), nil, first)
	if err != nil {
		t.Fatal(err)
	}
	again := newStore()
	if _, err := collect(t, c, query(map[string]string{"instance": "b.example"}), cursor, again); err != nil || again.read != first.read {
		t.Errorf("%d posts read, %v; want %d", again.read, err, first.read)
	}
}

// TestIDsAreComparedByLengthFirst: "99" is below "100".
func TestIDsAreComparedByLengthFirst(t *testing.T) {
	page := 0
	c, _ := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2") {
			_, _ = rw.Write([]byte("{}"))
			return
		}
		page++
		ids := [][]string{{"101", "100"}, {"99", "98"}, {}}[min(page-1, 2)]
		var list []string
		for _, id := range ids {
			list = append(list, string(status(map[string]any{"id": id, "uri": "https://a.example/" + id})))
		}
		_, _ = fmt.Fprintf(rw, "[%s]", strings.Join(list, ","))
	}))
	s := newStore()
	if _, err := collect(t, c, query(nil), nil, s); err != nil || len(s.posts) != 4 {
		t.Errorf("%d posts, %v", len(s.posts), err)
	}
}

// TestPagesForPeople: a proxy's page with status 200 or 404 is no answer of the network.
func TestPagesForPeople(t *testing.T) {
	for _, code := range []int{200, 404, 502} {
		c, _ := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			rw.WriteHeader(code)
			_, _ = rw.Write([]byte("<html>down</html>"))
		}))
		post := models.Post{ID: "mastodon.x", Raw: json.RawMessage(`{"instance":"a.example","status":{"id":"1"}}`)}
		b, err := c.Recheck(context.Background(), []models.Post{post})
		if models.ClassOf(err) != models.Unavailable || len(b.Deletions) > 0 {
			t.Errorf("%d: %+v, %v", code, b, err)
		}
	}
}

// TestResolve reads a post again, and knows when it is gone.
func TestResolve(t *testing.T) {
	w := world(400)
	w.Finish()
	c, _ := serve(t, w.Mastodon(network.MastodonOptions{}))
	s := newStore()
	if _, err := collect(t, c, query(nil), nil, s); err != nil {
		t.Fatal(err)
	}
	p := s.known()[0]
	if again, err := c.Resolve(context.Background(), p); err != nil || again.NativeID != p.NativeID || again.ContentHash() != p.ContentHash() {
		t.Errorf("%+v, %v", again, err)
	}
	p.Raw = json.RawMessage(`{"instance":"fashion.example","status":{"id":"1"}}`)
	if _, err := c.Resolve(context.Background(), p); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a post that is gone: %v", err)
	}
	p.Raw = nil
	if _, err := c.Resolve(context.Background(), p); models.ClassOf(err) != models.Permanent || errors.Is(err, models.ErrNotFound) {
		t.Errorf("a post without its raw answer: %v", err)
	}
}

// TestParams: what is wrong with a query is told, all of it.
func TestParams(t *testing.T) {
	c := mastodon.New(mastodon.Options{})
	for _, bad := range []map[string]string{{"instance": "a/b"}, {"instance": "u@a.example"}, {"tag": "#x"}, {"local": "yes"}, {"backfill": "-1"}, {"overlap": "1y"}, {"bots": "x"}, {"hue": "red"}} {
		if errs := source.CheckQuery(query(bad), c.Params()); len(errs) != 1 {
			t.Errorf("%v: %v", bad, errs)
		}
	}
	if errs := source.CheckQuery(query(map[string]string{"instance": "https://Mastodon.social/", "any": "a, b"}), c.Params()); len(errs) != 0 {
		t.Error(errs)
	}
}

// TestSuspendedIsHiddenAndComesBack: a suspended account's posts are not deleted.
func TestSuspendedIsHiddenAndComesBack(t *testing.T) {
	over, w := world(400), world(400)
	over.Finish()
	events, _ := over.Events(0, 1<<20)
	suspend, restore, author := -1, -1, -1
	for _, e := range events {
		if e.Kind == network.Restore && restore < 0 {
			restore, author = e.N, e.Author
		}
	}
	for _, e := range events {
		if e.Kind == network.Suspend && e.Author == author {
			suspend = e.N
		}
	}
	w.Advance(suspend)
	c, _ := serve(t, w.Mastodon(network.MastodonOptions{}))
	s := newStore()
	if _, err := collect(t, c, query(nil), nil, s); err != nil {
		t.Fatal(err)
	}
	var theirs []string
	for _, p := range s.known() {
		if p.Author.ID == fmt.Sprintf("https://fashion.example/users/author%04d", author) {
			theirs = append(theirs, p.NativeID)
		}
	}
	if len(theirs) == 0 {
		t.Fatal("the author wrote nothing")
	}
	w.Advance(1)
	recheckAll(t, c, s)
	for _, id := range theirs {
		if !s.hidden[id] || s.deleted[id] {
			t.Errorf("%s: hidden %v, deleted %v", id, s.hidden[id], s.deleted[id])
		}
	}
	w.Advance(restore - suspend)
	recheckAll(t, c, s)
	for _, id := range theirs {
		if s.hidden[id] {
			t.Errorf("%s is still hidden", id)
		}
	}
}
