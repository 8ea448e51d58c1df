package history_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/storage/blobs"
	"weft/storage/history"
	"weft/storage/parquet"
	"weft/storage/sqlite"
	"weft/storage/storagetest"
)

// bundle is a builder's surroundings, all real.
type bundle struct {
	docs  *sqlite.Documents
	files *parquet.Parts
	dir   string
	rows  []models.Row
	now   time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{dir: filepath.Join(t.TempDir(), "history"), now: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	if b.docs, err = sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.docs.Close() })
	store, err := blobs.Open(t.Context(), "file://"+b.dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	b.files = parquet.New(store)
	return b
}

// stage stages rows of two days and four sources: eight parts of at most 20.
func (b *bundle) stage(t *testing.T) {
	t.Helper()
	for i, source := range []string{"weibo", "tumblr", "bluesky", "pixelfed"} {
		b.rows = append(b.rows, storagetest.HistoryRows(30, source, time.Date(2026, 3, 14+i/2, 0, 0, 0, 0, time.UTC))...)
	}
	if err := b.docs.Stage(t.Context(), b.rows); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) builder(change func(*history.Params)) *history.Builder {
	p := history.Params{Staging: b.docs, Mover: b.docs, Files: b.files, Clock: func() time.Time { return b.now }, MaxRows: 20}
	if change != nil {
		change(&p)
	}
	return history.New(p)
}

// settled checks that every row is in exactly one verified part and nowhere else.
func (b *bundle) settled(t *testing.T, wantParts int) {
	t.Helper()
	parts, err := b.docs.Parts(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys, want []string
	for _, p := range parts {
		if p.State != models.PartVerified || p.Bytes == 0 {
			t.Errorf("part %s is %s with %d bytes", p.ID, p.State, p.Bytes)
		}
		rows, err := b.files.Read(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			keys = append(keys, fingerprint(rows[i]))
		}
	}
	for i := range b.rows {
		want = append(want, fingerprint(b.rows[i]))
	}
	slices.Sort(keys)
	slices.Sort(want)
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("rows in parts: %.2000s", diff)
	}
	if n := b.countFiles(t); len(parts) != wantParts || n != wantParts {
		t.Errorf("%d parts, %d files; want %d", len(parts), n, wantParts)
	}
}

func fingerprint(r models.Row) string {
	return fmt.Sprintf("%s %016x", r.Key(), models.Checksum([]models.Row{r}))
}

func (b *bundle) countFiles(t *testing.T) int {
	t.Helper()
	n := 0
	if err := filepath.WalkDir(b.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOnePass(t *testing.T) {
	b := setup(t)
	b.stage(t)
	got, err := b.builder(nil).Run(t.Context())
	want := history.Pass{Assigned: 8, Written: 8, Loaded: 8, Verified: 8, Rows: 120}
	if err != nil || got != want {
		t.Fatalf("Run = %+v, %v; want %+v", got, err, want)
	}
	b.settled(t, 8)
	if got, err := b.builder(nil).Run(t.Context()); err != nil || got != (history.Pass{}) {
		t.Errorf("a second pass = %+v, %v", got, err)
	}
}

func TestYoungRowsWait(t *testing.T) {
	b := setup(t)
	b.stage(t)
	young := func(p *history.Params) { p.MinAge = 60 * 24 * time.Hour }
	if got, err := b.builder(young).Run(t.Context()); err != nil || got != (history.Pass{}) {
		t.Fatalf("Run = %+v, %v; want nothing", got, err)
	}
	b.now = b.now.AddDate(0, 3, 0)
	if got, err := b.builder(young).Run(t.Context()); err != nil || got.Rows != 120 {
		t.Errorf("Run later = %+v, %v", got, err)
	}
}

// A builder that dies at any point is taken over by the next one, with the same
// parts: nothing is lost and nothing is written twice.
func TestCrashes(t *testing.T) {
	for _, point := range []string{"part.assigned", "part.written", "part.loaded", "part.verified"} {
		for _, times := range []int{1, 3} {
			t.Run(fmt.Sprint(point, times), func(t *testing.T) {
				b := setup(t)
				b.stage(t)
				left := times
				dying := b.builder(func(p *history.Params) {
					p.Crash = func(name string) {
						if name == point {
							if left--; left == 0 {
								panic("crash at " + name)
							}
						}
					}
				})
				if !crash(t, dying) {
					t.Fatalf("it never came by %s", point)
				}
				if _, err := b.builder(nil).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.settled(t, 8)
			})
		}
	}
}

func crash(t *testing.T, b *history.Builder) (died bool) {
	defer func() { died = recover() != nil }()
	if _, err := b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return false
}

func TestManyBuilders(t *testing.T) {
	b := setup(t)
	b.stage(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	verified := 0
	for range 4 {
		wg.Go(func() {
			got, err := b.builder(nil).Run(t.Context())
			if err != nil {
				t.Errorf("Run: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			verified += got.Rows
		})
	}
	wg.Wait()
	if verified != 120 {
		t.Errorf("%d rows were verified, want each once", verified)
	}
	b.settled(t, 8)
}

// lying changes what is read back from one part.
type lying struct {
	*parquet.Parts
	about string
}

func (l *lying) Verify(ctx context.Context, part models.Part) (int, uint64, error) {
	n, sum, err := l.Parts.Verify(ctx, part)
	if part.Path() == l.about {
		return n - 1, sum + 1, err
	}
	return n, sum, err
}

func TestMismatchStaysLoaded(t *testing.T) {
	b := setup(t)
	b.stage(t)
	lie := &lying{Parts: b.files}
	builder := b.builder(func(p *history.Params) { p.Files = lie; p.Crash = func(string) {} })
	var about models.Part
	halt := b.builder(func(p *history.Params) {
		p.Crash = func(name string) {
			if name == "part.written" {
				panic("stop")
			}
		}
	})
	crash(t, halt)
	staged, err := b.docs.Parts(t.Context(), models.PartStaged, 0)
	if err != nil {
		t.Fatal(err)
	}
	about = staged[3]
	lie.about = about.Path()
	for range 2 { // every pass says so again
		_, err = builder.Run(t.Context())
		if err == nil || models.ClassOf(err) != models.Permanent {
			t.Fatalf("Run = %v, want a permanent error", err)
		}
		for _, word := range []string{about.ID, fmt.Sprintf("holds %d rows with checksum %016x", about.Rows-1, about.Checksum+1), fmt.Sprintf("assigned were %d with %016x", about.Rows, about.Checksum)} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("error %q lacks %q", err, word)
			}
		}
	}
	loaded, err := b.docs.Parts(t.Context(), models.PartLoaded, 0)
	if err != nil || len(loaded) != 1 || loaded[0].ID != about.ID {
		t.Errorf("loaded = %+v, %v; want only %s", loaded, err, about.ID)
	}
	rows, err := b.docs.PartRows(t.Context(), about.ID)
	if err != nil || len(rows) != about.Rows || len(rows[0].Body) == 0 {
		t.Errorf("the staged rows must stay whole: %d rows, %v", len(rows), err)
	}
	if _, err := b.builder(nil).Run(t.Context()); err != nil {
		t.Error(err)
	}
	b.settled(t, 8)
}

// gone is a document store that is away.
type gone struct{ *sqlite.Documents }

func (gone) Assign(context.Context, string, int, time.Time) (models.Part, bool, error) {
	return models.Part{}, false, models.Faultf(models.Unavailable, "documents: refused")
}

func TestStagingAway(t *testing.T) {
	b := setup(t)
	b.stage(t)
	_, err := b.builder(func(p *history.Params) { p.Staging = gone{b.docs} }).Run(t.Context())
	if models.ClassOf(err) != models.Unavailable || err == nil {
		t.Errorf("Run = %v, want unavailable", err)
	}
}
