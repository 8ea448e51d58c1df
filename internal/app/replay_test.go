package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"weft/internal/app"
	"weft/models"
	"weft/tasks"
)

// refusing fails permanently while it is told to.
type refusing struct {
	next tasks.Step
	on   *atomic.Bool
}

func (s refusing) Do(ctx context.Context, j tasks.Job) (tasks.Outcome, error) {
	if s.on.Load() && strings.Contains(j.Post.Text, "cursed") {
		return tasks.Outcome{}, models.Faultf(models.Permanent, "the spell holds")
	}
	return s.next.Do(ctx, j)
}

func TestReplay(t *testing.T) {
	r := newRig(t, plain)
	var cursed atomic.Bool
	cursed.Store(true)
	r.options = func(o *app.Options) {
		o.Steps = func(table tasks.Steps) { table[models.Index] = refusing{table[models.Index], &cursed} }
	}
	entries := r.posts(5)
	entries[0].Text, entries[1].Text = "a cursed dress", "a cursed coat"
	broken := []byte("not an image at all")
	r.write(filepath.Join(r.dir, "broken.png"), broken)
	entries[2].Images = []string{"broken.png"}
	r.imports(entries, "plain")
	r.run()
	r.counted(map[models.State]int64{models.Done: 2, models.Failed: 3})

	failed := models.RunFilter{State: models.Failed}
	byError := models.RunFilter{State: models.Failed, Error: "the spell holds"}
	for _, c := range []struct {
		name string
		f    models.RunFilter
		want int
	}{
		{"all", failed, 3},
		{"by error", byError, 2},
		{"by a part of the error", models.RunFilter{State: models.Failed, Error: "no usable image"}, 1},
		{"by another error", models.RunFilter{State: models.Failed, Error: "refused"}, 0},
		{"by step", models.RunFilter{State: models.Failed, Step: models.Fetch}, 1},
		{"by another profile", models.RunFilter{State: models.Failed, Profile: "catalog"}, 0},
	} {
		rep, err := r.app.Replay(r.ctx, c.f, true)
		if err != nil || rep.Runs != c.want || rep.Moved != 0 || !rep.DryRun {
			t.Errorf("dry run, %s: %+v, %v; want %d runs and none moved", c.name, rep, err, c.want)
		}
	}
	r.counted(map[models.State]int64{models.Done: 2, models.Failed: 3})

	cursed.Store(false)
	r.replay(byError, 2)
	r.counted(map[models.State]int64{models.Done: 2, models.Failed: 1, models.Queued: 2})
	if _, run := r.post("file.p00", "plain"); run.Step != models.Index || run.Attempts != 0 || run.Error != "" {
		t.Errorf("%s, %d attempts, error %q; want it at the step that failed, afresh", &run, run.Attempts, run.Error)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 4, models.Failed: 1})
	fetched := 0
	for _, e := range r.timeline("file.p00", "plain", 1) {
		if e.Step == models.Fetch && e.Outcome == models.OutAdvance {
			fetched++
		}
	}
	if fetched != 1 {
		t.Errorf("fetched %d times; what was done before the failure is not done again", fetched)
	}

	sum := sha256.Sum256(broken)
	key := "originals/" + hex.EncodeToString(sum[:])
	if err := r.app.Blobs.Delete(r.ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := r.app.Blobs.Put(r.ctx, key, "image/png", picture(t, 2)); err != nil {
		t.Fatal(err)
	}
	r.replay(failed, 1)
	r.run()
	r.counted(map[models.State]int64{models.Done: 5})
	if post, _ := r.post("file.p02", "plain"); post.Media[0].State != models.MediaOK || r.found() != 5 {
		t.Errorf("the image is %s, %d posts in search", post.Media[0].State, r.found())
	}
	r.replay(failed, 0)
}

// TestReplayFailsAgain: a cause that is still there fails the run again, with
// its error, and not for good.
func TestReplayFailsAgain(t *testing.T) {
	r := newRig(t, plain)
	r.write(filepath.Join(r.dir, "broken.png"), []byte("nothing"))
	r.imports([]entry{{ID: "a", Created: "2026-03-01T10:00:00Z", Images: []string{"broken.png"}}}, "plain")
	r.run()
	_, before := r.post("file.a", "plain")
	for range 2 {
		r.replay(models.RunFilter{State: models.Failed}, 1)
		r.run()
	}
	_, run := r.post("file.a", "plain")
	if run.State != models.Failed || run.Error != before.Error || run.Error == "" || run.Seq != before.Seq+4 {
		t.Errorf("%s with %q, before %s with %q", &run, run.Error, &before, before.Error)
	}
	r.counted(map[models.State]int64{models.Failed: 1})
}

func (r *rig) replay(f models.RunFilter, want int) {
	r.t.Helper()
	rep, err := r.app.Replay(r.ctx, f, false)
	if err != nil || rep.Runs != want || rep.Moved != want {
		r.t.Fatalf("replayed %s: %v; want %d", fmt.Sprintf("%+v", rep), err, want)
	}
}
