package app_test

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weft/analysis"
	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/sim/network"
	"weft/models"
	"weft/tasks"
)

// countedResults counts the results that were computed, by the image or text they are of.
type countedResults struct {
	app.Documents
	mu    sync.Mutex
	times map[string]int // by key
	of    map[string]int // by input
}

func (c *countedResults) PutResults(ctx context.Context, results []models.Result) error {
	c.mu.Lock()
	for _, r := range results {
		c.times[r.Key()]++
		c.of[r.Input]++
	}
	c.mu.Unlock()
	return c.Documents.PutResults(ctx, results)
}

// countAnalyses counts what workers compute from now on.
func (r *rig) countAnalyses() *countedResults {
	r.t.Helper()
	reg, err := analysis.Default()
	if err != nil {
		r.t.Fatal(err)
	}
	c := &countedResults{Documents: r.app.Documents, times: map[string]int{}, of: map[string]int{}}
	r.options = func(o *app.Options) {
		o.Steps = func(s tasks.Steps) {
			s[models.AnalyzeLight] = &tasks.Analyze{Analyzer: analysis.NewEngine(reg, r.app.Blobs, c), Fuse: reg.Fuse}
		}
	}
	return c
}

// saveAnew serves each image in another quality: other bytes that look the same.
func saveAnew(h http.Handler) http.Handler {
	return replaced(h, func(r *http.Request, body []byte) []byte {
		img, err := jpeg.Decode(bytes.NewReader(body))
		if err != nil {
			return body
		}
		var b bytes.Buffer
		if jpeg.Encode(&b, img, &jpeg.Options{Quality: 60}) != nil {
			return body
		}
		return b.Bytes()
	})
}

// TestImagesOfTwoNetworks: crawled posts' images are fetched, analysed, and
// shown; what is the same is stored and analysed once, what looks alike is linked.
func TestImagesOfTwoNetworks(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 30, Images: 8})
	w.Finish()
	masto, count := serve(t, w.Mastodon(network.MastodonOptions{}))
	blue, _ := serve(t, saveAnew(w.Bluesky(network.BlueskyOptions{})))
	r.at("sources.mastodon.url", masto, "sources.bluesky.public", blue, "sources.bluesky.cdn", blue)
	r.asks(tag("masto", "plain", "ootd"), sky("sky", "plain", blue))
	r.set = append(r.set, loopback(), config.Override{Key: "queues.analyze-light", Value: "1"})
	computed := r.countAnalyses()
	stop := r.collect()
	r.has("sky", "to be read", func(q app.QueryStatus) bool { return q.Posts >= 30 })
	r.has("masto", "to be read", func(q app.QueryStatus) bool { return q.Posts == 30 })
	stop()
	r.run()
	r.counted(map[models.State]int64{models.Done: 60})

	sums := map[string]bool{}
	for _, source := range []string{"mastodon", "bluesky"} {
		posts := r.stored(source)
		if len(posts) != 30 {
			t.Errorf("%d posts of %s", len(posts), source)
		}
		for id, p := range posts {
			for _, m := range p.Media {
				if sums[m.SHA256] = true; m.State != models.MediaOK || m.Width != 96 || m.Type != "image/jpeg" {
					t.Errorf("%s has %+v", id, m)
				}
			}
			if shown := r.kept(id); shown == p.Flagged(models.NoIndex) {
				t.Errorf("%s with %v is shown: %v", id, p.Flags, shown)
			}
		}
	}
	if originals := r.blobKeys("originals/"); len(sums) != 16 || len(originals) != 16 || len(r.blobKeys("renditions/")) != 16 {
		t.Errorf("%d different images, stored as %v; want 8 of each network", len(sums), originals)
	}
	for sum := range sums {
		if computed.of[sum] == 0 {
			t.Errorf("image %s was not analysed", sum)
		}
	}
	for key, n := range computed.times {
		if n != 1 {
			t.Errorf("result %s was computed %d times", key, n)
		}
	}
	if n := count.to("/media/"); n < 30 {
		t.Errorf("%d images were asked for", n)
	}
	got, err := r.app.Search.Search(r.ctx, models.SearchQuery{Sources: []string{"bluesky"}, Text: "ootd", Facets: []string{"color"}, Limit: 100})
	if err != nil || got.Total == 0 || len(got.Facets["color"]) == 0 || len(got.Hits[0].Images) == 0 {
		t.Errorf("search for what the images show: %+v, %v", got.Facets, err)
	}
	text := r.journey(models.PostID("mastodon", network.MastodonID(3)))
	if !strings.Contains(text, "looks like: ") || !strings.Contains(text, "bluesky.") {
		t.Errorf("the journey lacks the copy on the other network:\n%s", text)
	}
}

// TestPrivateImagesAreRefused: without images.allow no private address is called, and the post says why it failed.
func TestPrivateImagesAreRefused(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 4, Images: 3})
	w.Finish()
	base, count := serve(t, w.Mastodon(network.MastodonOptions{}))
	r.at("sources.mastodon.url", base)
	r.asks(tag("all", "plain", "ootd"))
	r.crawl()
	r.run()
	r.counted(map[models.State]int64{models.Failed: 4})
	for id, p := range r.stored("mastodon") {
		if m := p.Media[0]; m.State != models.MediaFailed || !strings.Contains(m.Reason, "images.allow") {
			t.Errorf("%s: %+v", id, m)
		}
		if text := r.journey(id); !strings.Contains(text, "no usable image: image 1: ") || !strings.Contains(text, "images.allow") {
			t.Errorf("the journey lacks the reason:\n%s", text)
		}
	}
	if n := count.to("/media/"); n != 0 || len(r.blobKeys("")) != 0 || r.found() != 0 {
		t.Errorf("%d images were asked for, %v stored, %d found", n, r.blobKeys(""), r.found())
	}
}

// expiring answers 403 to an image's address that was signed before a moment.
type expiring struct {
	h     http.Handler
	from  atomic.Int64 // signatures up to this one have run out
	calls atomic.Int64 // the last signature
	never atomic.Bool  // all run out at once
}

func (e *expiring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/images/") {
		e.calls.Add(1)
		e.h.ServeHTTP(w, r)
		return
	}
	signed, err := strconv.ParseInt(r.URL.Query().Get("oh"), 16, 64)
	if err != nil || signed <= e.from.Load() || e.never.Load() {
		http.Error(w, "URL signature expired", http.StatusForbidden)
		return
	}
	e.h.ServeHTTP(w, r)
}

// TestExpiredAddresses: images whose signed addresses ran out are looked up
// again at the source, once for each post.
func TestExpiredAddresses(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 24, Images: 12, Authors: 1})
	w.Finish()
	e := &expiring{h: w.Instagram(network.InstagramOptions{Token: "secret"})}
	base, _ := serve(t, e)
	r.at("sources.instagram.url", base, "sources.instagram.token", "secret", "sources.instagram.user_id", "1")
	r.asks(query("gram", "instagram", "plain", "account", w.Authors()[0].Handle))
	r.set = append(r.set, loopback())
	r.options = func(o *app.Options) { o.Pace = 10_000 }
	r.crawl()
	n := len(r.stored("instagram"))
	asked := e.calls.Load()
	if n != 24 {
		t.Fatalf("%d posts, want 24", n)
	}
	e.from.Store(asked)
	r.run()
	ends := map[models.State]int64{models.Done: 23, models.Failed: 1} // the source withholds the image of post 0
	r.counted(ends)
	for id, p := range r.stored("instagram") {
		for _, m := range p.Media {
			if m.State != models.MediaOK && m.URL != "" || strings.Contains(m.URL, "secret") {
				t.Errorf("%s: %+v", id, m)
			}
		}
	}
	if again := e.calls.Load() - asked; again != 23 {
		t.Errorf("the source was asked %d times about 23 posts", again)
	}
	r.crawl() // the same images under other addresses are no edit
	r.counted(ends)
}

// TestAddressesThatStayExpired: one look at the source is all.
func TestAddressesThatStayExpired(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 5, Images: 12, Authors: 1})
	w.Finish()
	e := &expiring{h: w.Instagram(network.InstagramOptions{Token: "secret"})}
	e.never.Store(true)
	base, _ := serve(t, e)
	r.at("sources.instagram.url", base, "sources.instagram.token", "secret", "sources.instagram.user_id", "1")
	r.asks(query("gram", "instagram", "plain", "account", w.Authors()[0].Handle))
	r.set = append(r.set, loopback())
	r.options = func(o *app.Options) { o.Pace = 10_000 }
	r.crawl()
	asked := e.calls.Load()
	r.run()
	r.counted(map[models.State]int64{models.Failed: 5})
	if again := e.calls.Load() - asked; again != 4 { // post 0 has no address at all
		t.Errorf("the source was asked %d times about 4 posts", again)
	}
	if text := r.journey("instagram." + network.InstagramID(2)); !strings.Contains(text, "answered 403") || strings.Contains(text, "oh=") || strings.Contains(text, "secret") {
		t.Errorf("the journey says:\n%s", text)
	}
}

// quizzing asks people about every post.
const quizzing = `name: quizzing
analyze-light: { models: [ color ] }
label: { when: 'images > 0', answers: 1, attributes: [ brand ], timeout: { after: 24h, then: escalate } }
index: { retention: 1h }
`

// TestDeletionsOfAStream: what the network says is deleted goes from every
// store and never comes back; all else stays.
func TestDeletionsOfAStream(t *testing.T) {
	r := newRig(t, plain, quizzing)
	w := world(network.Options{Posts: 160, Removals: 0.4, Closures: 4, Authors: 12, Images: 400})
	w.Advance(120)
	base, _ := serve(t, w.Bluesky(network.BlueskyOptions{}))
	r.at("sources.bluesky.public", base, "sources.bluesky.cdn", base)
	r.asks(sky("sky", "", base))
	r.set = append(r.set, loopback())
	stop := r.collect()
	r.streamed(w, "sky")
	work := r.work()
	r.wait("images and questions", func() (bool, string) {
		s := r.status()
		return s.States[models.Queued] == 0 && r.found() > 0 && s.Items > 10, fmt.Sprintf("%+v", s)
	})
	work()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	before := r.stored("bluesky")
	w.Finish()
	r.streamed(w, "sky")
	stop()
	r.run()
	if err := r.app.SweepBlobs(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.checkDeleted(w, before)

	// From the start of the stream again, creations and all.
	r.asks(sky("again", "", base))
	stop = r.collect()
	r.streamed(w, "again")
	stop()
	r.run()
	r.checkDeleted(w, before)
	r.erase()
	for _, truth := range w.Truths() {
		if id := models.PostID("bluesky", w.BlueskyID(truth.N)); truth.Gone {
			r.nowhere(id)
		}
	}
}

// streamed waits until a stream's query has read all that has happened so far.
func (r *rig) streamed(w *network.World, name string) {
	r.t.Helper()
	now := w.Now()
	r.wait(name+" to catch up", func() (bool, string) {
		cur, err := r.app.Documents.Cursor(r.ctx, name)
		return err == nil && !cur.Event.Before(now), cur.Event.String()
	})
}

// checkDeleted compares the stores with the truth. Before is what was stored
// and archived before the deletions came.
func (r *rig) checkDeleted(w *network.World, before map[string]models.Post) {
	r.t.Helper()
	_, unseen, err := r.app.Manifest(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	items, err := r.app.Documents.Items(r.ctx, models.ItemFilter{Limit: 10_000})
	if err != nil {
		r.t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, it := range items {
		asked[it.Post] = asked[it.Post] || it.State == models.ItemOpen || it.State == models.ItemEscalated
	}
	needed := map[string]bool{} // by posts that live
	now := r.stored("bluesky")
	for _, p := range now {
		for _, m := range p.Media {
			needed[m.Original] = true
		}
	}
	deleted, closed, lived := 0, 0, 0
	for _, truth := range w.Truths() {
		id := models.PostID("bluesky", w.BlueskyID(truth.N))
		old, known := before[id]
		if !truth.Gone {
			lived++
			if p, ok := now[id]; !ok || p.Text == "" || !r.kept(id) && !p.Flagged(models.NoIndex) && len(p.Published) > 0 {
				r.t.Errorf("post %d lives, and is not here: %+v", truth.N, p)
			}
			continue
		}
		if !r.gone(id) || r.kept(id) || asked[id] {
			r.t.Errorf("post %d is deleted; in search %v, asked about %v", truth.N, r.kept(id), asked[id])
		}
		if !known {
			continue
		}
		deleted++
		if !truth.Removed {
			closed++
		}
		for _, m := range old.Media {
			r.checkNoBlob(m, needed)
		}
		if len(old.Published) > 0 && !slices.Contains(unseen, id) {
			r.t.Errorf("readers of the history see post %d", truth.N)
		}
	}
	if deleted < 10 || closed == 0 || lived < 10 {
		r.t.Fatalf("%d deleted, %d of them with their account, %d living: the world proves nothing", deleted, closed, lived)
	}
}

func (r *rig) checkNoBlob(m models.Media, needed map[string]bool) {
	r.t.Helper()
	for _, key := range []string{m.Original, m.Rendition} {
		there, err := r.app.Blobs.Exists(r.ctx, key)
		if key == "" || err != nil || there && !needed[m.Original] {
			r.t.Errorf("%q is there: %v, %v", key, there, err)
		}
	}
}
