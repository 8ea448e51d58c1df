package app_test

import (
	"testing"
	"time"

	"weft/internal/app"
	"weft/models"
)

// brief keeps originals for 40 days and renditions for 80.
const brief = `name: brief
fetch: { images: { originals: 40d, renditions: 80d } }
analyze-light: { models: [ color ] }
`

const day = 24 * time.Hour

// blobs reports whether a post's original and rendition are there after a sweep.
func (r *rig) blobs(post models.Post) [2]bool {
	r.t.Helper()
	if err := r.app.SweepBlobs(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	var out [2]bool
	for i, key := range []string{post.Media[0].Original, post.Media[0].Rendition} {
		var err error
		if out[i], err = r.app.Blobs.Exists(r.ctx, key); err != nil || key == "" {
			r.t.Fatalf("%q: %v", key, err)
		}
	}
	return out
}

func (r *rig) delete(id string) {
	r.t.Helper()
	if _, err := r.app.Documents.Update(r.ctx, id, models.Change{Delete: &models.Tombstone{At: r.now(), By: "author"}}); err != nil {
		r.t.Fatal(err)
	}
}

func TestOriginalsExpire(t *testing.T) {
	r := newRig(t, brief)
	r.imports(r.posts(1), "brief")
	r.run()
	post, _ := r.post("file.p00", "brief")
	for _, step := range []struct {
		after time.Duration
		want  [2]bool
	}{{0, [2]bool{true, true}}, {39 * day, [2]bool{true, true}}, {2 * day, [2]bool{false, true}}, {38 * day, [2]bool{false, true}}, {2 * day, [2]bool{false, false}}} {
		r.later(step.after)
		if got := r.blobs(post); got != step.want {
			t.Errorf("after %s: original and rendition there: %v, want %v", time.Duration(r.ahead.Load()), got, step.want)
		}
	}
}

// TestOriginalsWaitForFetch: what was imported and not fetched yet is not swept.
func TestOriginalsWaitForFetch(t *testing.T) {
	r := newRig(t, brief)
	r.imports(r.posts(1), "brief")
	r.later(6 * day)
	if err := r.app.SweepBlobs(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 1})
}

func TestSharedBlobs(t *testing.T) {
	r := newRig(t, brief)
	entries := r.posts(2)
	entries[1].Images = entries[0].Images
	r.imports(entries, "brief")
	r.run()
	first, _ := r.post("file.p00", "brief")
	second, _ := r.post("file.p01", "brief")
	if first.Media[0].Rendition != second.Media[0].Rendition {
		t.Fatalf("renditions %s and %s; the same bytes make one", first.Media[0].Rendition, second.Media[0].Rendition)
	}
	r.delete("file.p00")
	if got := r.blobs(first); got != [2]bool{true, true} {
		t.Errorf("there with one of two posts: %v", got)
	}
	r.delete("file.p01")
	if got := r.blobs(first); got != [2]bool{false, false} {
		t.Errorf("there without any post: %v; a deleted post's images go at once", got)
	}
}

// TestSweptBlobComesBack: an image that was swept may be imported again.
func TestSweptBlobComesBack(t *testing.T) {
	r := newRig(t, brief)
	entries := r.posts(1)
	r.imports(entries, "brief")
	r.run()
	post, _ := r.post("file.p00", "brief")
	r.delete("file.p00")
	if got := r.blobs(post); got != [2]bool{false, false} {
		t.Fatalf("after the deletion: %v", got)
	}
	if rep := r.imports(entries, "brief"); rep.Posts[models.Refused] != 1 {
		t.Errorf("the deleted post again: %+v, want it refused", rep.Posts)
	}
	if got := r.blobs(post); got != [2]bool{false, false} {
		t.Errorf("after it was refused: %v; its image must not stay", got)
	}
	entries[0].ID = "other"
	r.imports(entries, "brief")
	r.run()
	if got := r.blobs(post); got != [2]bool{true, true} {
		t.Errorf("with another post: %v", got)
	}
	r.counted(map[models.State]int64{models.Done: 2})
}

// TestImportDuringSweep: an image whose blob is just being deleted is stored
// again after that.
func TestImportDuringSweep(t *testing.T) {
	r := newRig(t, brief)
	entries := r.posts(1)
	r.imports(entries, "brief")
	r.run()
	r.delete("file.p00")
	doomed, err := r.app.Documents.Release(r.ctx, r.now(), 10) // the sweep's first half
	if err != nil || len(doomed) != 2 {
		t.Fatalf("doomed %v, %v; want original and rendition", doomed, err)
	}
	entries[0].ID = "other"
	path, done := r.ndjson(entries), make(chan error, 1)
	go func() {
		_, err := r.app.Import(r.ctx, app.Import{Profiles: []string{"brief"}, Path: path})
		done <- err
	}()
	tick := time.NewTimer(300 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("the import ended while the blob was doomed: %v", err)
	case <-tick.C:
	}
	if err := r.app.SweepBlobs(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.run()
	if post, _ := r.post("file.other", "brief"); r.blobs(post) != [2]bool{true, true} {
		t.Error("an image of a post that lives is gone")
	}
}
