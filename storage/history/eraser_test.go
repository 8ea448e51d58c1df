package history_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/models"
	"weft/storage/history"
)

// erase is a built history of 120 rows in eight parts.
func setupErase(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.now = time.Now()
	b.stage(t)
	if _, err := b.builder(nil).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.settled(t, 8)
	return b
}

func (b *bundle) eraser(change func(*history.EraserParams)) *history.Eraser {
	p := history.EraserParams{Erasures: b.docs, Manifest: b.docs, Files: b.files, Clock: func() time.Time { return b.now }}
	if change != nil {
		change(&p)
	}
	return history.NewEraser(p)
}

// forget has posts of a source forgotten, which only the history knows, and
// takes their rows out of those that are expected.
func (b *bundle) forget(t *testing.T, source string, posts ...int) (rows int) {
	t.Helper()
	var batch []models.Deletion
	ids := map[string]bool{}
	for _, n := range posts {
		d := models.Deletion{Source: source, NativeID: fmt.Sprintf("n%05d", n), Act: models.Delete, By: "request", At: b.now}
		batch = append(batch, d)
		ids[models.PostID(d.Source, d.NativeID)] = true
	}
	if _, err := b.docs.Forget(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	before := len(b.rows)
	b.rows = slices.DeleteFunc(b.rows, func(r models.Row) bool { return ids[r.Post] })
	return before - len(b.rows)
}

func (b *bundle) erases(t *testing.T) history.Erased {
	t.Helper()
	done, err := b.eraser(nil).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestErase(t *testing.T) {
	b := setupErase(t)
	if n := b.forget(t, "weibo", 0, 3, 22); n != 4 { // the fourth post has two generations
		t.Fatalf("%d rows to be erased, want 4", n)
	}
	done := b.erases(t)
	if done.Posts != 3 || done.Rows != 4 || done.Rewritten != 2 || done.Removed != 0 {
		t.Errorf("%+v, want 3 posts with 4 rows out of both parts", done)
	}
	b.settled(t, 8)
	log, err := b.docs.ForgetLog(t.Context(), "weibo.n00003", 10)
	if err != nil || len(log) != 1 || log[0].Receipt == nil || log[0].Receipt.Rows != 2 || len(log[0].Receipt.Parts) == 0 {
		t.Errorf("log %+v, %v; want a receipt for two rows", log, err)
	}
	if again := b.erases(t); again != (history.Erased{}) {
		t.Errorf("a second pass did %+v", again)
	}
	b.forget(t, "weibo", 5)
	b.erases(t)
	b.settled(t, 8)
	parts, err := b.docs.Parts(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(parts, func(p models.Part) bool { return len(p.Replaces) == 2 && p.Holds(p.Replaces[0]) }) {
		t.Errorf("no part remembers the two that it replaced: %+v", parts)
	}
}

func TestEraseAllOfAPart(t *testing.T) {
	b := setupErase(t)
	var all []int
	for n := range 30 {
		all = append(all, n)
	}
	b.forget(t, "tumblr", all...)
	if done := b.erases(t); done.Removed != 2 || done.Rewritten != 0 || done.Rows != 30 {
		t.Errorf("%+v, want two parts removed", done)
	}
	b.settled(t, 6)
}

// TestEraseCrashes: wherever the process dies, the next pass ends what it began,
// and nothing is left beside it once leftovers are old enough.
func TestEraseCrashes(t *testing.T) {
	for _, at := range []string{"erase.reserved", "erase.written", "erase.replaced"} {
		for hit := 1; hit <= 2; hit++ {
			t.Run(fmt.Sprintf("%s %d", at, hit), func(t *testing.T) {
				b := setupErase(t)
				rows := b.forget(t, "weibo", 0, 3, 17, 20)
				b.dies(t, at, hit)
				rows += b.forget(t, "weibo", 10) // more to erase, and so another file
				b.erases(t)
				b.now = b.now.Add(7 * time.Hour)
				b.erases(t)
				b.settled(t, 8)
				log, err := b.docs.ForgetLog(t.Context(), "", 10)
				if err != nil {
					t.Fatal(err)
				}
				erased := 0
				for _, l := range log {
					if l.Receipt == nil {
						t.Fatalf("%+v has no receipt", l)
					}
					erased += l.Receipt.Rows
				}
				if erased != rows {
					t.Errorf("receipts tell of %d rows, want %d", erased, rows)
				}
			})
		}
	}
}

// dies runs an eraser that ends at the hit-th time it comes by a point.
func (b *bundle) dies(t *testing.T, at string, hit int) {
	t.Helper()
	died := errors.New("died")
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(died) {
				panic(p)
			}
		}()
		_, err := b.eraser(func(p *history.EraserParams) {
			p.Crash = func(name string) {
				if name == at {
					if hit--; hit == 0 {
						panic(died)
					}
				}
			}
		}).Run(t.Context())
		t.Fatalf("it never came by %s: %v", at, err)
	}()
}

func TestManyErasers(t *testing.T) {
	b := setupErase(t)
	for _, source := range []string{"weibo", "tumblr", "bluesky", "pixelfed"} {
		b.forget(t, source, 1, 8, 21)
	}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := b.eraser(nil).Run(t.Context())
			if err != nil && !errors.Is(err, models.ErrConflict) && !errors.Is(err, models.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.erases(t)
	b.now = b.now.Add(7 * time.Hour) // files of those who lost
	b.erases(t)
	b.settled(t, 8)
}

func TestEraseWaitsForOthers(t *testing.T) {
	b := setup(t)
	b.now = time.Now()
	b.publish(t, 1, "plain", b.now.AddDate(0, 0, -40))
	b.publish(t, 2, "plain", b.now.AddDate(0, 0, -40))
	if _, err := b.builder(nil).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := models.Deletion{Source: "weibo", NativeID: "p001", Act: models.Delete, By: "platform", At: b.now}
	if _, err := b.docs.Forget(t.Context(), []models.Deletion{d}); err != nil {
		t.Fatal(err)
	}
	run := func() history.Erased {
		t.Helper()
		done, err := b.eraser(func(p *history.EraserParams) { p.Wait = 6 * time.Hour }).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := run(); done.Posts != 0 {
		t.Errorf("%+v; a network's deletion waits for others", done)
	}
	d.NativeID, d.By = "p002", "request"
	if _, err := b.docs.Forget(t.Context(), []models.Deletion{d}); err != nil {
		t.Fatal(err)
	}
	if done := run(); done.Posts != 2 || done.Removed != 1 {
		t.Errorf("%+v; what a person asks for doesn't wait, and takes the others along", done)
	}
}

// TestEraseLacksAFile: a folder that is not mounted must not look like erased.
func TestEraseLacksAFile(t *testing.T) {
	b := setupErase(t)
	b.forget(t, "weibo", 3)
	b.forget(t, "tumblr", 3)
	var lost string
	if err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "source=weibo") {
			lost = path
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(t.TempDir(), "aside")
	if err := os.Rename(lost, aside); err != nil {
		t.Fatal(err)
	}
	done, err := b.eraser(nil).Run(t.Context())
	if !errors.Is(err, models.ErrNotFound) || done.Posts != 1 {
		t.Errorf("%+v, %v; want the other post erased, and an error", done, err)
	}
	if log, err := b.docs.ForgetLog(t.Context(), "weibo.n00003", 1); err != nil || len(log) != 1 || log[0].Receipt != nil {
		t.Errorf("log %+v, %v; want no receipt", log, err)
	}
	if err := os.Rename(aside, lost); err != nil {
		t.Fatal(err)
	}
	b.erases(t)
	b.settled(t, 8)
}

// TestEraseRefusesDamage: a part that isn't what its books say is not written over.
func TestEraseRefusesDamage(t *testing.T) {
	b := setupErase(t)
	b.forget(t, "weibo", 3)
	parts, err := b.docs.Parts(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		part.Checksum++
		part.Loads++ // as what is booked anew
		if err := b.docs.MovePart(t.Context(), part, models.PartVerified); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.eraser(nil).Run(t.Context()); err == nil || models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v, want a permanent mismatch", err)
	}
	if after, err := b.docs.Parts(t.Context(), "", 0); err != nil || len(after) != len(parts) {
		t.Errorf("%d parts, %v; want them left alone", len(after), err)
	}
}

// TestForgetWhileBuilding: a post is forgotten at each point of the builder's way.
func TestForgetWhileBuilding(t *testing.T) {
	for _, at := range []string{"part.assigned", "part.written", "part.loaded", "part.verified"} {
		t.Run(at, func(t *testing.T) {
			b := setup(t)
			b.now = time.Now()
			old := b.now.AddDate(0, 0, -40)
			b.publish(t, 1, "plain", old)
			b.publish(t, 2, "plain", old)
			once := sync.OnceFunc(func() {
				if _, err := b.docs.Forget(t.Context(), []models.Deletion{
					{Source: "weibo", NativeID: "p001", Act: models.Delete, By: "author", At: b.now},
				}); err != nil {
					t.Error(err)
				}
			})
			if _, err := b.builder(func(p *history.Params) {
				p.Crash = func(name string) {
					if name == at {
						once()
					}
				}
			}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.builder(nil).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.erases(t)
			parts, err := b.docs.Parts(t.Context(), "", 0)
			if err != nil || len(parts) != 1 || parts[0].Rows != 1 || parts[0].State != models.PartVerified {
				t.Fatalf("parts %+v, %v; want one with the other post", parts, err)
			}
			rows, err := b.files.Read(t.Context(), parts[0])
			if err != nil || len(rows) != 1 || rows[0].Post != "weibo.p002" {
				t.Errorf("rows %+v, %v", rows, err)
			}
			if n := b.countFiles(t); n != 1 {
				t.Errorf("%d files; the one with the forgotten post must be gone", n)
			}
		})
	}
}

// TestTombstonesAreReduced: a day after the erasure only a hash is left.
func TestTombstonesAreReduced(t *testing.T) {
	b := setup(t)
	b.now = time.Now()
	b.publish(t, 1, "plain", b.now)
	done, err := b.docs.Forget(t.Context(), []models.Deletion{{Source: "weibo", NativeID: "p001", Act: models.Delete, By: "author", At: b.now}})
	if err != nil || done.Deleted != 1 {
		t.Fatal(done, err)
	}
	post, _, err := b.docs.Post(t.Context(), "weibo.p001")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.docs.Clean(t.Context(), post.ID, post.Rev); err != nil {
		t.Fatal(err)
	}
	if done := b.erases(t); done.Posts != 1 || done.Reduced != 0 {
		t.Errorf("%+v; what was under way may still write", done)
	}
	b.now = b.now.Add(25 * time.Hour)
	if done := b.erases(t); done.Reduced != 1 {
		t.Errorf("%+v, want the tombstone reduced", done)
	}
	if _, _, err := b.docs.Post(t.Context(), "weibo.p001"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	got, err := b.docs.Admit(t.Context(), []models.Admission{{
		Post: models.Post{ID: "weibo.p001", Source: "weibo", Text: "again"}, Run: models.NewRun("weibo.p001", "plain", "v1", models.Normal, b.now, time.Minute),
	}})
	if err != nil || got[0].Result != models.Refused {
		t.Errorf("%+v, %v; want it refused", got, err)
	}
}
