package history_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/models"
	"weft/storage/history"
)

func (b *bundle) compactor(change func(*history.CompactorParams)) *history.Compactor {
	p := history.CompactorParams{Manifest: b.docs, Files: b.files, Age: time.Hour, MinParts: 2, Clock: func() time.Time { return b.now }}
	if change != nil {
		change(&p)
	}
	return history.NewCompactor(p)
}

// setupCompact is a history of 120 rows in forty parts, ten of each source, two
// hours old, in a table as well.
func setupCompact(t *testing.T) (*bundle, *table) {
	t.Helper()
	b := setup(t)
	b.now = time.Now()
	b.stage(t)
	w := newTable(b.files)
	if _, err := b.builder(func(p *history.Params) { p.MaxRows, p.Warehouse = 3, w }).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.settled(t, 40)
	b.now = b.now.Add(2 * time.Hour)
	return b, w
}

func TestCompact(t *testing.T) {
	b, w := setupCompact(t)
	young := func(p *history.CompactorParams) { p.Age = 3 * time.Hour }
	if done, err := b.compactor(young).Run(t.Context()); err != nil || done != (history.Compacted{}) {
		t.Fatalf("%+v, %v; want young parts left alone", done, err)
	}
	few := func(p *history.CompactorParams) { p.MinParts = 11 }
	if done, err := b.compactor(few).Run(t.Context()); err != nil || done != (history.Compacted{}) {
		t.Fatalf("%+v, %v; want few parts left alone", done, err)
	}
	old, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	jobs := len(w.order)
	done, err := b.compactor(func(p *history.CompactorParams) { p.Warehouse = w }).Run(t.Context())
	if err != nil || done.Parts != 40 || done.Merged != 4 || done.Rows != 120 || done.Bytes == 0 {
		t.Fatalf("%+v, %v; want one part of each source", done, err)
	}
	if len(w.order) != jobs+1 {
		t.Errorf("%d load jobs, want one", len(w.order)-jobs)
	}
	if done, err := b.eraser(func(p *history.EraserParams) { p.Warehouse = w }).Run(t.Context()); err != nil || done != (history.Erased{}) {
		t.Fatal(done, err)
	}
	b.settled(t, 4)
	b.loaded(t, w)
	merged, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range old {
		if !slices.ContainsFunc(merged, func(p models.Part) bool { return p.Holds(part.ID) && p.Day == part.Day && p.Source == part.Source }) {
			t.Errorf("no part remembers %s", part.ID)
		}
	}
	b.now = b.now.Add(2 * time.Hour)
	if done, err := b.compactor(nil).Run(t.Context()); err != nil || done != (history.Compacted{}) {
		t.Errorf("a second pass = %+v, %v", done, err)
	}
}

// TestCompactToSize: parts are merged up to the size, and larger ones left alone.
func TestCompactToSize(t *testing.T) {
	b, _ := setupCompact(t)
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	size := parts[0].Bytes
	done, err := b.compactor(func(p *history.CompactorParams) { p.TargetBytes = 5 * size }).Run(t.Context())
	if err != nil || done.Merged != 8 || done.Parts != 40 {
		t.Errorf("%+v, %v; want two of each source", done, err)
	}
	b.erases(t)
	b.settled(t, 8)
	b.now = b.now.Add(2 * time.Hour)
	done, err = b.compactor(func(p *history.CompactorParams) { p.TargetBytes = size }).Run(t.Context())
	if err != nil || done != (history.Compacted{}) {
		t.Errorf("%+v, %v; want large parts left alone", done, err)
	}
}

func TestCompactCrashes(t *testing.T) {
	for _, at := range []string{"compact.reserved", "compact.written", "compact.loaded", "compact.replaced"} {
		for hit := 1; hit <= 2; hit++ {
			if at == "compact.loaded" && hit == 2 {
				continue // there is one job
			}
			t.Run(fmt.Sprintf("%s %d", at, hit), func(t *testing.T) {
				b, w := setupCompact(t)
				left := hit
				func() {
					defer func() { _ = recover() }()
					_, err := b.compactor(func(p *history.CompactorParams) {
						p.Warehouse = w
						p.Crash = func(name string) {
							if name == at {
								if left--; left == 0 {
									panic("died")
								}
							}
						}
					}).Run(t.Context())
					t.Errorf("it never came by %s: %v", at, err)
				}()
				b.forget(t, "weibo", 3)
				load := func(p *history.EraserParams) { p.Warehouse = w }
				if _, err := b.eraser(load).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := b.compactor(func(p *history.CompactorParams) { p.Warehouse, p.Age = w, 0 }).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.now = b.now.Add(7 * time.Hour) // what the crash left
				if _, err := b.eraser(load).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.settled(t, 4)
				b.loaded(t, w)
			})
		}
	}
}

// TestCompactLeavesDamage: a merge of files that aren't what the books say is not made.
func TestCompactLeavesDamage(t *testing.T) {
	b, _ := setupCompact(t)
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	bad := parts[0]
	bad.Checksum++
	bad.Loads++ // as what is booked anew
	if err := b.docs.MovePart(t.Context(), bad, models.PartVerified); err != nil {
		t.Fatal(err)
	}
	done, err := b.compactor(nil).Run(t.Context())
	if err == nil || models.ClassOf(err) != models.Permanent || done.Merged != 3 {
		t.Errorf("%+v, %v; want the other three sources merged", done, err)
	}
	bad.Checksum--
	bad.Loads++ // as what is booked anew
	if err := b.docs.MovePart(t.Context(), bad, models.PartVerified); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.dir + "/" + bad.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.compactor(nil).Run(t.Context()); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("%v, want the missing file told", err)
	}
}

// TestReadersMissNothing: whoever reads by the manifest while parts are built,
// merged and rewritten, sees every row once.
func TestReadersMissNothing(t *testing.T) {
	b, w := setupCompact(t)
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	var named, posts []string
	for _, p := range parts {
		named = append(named, p.ID)
	}
	kept := map[string]bool{}
	for i, r := range b.rows {
		posts = append(posts, r.Post)
		if i%30 >= 20 {
			kept[r.Key()] = true // these are never forgotten
		}
	}
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			r := history.NewReader(b.docs, b.files)
			for n := 0; ; n++ {
				checkRead(t, r, named, posts, kept)
				select {
				case <-stop:
					if n > 0 {
						return
					}
				default:
				}
			}
		})
	}
	for round := range 4 {
		b.forget(t, []string{"weibo", "tumblr", "bluesky", "pixelfed"}[round], round, round+5, round+10)
		for range 2 {
			writers.Go(func() {
				_, err := b.eraser(func(p *history.EraserParams) { p.Warehouse = w }).Run(t.Context())
				if err != nil && !errors.Is(err, models.ErrConflict) && !errors.Is(err, models.ErrNotFound) {
					t.Error(err)
				}
			})
			writers.Go(func() {
				_, err := b.compactor(func(p *history.CompactorParams) { p.Warehouse, p.Age, p.TargetBytes = w, 0, int64(20_000*(round+1)) }).Run(t.Context())
				if err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
	}
	close(stop)
	readers.Wait()
	load := func(p *history.EraserParams) { p.Warehouse = w }
	for range 2 {
		if _, err := b.eraser(load).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(7 * time.Hour)
	}
	b.loaded(t, w)
	left, err := b.docs.Parts(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) >= 40 {
		t.Errorf("%d parts: nothing was merged", len(left))
	}
	b.settled(t, len(left))
}

func checkRead(t *testing.T, r *history.Reader, named, posts []string, kept map[string]bool) {
	rows, missing, err := r.Find(t.Context(), named, posts)
	if err != nil || len(missing) > 0 {
		t.Errorf("Find = %v, missing %v", err, missing)
	}
	seen := map[string]int{}
	for i := range rows {
		seen[rows[i].Key()]++
	}
	for key := range kept {
		if seen[key] != 1 {
			t.Errorf("%s was seen %d times", key, seen[key])
		}
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", key, n)
		}
	}
}

// TestReaderTellsWhatIsMissing: a part that was never there, and a lost file.
func TestReaderTellsWhatIsMissing(t *testing.T) {
	b, _ := setupCompact(t)
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.dir + "/" + parts[1].Path()); err != nil {
		t.Fatal(err)
	}
	rows, missing, err := history.NewReader(b.docs, b.files).Find(context.Background(), []string{parts[0].ID, parts[1].ID, "nobody"}, []string{b.rows[0].Post})
	slices.Sort(missing)
	if want := []string{parts[1].Path(), "part nobody"}; err != nil || !slices.Equal(missing, want) || len(rows) > 1 {
		t.Errorf("%d rows, missing %v, %v; want %v", len(rows), missing, err, want)
	}
}
