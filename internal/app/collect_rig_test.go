package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/sim/network"
	"weft/models"
)

// other is a second profile beside plain.
const other = `name: other
analyze-light: { models: [ color ] }
index: { retention: 1h }
`

// loopback lets image fetches reach the made-up networks.
func loopback() config.Override { return config.Override{Key: "images.allow", Value: "127.0.0.0/8"} }

// world is a made-up network whose posts are some hours old.
func world(o network.Options) *network.World {
	o.Seed, o.Tag = 5, "ootd"
	o.Start = time.Now().Add(-4 * time.Hour).UTC().Truncate(time.Second)
	return network.NewWorld(o)
}

// serve serves a network, counts its requests by their path, and returns its address.
func serve(t *testing.T, h http.Handler) (base string, count *calls) {
	t.Helper()
	c := &calls{n: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.add(r.URL.Path)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, c
}

// calls counts requests by path.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[path]++
}

// to counts the requests to paths that hold part.
func (c *calls) to(part string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, k := range c.n {
		if strings.Contains(path, part) {
			n += k
		}
	}
	return n
}

// query is a query that is read once an hour, with its parameters in pairs.
func query(name, source, profile string, params ...string) config.Query {
	q := config.Query{Name: name, Source: source, Every: config.Span(time.Hour), Params: map[string]string{}}
	if profile != "" {
		q.Profiles = []string{profile}
	}
	for i := 0; i < len(params); i += 2 {
		q.Params[params[i]] = params[i+1]
	}
	return q
}

// tag is a query for a hashtag on the made-up Mastodon, which reads everything again each time.
func tag(name, profile, hashtag string) config.Query {
	return query(name, "mastodon", profile, "instance", "fashion.example", "tag", hashtag, "only_media", "false", "overlap", "24h")
}

// sky is a query for the made-up Bluesky's stream from its start.
func sky(name, profile, base string) config.Query {
	return query(name, "bluesky", profile, "host", strings.Replace(base, "http", "ws", 1), "tags", "ootd", "backfill", "24h", "flush", "20ms")
}

// asks makes queries the configuration of every process from now on.
func (r *rig) asks(queries ...config.Query) {
	r.t.Helper()
	q, err := json.Marshal(queries)
	if err != nil {
		r.t.Fatal(err)
	}
	r.set = append(r.set, config.Override{Key: "queries", Value: string(q)}, config.Override{Key: "crawl.backoff", Value: "10ms"})
	r.app = r.open(nil)
}

// at says where a network lies: sources.mastodon.url and the like, in pairs.
func (r *rig) at(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		r.set = append(r.set, config.Override{Key: pairs[i], Value: pairs[i+1]})
	}
}

func (r *rig) collector(c app.Collection) *app.Collector {
	r.t.Helper()
	out, err := r.open(func(o *app.Options) { o.Pace = 10_000 }).NewCollector(r.ctx, c)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// crawl reads each query to its end, as `enqueuer crawl --once` does, long enough after the last time.
func (r *rig) crawl(names ...string) {
	r.t.Helper()
	r.later(time.Hour + time.Second)
	if err := r.collector(app.Collection{Queries: names, Once: true}).Run(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// collect starts an enqueuer; the returned function stops it.
func (r *rig) collect() (stop func()) {
	r.t.Helper()
	c := r.collector(app.Collection{})
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// queried is what `enqueuer status` says of a query.
func (r *rig) queried(name string) app.QueryStatus {
	r.t.Helper()
	for _, q := range r.status().Queries {
		if q.Name == name {
			return q
		}
	}
	r.t.Fatalf("status says nothing of %s", name)
	return app.QueryStatus{}
}

// has waits until a query's cursor is as wanted.
func (r *rig) has(name, what string, fact func(app.QueryStatus) bool) app.QueryStatus {
	r.t.Helper()
	var q app.QueryStatus
	r.wait(name+" "+what, func() (bool, string) {
		q = r.queried(name)
		return fact(q), fmt.Sprintf("%+v", q)
	})
	return q
}

// stored returns all posts of a source that live, by id.
func (r *rig) stored(source string) map[string]models.Post {
	r.t.Helper()
	posts, err := r.app.Documents.PostsOf(r.ctx, source, time.Time{}, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]models.Post{}
	for _, p := range posts {
		out[p.ID] = p
	}
	if len(out) != len(posts) {
		r.t.Errorf("%d posts with %d ids", len(posts), len(out))
	}
	return out
}

// gone reports whether nothing but a tombstone or a hash of a post is left.
func (r *rig) gone(id string) bool {
	r.t.Helper()
	post, _, err := r.app.Documents.Post(r.ctx, id)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		r.t.Fatal(err)
	}
	return err != nil || post.Tombstone != nil
}

// kept reports whether a search still finds a post.
func (r *rig) kept(id string) bool {
	r.t.Helper()
	_, err := r.app.Search.Get(r.ctx, id)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		r.t.Fatal(err)
	}
	return err == nil
}

func (r *rig) blobKeys(prefix string) []string {
	r.t.Helper()
	keys, err := r.app.Blobs.List(r.ctx, prefix)
	if err != nil {
		r.t.Fatal(err)
	}
	return keys
}

// replaced rewrites a handler's answers.
func replaced(h http.Handler, rewrite func(r *http.Request, body []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			h.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rewrite(r, bytes.Clone(rec.Body.Bytes())))
	})
}
