package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/sim/network"
	"weft/models"
)

// TestTwoQueriesFindTheSamePosts: a post is stored once, with a run in each profile.
func TestTwoQueriesFindTheSamePosts(t *testing.T) {
	r := newRig(t, plain, other)
	w := world(network.Options{Posts: 60})
	w.Finish()
	base, _ := serve(t, w.Mastodon(network.MastodonOptions{}))
	r.at("sources.mastodon.url", base)
	r.asks(tag("all", "plain", "ootd"), tag("street", "other", "streetstyle"))
	r.crawl()
	r.crawl()
	posts, runs := r.stored("mastodon"), int64(0)
	if len(posts) != 60 {
		t.Errorf("%d posts, want 60", len(posts))
	}
	for _, truth := range w.Truths() {
		want := []string{"plain"}
		if slices.Contains(truth.Tags, "streetstyle") {
			want = []string{"other", "plain"}
		}
		runs += int64(len(want))
		_, got, err := r.app.Documents.Post(r.ctx, models.PostID("mastodon", network.MastodonID(truth.N)))
		if err != nil {
			t.Fatal(err)
		}
		var profiles []string
		for _, run := range got {
			profiles = append(profiles, run.Profile)
			if run.Generation != 1 {
				t.Errorf("%s is in generation %d", run.String(), run.Generation)
			}
		}
		if slices.Sort(profiles); !slices.Equal(profiles, want) {
			t.Errorf("post %d has runs in %v, want %v", truth.N, profiles, want)
		}
	}
	if runs <= 60 || runs == 120 {
		t.Fatalf("%d runs: the world proves nothing", runs)
	}
	r.run()
	if s := r.status(); s.Admitted != runs || s.States[models.Done]+s.States[models.Dropped] != runs {
		t.Errorf("%d admitted and ended as %v, want %d", s.Admitted, s.States, runs)
	}
}

var favourites = regexp.MustCompile(`"favourites_count":(\d+)`)

// TestReadingAgain: an edit starts a new generation, another count is only
// shown, and what was purged is known by its stub.
func TestReadingAgain(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 100, Edits: 0.5})
	var likes atomic.Int64
	base, _ := serve(t, replaced(w.Mastodon(network.MastodonOptions{}), func(_ *http.Request, body []byte) []byte {
		return favourites.ReplaceAllFunc(body, func(m []byte) []byte {
			n, _ := strconv.ParseInt(string(favourites.FindSubmatch(m)[1]), 10, 64)
			return fmt.Appendf(nil, `"favourites_count":%d`, n+likes.Load())
		})
	}))
	r.at("sources.mastodon.url", base)
	r.asks(tag("all", "plain", "ootd"))
	w.Advance(90)
	r.crawl()
	r.run()
	before := r.stored("mastodon")
	w.Finish()
	r.crawl()
	r.run()
	edited := r.generations(w, before)
	if edited == 0 || edited == len(before) {
		t.Fatalf("%d of %d were edited: the world proves nothing", edited, len(before))
	}

	admitted := r.status().Admitted
	likes.Store(1_000_000)
	r.crawl()
	r.run()
	r.generations(w, before)
	if n := r.status().Admitted; n != admitted {
		t.Errorf("%d passages after other counts, want %d as before", n, admitted)
	}
	got, err := r.app.Search.Search(r.ctx, models.SearchQuery{MinLikes: 1_000_000})
	if err != nil || got.Total != r.found() || got.Total == 0 {
		t.Errorf("%d of %d are shown with their new counts, %v", got.Total, r.found(), err)
	}

	if n := r.purge(); n != 100 {
		t.Fatalf("%d were purged, want 100", n)
	}
	r.crawl()
	r.run()
	if n, s := len(r.stored("mastodon")), r.status(); n != 0 || s.Admitted != 0 { // what was purged is not counted
		t.Errorf("after the purge %d posts are back with %d passages", n, s.Admitted)
	}
	if _, err := r.app.Documents.Stub(r.ctx, models.PostID("mastodon", network.MastodonID(0))); err != nil {
		t.Errorf("the stub: %v", err)
	}
}

// generations checks that each post that was edited after it was stored, and
// no other, is in its second generation, with the new text.
func (r *rig) generations(w *network.World, before map[string]models.Post) (edited int) {
	r.t.Helper()
	for _, truth := range w.Truths() {
		post, run := r.post(models.PostID("mastodon", network.MastodonID(truth.N)), "plain")
		old, known := before[post.ID]
		want := 1
		if known && !truth.EditedAt.IsZero() && !strings.Contains(old.Text, "(edited)") {
			want = 2
			edited++
		}
		if run.Generation != want || strings.Contains(post.Text, "(edited)") == truth.EditedAt.IsZero() {
			r.t.Errorf("post %d is in generation %d, want %d: %s", truth.N, run.Generation, want, post.Text)
		}
	}
	return edited
}

// TestBackpressure: a deep queue stops discovery, which says so; a worker sets it going again.
func TestBackpressure(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 100})
	w.Finish()
	base, count := serve(t, w.Mastodon(network.MastodonOptions{}))
	r.at("sources.mastodon.url", base, "queue.max_depth", "5")
	r.asks(tag("all", "plain", "ootd"))
	r.collect()
	q := r.has("all", "to pause", func(q app.QueryStatus) bool { return q.Paused != "" })
	if !strings.Contains(q.Paused, "fetch") || !strings.Contains(q.Paused, "queue.max_depth") {
		t.Errorf("it pauses because %q, want the queue and the setting", q.Paused)
	}
	if n := len(r.stored("mastodon")); n != 40 || count.to("/timelines/tag/") != 2 {
		t.Errorf("%d posts stored and %d pages read, want one page of 40 stored and the next one held", n, count.to("/timelines/tag/"))
	}
	stop := r.work()
	q = r.has("all", "to go on", func(q app.QueryStatus) bool { return q.Paused == "" && q.Next.After(r.now()) })
	r.settle()
	stop()
	if n := len(r.stored("mastodon")); n != 100 || q.Posts != 100 || q.Errors != 0 {
		t.Errorf("%d stored, %+v; want 100 read once", n, q)
	}
	r.counted(map[models.State]int64{models.Done: 100})
}

// TestTokenTrouble stops one query with a word on what to do, and no other.
func TestTokenTrouble(t *testing.T) {
	r := newRig(t, plain)
	w := world(network.Options{Posts: 50, Images: 5})
	w.Finish()
	gram, asked := serve(t, w.Instagram(network.InstagramOptions{Token: "another"}))
	masto, _ := serve(t, w.Mastodon(network.MastodonOptions{}))
	r.at("sources.mastodon.url", masto, "sources.instagram.url", gram, "sources.instagram.token", "hush-hush", "sources.instagram.user_id", "1")
	r.asks(query("gram", "instagram", "plain", "hashtag", "ootd"), tag("masto", "plain", "ootd"))
	r.collect()
	r.has("masto", "to be read", func(q app.QueryStatus) bool { return q.Posts == 50 && q.Errors == 0 && q.Paused == "" })
	q := r.has("gram", "to stop", func(q app.QueryStatus) bool { return q.Paused != "" })
	if !strings.HasPrefix(q.Paused, "stopped: ") || !strings.Contains(q.Paused, "token") || q.Posts != 0 || !q.Next.After(r.now().Add(10*time.Minute)) {
		t.Errorf("the query with the bad token: %+v; want it stopped, and what to do", q)
	}
	if strings.Contains(fmt.Sprintf("%+v", q), "hush-hush") {
		t.Errorf("the status shows the token: %+v", q)
	}
	if n := asked.to(""); n > 3 {
		t.Errorf("the network was asked %d times with a bad token", n)
	}
	if n := len(r.stored("mastodon")); n != 50 {
		t.Errorf("%d posts of the other network", n)
	}
}

// TestSeveralEnqueuers share the queries: nothing is asked for twice.
func TestSeveralEnqueuers(t *testing.T) {
	pages := func(enqueuers int) (posts, calls int) {
		r := newRig(t, plain)
		w := world(network.Options{Posts: 300})
		w.Finish()
		base, count := serve(t, w.Mastodon(network.MastodonOptions{}))
		r.at("sources.mastodon.url", base)
		r.asks(tag("all", "plain", "ootd"), tag("street", "plain", "streetstyle"))
		for range enqueuers {
			defer r.collect()() //nolint:gocritic // all end together
		}
		for _, name := range []string{"all", "street"} {
			r.has(name, "to be read", func(q app.QueryStatus) bool { return q.Next.After(r.now()) })
		}
		return len(r.stored("mastodon")), count.to("/timelines/tag/")
	}
	alone, want := pages(1)
	together, got := pages(3)
	if alone != 300 || together != 300 || got != want || want < 8 {
		t.Errorf("one enqueuer got %d posts with %d calls, three got %d with %d", alone, want, together, got)
	}
}

// TestFileQuery: a file is read as a query, and once more when it changed.
func TestFileQuery(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(6)
	path := r.ndjson(entries)
	r.asks(query("drop", "file", "plain", "path", path, "source", "reseller"))
	r.crawl()
	r.run()
	r.counted(map[models.State]int64{models.Done: 6})
	r.crawl()
	if q := r.queried("drop"); q.Posts != 6 {
		t.Errorf("%d records read of an unchanged file, want 6 once", q.Posts)
	}
	entries[2].Text, entries[3].Images = "a green coat", []string{r.image(9)}
	entries[4].Likes = 777
	entries = append(entries, entry{ID: "late", Created: "2026-03-02T10:00:00Z", Text: "a hat", Images: []string{r.image(10)}},
		entry{ID: "lost", Created: "2026-03-02T10:00:00Z", Text: "a lost hat", Images: []string{"nowhere.png"}})
	r.write(path, nil)
	r.ndjson(entries)
	r.crawl()
	r.run()
	if n := len(r.stored("reseller")); n != 8 {
		t.Errorf("%d posts, want 8", n)
	}
	for id, want := range map[string]int{"p00": 1, "p01": 1, "p02": 2, "p03": 2, "p04": 1, "p05": 1, "late": 1, "lost": 1} {
		post, run := r.post("reseller."+id, "plain")
		if run.Generation != want {
			t.Errorf("%s is in generation %d, want %d", id, run.Generation, want)
		}
		if id == "lost" {
			if m := post.Media[0]; m.State != models.MediaFailed || run.State != models.Failed || strings.Contains(m.Reason, r.dir) {
				t.Errorf("lost: %+v in %s", m, run.State)
			}
			continue
		}
		if m := post.Media[0]; m.State != models.MediaOK || !r.kept(post.ID) {
			t.Errorf("%s: %+v", id, m)
		}
	}
	sum := sha256.Sum256(picture(t, 9))
	if post, _ := r.post("reseller.p03", "plain"); post.Media[0].SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("p03 shows %s, want the new image", post.Media[0].SHA256)
	}
	doc, err := r.app.Search.Get(r.ctx, "reseller.p04")
	if err != nil || doc.Counts.Likes == nil || *doc.Counts.Likes != 777 {
		t.Errorf("p04 is shown as %+v, %v", doc, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "posts.ndjson")); errors.Is(err, os.ErrNotExist) {
		t.Error("the file was taken away")
	}
}
