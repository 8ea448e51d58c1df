package app_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

func deletionOf(native string) models.Deletion {
	return models.Deletion{Source: "file", NativeID: native, Act: models.Delete, By: "request"}
}

func (r *rig) forgets(want models.Forgotten, deletions ...models.Deletion) {
	r.t.Helper()
	got, err := r.app.Forget(r.ctx, deletions)
	if err != nil {
		r.t.Fatal(err)
	}
	got.Posts = nil
	if got.Deleted != want.Deleted || got.Purged != want.Purged || got.Unknown != want.Unknown || got.Repeated != want.Repeated {
		r.t.Errorf("forgotten %+v, want %+v", got, want)
	}
}

func (r *rig) erase() {
	r.t.Helper()
	if _, err := r.app.Eraser(0).Run(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// nowhere looks for a post in every store.
func (r *rig) nowhere(id string, blobs ...string) {
	r.t.Helper()
	if _, err := r.app.Search.Get(r.ctx, id); !errors.Is(err, models.ErrNotFound) {
		r.t.Errorf("%s is in search: %v", id, err)
	}
	for _, key := range blobs {
		if there, err := r.app.Blobs.Exists(r.ctx, key); err != nil || there {
			r.t.Errorf("%s of %s is there: %v, %v", key, id, there, err)
		}
	}
	if _, err := r.app.Builder().Run(r.ctx); err != nil { // whatever a worker left half done
		r.t.Fatal(err)
	}
	parts, err := r.app.Documents.Parts(r.ctx, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	rows, err := r.app.Parts.Find(r.ctx, parts, []string{id})
	if err != nil || len(rows) > 0 {
		r.t.Errorf("%d rows of %s in history, %v", len(rows), id, err)
	}
	files, err := filepath.Glob(filepath.Join(r.app.HistoryDir, "*", "*", "*.parquet"))
	if err != nil || len(files) != len(parts) {
		r.t.Errorf("%d files of %d parts, %v", len(files), len(parts), err)
	}
	if post, _, err := r.app.Documents.Post(r.ctx, id); err == nil && (post.Text != "" || post.Raw != nil || len(post.Media) > 0) {
		r.t.Errorf("the documents say %+v", post)
	}
}

// TestForgetEverywhere: a published post that history has, too.
func TestForgetEverywhere(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(4)
	r.imports(entries, "plain")
	r.run()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	post, _ := r.post("file.p01", "plain")
	m := post.Media[0]
	r.forgets(models.Forgotten{Deleted: 1}, deletionOf("p01"))
	if r.found() != 3 {
		t.Errorf("%d in search at once, want 3", r.found())
	}
	_, unseen, err := r.app.Manifest(r.ctx)
	if err != nil || len(unseen) != 1 || unseen[0] != "file.p01" {
		t.Errorf("unseen %v, %v; no reader of the history may see it from now on", unseen, err)
	}
	r.erase()
	r.nowhere("file.p01", m.Original, m.Rendition)
	if rep := r.imports(entries, "plain"); rep.Posts[models.Refused] != 1 || rep.Posts[models.Known] != 3 {
		t.Errorf("imported again: %+v, want 1 refused", rep.Posts)
	}
	r.run()
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain"}); rep.Posts != 3 {
		t.Errorf("reanalysed %+v, want the other three", rep)
	}
	r.run()
	r.later(25 * time.Hour) // now only a hash is left
	r.erase()
	if _, _, err := r.app.Documents.Post(r.ctx, "file.p01"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("after a day: %v, want no more than a hash", err)
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Refused] != 1 {
		t.Errorf("imported after a day: %+v, want 1 refused", rep.Posts)
	}
	r.run()
	r.later(2 * time.Hour)
	if err := r.app.SweepBlobs(r.ctx); err != nil { // what the refused import stored
		t.Fatal(err)
	}
	r.nowhere("file.p01", m.Original, m.Rendition)
	r.counted(map[models.State]int64{models.Done: 6})
}

// TestForgetPurged: only history and a stub have the post; other posts of its
// part come back from the part that took its place.
func TestForgetPurged(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(6) // two posts on each of three days
	r.imports(entries, "plain")
	r.run()
	if n := r.purge(); n != 6 {
		t.Fatalf("%d purged, want 6", n)
	}
	r.forgets(models.Forgotten{Purged: 1}, deletionOf("p00"))
	r.erase()
	r.nowhere("file.p00")
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain"}); rep.Purged != 5 || rep.Lost != 0 {
		t.Errorf("%+v, want the other five from history", rep)
	}
	r.run()
	r.nowhere("file.p00")
	if r.found() != 5 {
		t.Errorf("%d in search, want 5", r.found())
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Refused] != 1 {
		t.Errorf("imported again: %+v", rep.Posts)
	}
	log, err := r.app.Documents.ForgetLog(r.ctx, "file.p00", 10)
	if err != nil || len(log) != 1 || log[0].Receipt == nil || log[0].Receipt.Rows != 1 {
		t.Errorf("log %+v, %v; want a receipt for its row", log, err)
	}
}

// TestForgetByWorkers: the housekeeping does the rest by itself.
func TestForgetByWorkers(t *testing.T) {
	r := newRig(t, plain)
	r.set = append(r.set, config.Override{Key: "archive.interval", Value: "100ms"})
	r.imports(r.posts(3), "plain")
	r.run()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.forgets(models.Forgotten{Deleted: 1, Unknown: 1}, deletionOf("p02"), deletionOf("never"))
	stop := r.work()
	r.wait("the receipt", func() (bool, string) {
		log, err := r.app.Documents.ForgetLog(r.ctx, "file.p02", 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(log) == 1 && log[0].Receipt != nil, "no receipt"
	})
	stop()
	// the worker may have ended between the receipt and the sweep of the old file, which the next pass does
	if _, err := r.app.Eraser(0).Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.nowhere("file.p02")
}

// TestForgetLosesSearch: what can't be done at once is told, and done later.
func TestForgetLosesSearch(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(1), "plain")
	r.run()
	a := r.open(func(o *app.Options) { o.Search = func(s app.Search) app.Search { return awaySearch{s} } })
	_, err := a.Forget(r.ctx, []models.Deletion{deletionOf("p00")})
	if err == nil || models.ClassOf(err) != models.Unavailable || !strings.Contains(err.Error(), "it is done, but search still shows file.p00") {
		t.Errorf("got %v, want it to say what is left", err)
	}
	r.run()
	if r.found() != 0 {
		t.Errorf("%d in search after a worker ran", r.found())
	}
}

// TestForgetLateBlob: a fetch that was under way stores an image after the
// post was deleted and swept.
func TestForgetLateBlob(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(1), "plain")
	r.run()
	post, _ := r.post("file.p00", "plain")
	key := post.Media[0].Rendition
	r.forgets(models.Forgotten{Deleted: 1}, deletionOf("p00"))
	if err := r.app.Blobs.Put(r.ctx, key, "image/jpeg", []byte("late")); err != nil {
		t.Fatal(err)
	}
	r.later(2 * time.Hour)
	if err := r.app.SweepBlobs(r.ctx); err != nil {
		t.Fatal(err)
	}
	if there, err := r.app.Blobs.Exists(r.ctx, key); err != nil || there {
		t.Errorf("the late image is there: %v, %v", there, err)
	}
}

// awaySearch deletes nothing.
type awaySearch struct{ store }

type store = app.Search // its method of the same name would hide the field

func (awaySearch) Delete(context.Context, string, int64) error {
	return models.Faultf(models.Unavailable, "search: away")
}
