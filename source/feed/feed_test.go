package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/feed"
	"weft/source/web"
)

func query(address string, params ...string) source.Query {
	p := map[string]string{"url": address}
	for i := 0; i+1 < len(params); i += 2 {
		p[params[i]] = params[i+1]
	}
	return source.Query{Name: "q", Source: "feed", Params: p}
}

// TestOracle collects a blog of 10,000 posts in each form, through a server
// that misbehaves and broken off at random.
func TestOracle(t *testing.T) {
	for _, kind := range []string{"rss", "atom", "json"} {
		t.Run(kind, func(t *testing.T) { oracle(t, kind) })
	}
}

func oracle(t *testing.T, kind string) {
	w := network.NewWorld(network.Options{
		Seed: 5, Posts: 10_000, Tag: "ootd", Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Edits: 0.05, Removals: 0.05, Closures: 2, Images: 20,
	})
	srv := httptest.NewServer(network.Faulty(w.Feed(network.FeedOptions{Churn: 250, Page: 200}), 9, network.SomeFaults()))
	defer srv.Close()
	c := feed.New(feed.Options{Web: &web.Client{HTTP: srv.Client()}})
	rng := rand.New(rand.NewPCG(3, 4))
	posts, dead := map[string]models.Post{}, map[string]bool{}
	var cursor json.RawMessage
	breaks, faults := 0, 0
	for whole := 0; whole < 2; {
		over, clean := w.Finished(), true
		for b, err := range c.Collect(context.Background(), query(srv.URL+"/"+kind), cursor) {
			if err != nil {
				if _, throttled := source.AsTrouble(err); !throttled && models.ClassOf(err) == models.Permanent {
					t.Fatal(err)
				}
				faults, clean = faults+1, false
				break
			}
			if len(b.Problems) > 0 || b.Gap != nil {
				t.Errorf("problems %v, gap %v", b.Problems, b.Gap)
			}
			for _, p := range b.Posts {
				posts[p.NativeID] = p
			}
			for _, d := range b.Deletions {
				dead[d.NativeID] = true
			}
			if rng.IntN(5) == 0 { // killed between posts and cursor
				breaks, clean = breaks+1, false
				break
			}
			if b.Cursor != nil {
				cursor = b.Cursor
			}
		}
		if over && clean {
			whole++
		}
	}
	known := len(posts)
	for id := range dead {
		delete(posts, id)
	}
	for _, truth := range w.Truths() {
		p, ok := posts[network.FeedID(truth.N)]
		switch {
		case truth.Gone && ok && kind == "atom":
			t.Errorf("post %d is gone, but is still there", truth.N)
		case truth.Gone:
		case !ok:
			t.Errorf("post %d is missing", truth.N)
		case !p.CreatedAt.Equal(truth.Created), !strings.Contains(p.Text, fmt.Sprint(truth.N)), len(p.Media) != images(kind, truth), p.Author.Name != truth.Author.Name:
			t.Errorf("post %d: %+v", truth.N, p)
		}
		delete(posts, network.FeedID(truth.N))
	}
	if len(posts) > 0 || breaks < 3 || faults < 3 {
		t.Errorf("%d posts that nobody wrote; %d broken off, %d faults", len(posts), breaks, faults)
	}
	t.Logf("%d posts, %d deleted, %d broken off, %d faults, cursor %d bytes", known, len(dead), breaks, faults, len(cursor))
}

// images is how many a form of feed shows: Atom's are in the text, where the first counts.
func images(kind string, truth network.Truth) int {
	if kind == "atom" {
		return min(1, len(truth.Images))
	}
	return len(truth.Images)
}

// serve answers what the function says.
func serve(t *testing.T, h http.HandlerFunc) (*feed.Connector, string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return feed.New(feed.Options{Web: &web.Client{HTTP: srv.Client()}}), srv.URL
}

// run collects once.
func run(c *feed.Connector, q source.Query, cursor json.RawMessage) ([]source.Batch, json.RawMessage, error) {
	var out []source.Batch
	for b, err := range c.Collect(context.Background(), q, cursor) {
		if err != nil {
			return out, cursor, err
		}
		out = append(out, b)
		if b.Cursor != nil {
			cursor = b.Cursor
		}
	}
	return out, cursor, nil
}

func rssOf(items ...string) string {
	return `<rss version="2.0"><channel><title>T</title><link>https://b.example/</link>` + strings.Join(items, "") + `</channel></rss>`
}

func itemOf(guid string) string {
	return "<item><guid>" + guid + "</guid><title>t" + guid + "</title><pubDate>Sun, 01 Mar 2026 10:00:00 +0000</pubDate></item>"
}

// TestNotModifiedIsEmpty: ETag and Last-Modified come back with the next call.
func TestNotModifiedIsEmpty(t *testing.T) {
	var asked []string
	c, base := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match")+"|"+r.Header.Get("If-Modified-Since"))
		rw.Header().Set("ETag", `W/"1"`)
		rw.Header().Set("Last-Modified", "Sun, 01 Mar 2026 10:00:00 GMT")
		if r.Header.Get("If-None-Match") != "" {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = rw.Write([]byte(rssOf(itemOf("1"))))
	})
	b, cursor, err := run(c, query(base), nil)
	if err != nil || len(b) != 1 || len(b[0].Posts) != 1 {
		t.Fatal(b, err)
	}
	b, _, err = run(c, query(base), cursor)
	if err != nil || len(b) != 1 || len(b[0].Posts)+len(b[0].Deletions) != 0 {
		t.Errorf("not modified: %+v, %v", b, err)
	}
	if len(asked) != 2 || asked[1] != `W/"1"|Sun, 01 Mar 2026 10:00:00 GMT` {
		t.Errorf("asked with %q", asked)
	}
}

// TestGoneIsNotAskedForAgain within a day.
func TestGoneIsNotAskedForAgain(t *testing.T) {
	calls := 0
	c, base := serve(t, func(rw http.ResponseWriter, _ *http.Request) { calls++; rw.WriteHeader(http.StatusGone) })
	b, _, err := run(c, query(base), nil)
	if models.ClassOf(err) != models.Permanent || len(b) != 1 || !strings.Contains(err.Error(), "remove the query") {
		t.Fatal(b, err)
	}
	if _, _, err = run(c, query(base), b[0].Cursor); models.ClassOf(err) != models.Permanent || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestDisappearanceIsNoDeletion, and a window that moved on too far is a gap.
func TestDisappearanceIsNoDeletion(t *testing.T) {
	bodies := []string{rssOf(itemOf("2"), itemOf("1")), rssOf(itemOf("3"), itemOf("2")), rssOf(itemOf("9"))}
	c, base := serve(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(bodies[0])) })
	var cursor json.RawMessage
	for n := range 3 {
		var b []source.Batch
		var err error
		if b, cursor, err = run(c, query(base), cursor); err != nil || len(b) != 1 || len(b[0].Deletions) != 0 {
			t.Fatal(b, err)
		}
		if (b[0].Gap != nil) != (n == 2) {
			t.Errorf("reading %d: gap %v", n, b[0].Gap)
		}
		bodies = bodies[1:]
	}
}

// TestSecretsStayOut of errors, cursors and posts.
func TestSecretsStayOut(t *testing.T) {
	c, base := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"version":"x","items":[{"id":1,"content_text":"hi"}],"next_url":"/?token=hush&page=2"}`)
	})
	b, cursor, err := run(c, query(base+"/?token=hush"), nil)
	if err == nil || len(b) != 1 {
		t.Fatal(b, err)
	}
	all, jerr := json.Marshal(b[0].Posts)
	if text := err.Error() + string(cursor) + string(all); jerr != nil || strings.Contains(text, "hush") {
		t.Errorf("the secret is in %s", text)
	}
}

// TestNextPageStaysOnItsHost: another one's is not called.
func TestNextPageStaysOnItsHost(t *testing.T) {
	c, base := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte(`{"items":[{"id":"a"}],"next_url":"http://169.254.169.254/latest"}`))
	})
	b, _, err := run(c, query(base), nil)
	if err != nil || len(b) != 1 || len(b[0].Problems) != 1 || !strings.Contains(b[0].Problems[0].Error(), "another host") {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestLoopsEnd: pages that lead in a circle.
func TestLoopsEnd(t *testing.T) {
	calls := 0
	c, base := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = fmt.Fprintf(rw, `{"items":[{"id":"a%d"}],"next_url":"/?page=%d"}`, calls%2, calls%2)
	})
	if _, _, err := run(c, query(base, "backfill", "10000"), nil); err != nil || calls > 300 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
