package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/config"
	"weft/internal/crashpoint"
	"weft/internal/sim/network"
	"weft/models"
)

// crawled is one network under test.
type crawled struct {
	source string
	world  network.Options
	serve  func(w *network.World) http.Handler
	id     func(w *network.World, n int) string // native id of post n
	// config says how the connector finds the server.
	config func(base string) []config.Override
	params func(base string) map[string]string
	// what the network can't tell
	noDeletes bool // of deletions, not even when asked again
	noEdits   bool
}

// TestCrawlSurvivesKills collects 10,000 posts of each made-up network, with
// faults on, by processes that are killed ten times on the way, at the worst
// moments among them; then it holds the stores against what must be there.
func TestCrawlSurvivesKills(t *testing.T) { //nolint:tparallel // the networks go side by side, but not beside other tests
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, c := range networks() {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			w := network.NewWorld(c.world)
			server := httptest.NewServer(network.Faulty(c.serve(w), 7, network.SomeFaults()))
			t.Cleanup(server.Close)
			r := newRig(t, 0, "8760h")
			r.more = append(c.config(server.URL), r.queries(c, server.URL)...)
			r.killTenTimes(w)
			r.start(child{Crawl: true})
			r.wait("everything to be collected", settle, func() (bool, string) { return r.collected(w, c) })
			r.checkCollected(w, c)
		})
	}
}

// networks lists the made-up networks, each with its own way to be asked.
func networks() []crawled {
	world := func(more network.Options) network.Options {
		more.Seed, more.Posts, more.Tag, more.Images = 11, 10_000, "ootd", 30
		more.Start = time.Now().Add(-4 * time.Hour).UTC().Truncate(time.Second)
		more.Edits, more.Removals = 0.05, 0.05
		return more
	}
	plain := func(f func(int) string) func(*network.World, int) string {
		return func(_ *network.World, n int) string { return f(n) }
	}
	set := func(pairs ...string) func(string) []config.Override {
		return func(base string) []config.Override {
			var out []config.Override
			for i := 0; i < len(pairs); i += 2 {
				out = append(out, config.Override{Key: pairs[i], Value: strings.ReplaceAll(pairs[i+1], "BASE", base)})
			}
			return out
		}
	}
	ask := func(pairs ...string) func(string) map[string]string {
		return func(base string) map[string]string {
			out := map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				out[pairs[i]] = strings.ReplaceAll(strings.ReplaceAll(pairs[i+1], "WS", strings.Replace(base, "http", "ws", 1)), "BASE", base)
			}
			return out
		}
	}
	return []crawled{
		{
			source: "bluesky", world: world(network.Options{Closures: 3, Suspends: 2}), id: (*network.World).BlueskyID,
			serve: func(w *network.World) http.Handler {
				return w.Bluesky(network.BlueskyOptions{Advance: 50, Drops: 0.0005, SlowOnce: 700})
			},
			config: set("sources.bluesky.public", "BASE"),
			params: ask("host", "WS", "tags", "ootd", "backfill", "24h", "batch", "100", "flush", "50ms"),
		},
		{
			source: "mastodon", world: world(network.Options{Closures: 3}), id: plain(network.MastodonID),
			serve:  func(w *network.World) http.Handler { return w.Mastodon(network.MastodonOptions{Churn: 40}) },
			config: set("sources.mastodon.url", "BASE"),
			params: ask("instance", "fashion.example", "tag", "ootd", "overlap", "5m", "backfill", "20000"),
		},
		{
			source: "weibo", world: world(network.Options{}), id: plain(network.WeiboID),
			serve: func(w *network.World) http.Handler {
				return w.Weibo(network.WeiboOptions{Token: "secret", Step: 30})
			},
			config: set("sources.weibo.url", "BASE/2", "sources.weibo.token", "secret", "sources.weibo.calls_per_day", "100000"),
			params: ask("list", "topics", "q", "ootd", "backfill", "1000000"),
		},
		{
			source: "reddit", world: world(network.Options{}), id: plain(network.RedditID),
			serve: func(w *network.World) http.Handler {
				return w.Reddit(network.RedditOptions{ID: "app", Secret: "secret", Advance: 30})
			},
			config: set("sources.reddit.url", "BASE", "sources.reddit.client_id", "app", "sources.reddit.client_secret", "secret"),
			params: ask("subreddit", "streetwear", "overlap", "5m"),
		},
		{
			source: "instagram", world: world(network.Options{}), id: plain(network.InstagramID), noDeletes: true, noEdits: true,
			serve: func(w *network.World) http.Handler {
				return w.Instagram(network.InstagramOptions{Token: "secret", Secret: "app", Advance: 20})
			},
			config: set("sources.instagram.url", "BASE", "sources.instagram.token", "secret", "sources.instagram.app_secret", "app", "sources.instagram.user_id", "1"),
			params: ask("hashtag", "ootd", "overlap", "5m"),
		},
		{
			source: "feed", world: world(network.Options{}), id: plain(network.FeedID), noEdits: true,
			serve:  func(w *network.World) http.Handler { return w.Feed(network.FeedOptions{Churn: 250, Page: 200}) },
			config: set(),
			params: ask("url", "BASE/atom", "backfill", "100"),
		},
	}
}

// queries is the configuration of one query of the network, read again and again.
func (r *rig) queries(c crawled, base string) []config.Override {
	q, err := json.Marshal([]config.Query{{
		Name: "all", Source: c.source, Profiles: []string{"crash"}, Every: config.Span(time.Second), Params: c.params(base),
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return []config.Override{
		{Key: "queries", Value: string(q)},
		{Key: "crawl.backoff", Value: "10ms"},
		{Key: "crawl.lease", Value: "600ms"},
		{Key: "crawl.recheck_every", Value: "1s"},
		{Key: "crawl.recheck_age", Value: "87600h"},
		{Key: "queue.max_depth", Value: "0"},
		{Key: "log.level", Value: "error"},
	}
}

// killTenTimes starts a crawler ten times: every other one kills itself between
// two writes, the others are killed whenever they have brought some posts.
func (r *rig) killTenTimes(w *network.World) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	points := []string{crashpoint.CrawlStored, crashpoint.AdmitStored, crashpoint.CrawlCursor}
	for i := range 10 {
		c := child{Crawl: true}
		if i%2 == 0 {
			c.Crash, c.Nth = points[i/2%len(points)], 2+rng.IntN(5)
		}
		cmd, ended := r.start(c)
		before := r.posts0()
		deadline := time.After(time.Minute)
		for alive := true; alive; {
			select {
			case <-ended:
				alive = false
			case <-deadline:
				cur, err := r.app.Documents.Cursor(r.ctx, "all")
				cur.State = nil
				r.t.Fatalf("crawler %d (%q) brought nothing in a minute; the query is at %+v, %v", i, c.Crash, cur, err)
			case <-time.After(10 * time.Millisecond):
				if c.Crash == "" && (r.posts0() > before+200 || w.Finished()) {
					_ = cmd.Process.Kill()
				}
			}
		}
	}
}

func (r *rig) posts0() int64 {
	n, err := r.app.Documents.Admitted(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// collected: the world has come to its end, and after that the query was read
// to its end, and the known posts were looked at again.
func (r *rig) collected(w *network.World, c crawled) (bool, string) {
	cur, err := r.app.Documents.Cursor(r.ctx, "all")
	if err != nil || cur.Errors > 0 {
		return false, fmt.Sprintf("the query is at %+v, %v", cur, err)
	}
	if cur.Success.After(r.read) { // more happens only as it gets on: a list ends after so many posts, and what a slow reader misses is gone
		r.read = cur.Success
		w.Advance(30)
	}
	if !w.Finished() {
		return false, "the world goes on"
	}
	defer pause(r.ctx, time.Second) // comparing takes the crawler's time
	diff := r.compare(w, c)
	return diff == "", fmt.Sprintf("%s (gaps: %+v)", diff, cur.Gaps)
}

// compare tells the first differences between the stores and the truth.
func (r *rig) compare(w *network.World, c crawled) string {
	have := map[string]models.Post{}
	after := ""
	for {
		posts, err := r.app.Documents.PostsOf(r.ctx, c.source, time.Time{}, after, 500)
		if err != nil {
			return err.Error()
		}
		for _, p := range posts {
			have[p.ID] = p
			after = p.ID
		}
		if len(posts) < 500 {
			break
		}
	}
	var diffs []string
	alive := 0
	for _, truth := range w.Truths() {
		id := models.PostID(c.source, c.id(w, truth.N))
		p, ok := have[id]
		delete(have, id)
		edited := strings.Contains(p.Text, "(edited)")
		switch {
		case truth.Gone && ok && !c.noDeletes:
			diffs = append(diffs, fmt.Sprintf("post %d is deleted, and here", truth.N))
		case truth.Gone || truth.Adult || truth.NoIndex || truth.Hidden:
		case !ok:
			diffs = append(diffs, fmt.Sprintf("post %d is missing", truth.N))
		case !truth.EditedAt.IsZero() && !edited && !c.noEdits:
			diffs = append(diffs, fmt.Sprintf("post %d is as before its edit", truth.N))
		default:
			alive++
		}
	}
	for id := range have {
		diffs = append(diffs, id+" was never written")
	}
	if len(diffs) == 0 {
		return ""
	}
	return fmt.Sprintf("%d right, %d wrong: %s", alive, len(diffs), strings.Join(diffs[:min(len(diffs), 5)], "; "))
}

// checkCollected: each post has one run and no more generations than readings,
// and no task is there twice.
func (r *rig) checkCollected(w *network.World, c crawled) {
	r.t.Helper()
	after, n := "", 0
	for {
		runs, err := r.app.Documents.Runs(r.ctx, models.RunFilter{Limit: 1000, After: after})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, run := range runs {
			n++
			after = run.Post + "/" + run.Profile
			if run.Profile != "crash" || run.Generation > 2 {
				r.t.Errorf("%s is in generation %d: it was taken for edited when it wasn't", run.String(), run.Generation)
			}
		}
		if len(runs) < 1000 {
			break
		}
	}
	if most := len(w.Truths()); n > most {
		r.t.Errorf("%d runs of %d posts", n, most)
	}
	if n < c.world.Posts/2 {
		r.t.Errorf("only %d runs", n)
	}
}
