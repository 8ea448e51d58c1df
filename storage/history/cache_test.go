package history_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weft/models"
	"weft/storage/blobs"
	"weft/storage/history"
)

// TestCache: only the days that are asked for are fetched, each file once, and
// what was replaced goes from here, too.
func TestCache(t *testing.T) {
	b, _ := setupCompact(t)
	store, err := blobs.Open(t.Context(), "file://"+b.dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	dir := filepath.Join(t.TempDir(), "cache")
	var fetched []string
	cache := history.NewCache(store, dir, func(path string, _ int64) { fetched = append(fetched, path) })
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Fill(t.Context(), parts, "", "2026-03-14"); models.ClassOf(err) != models.Permanent {
		t.Errorf("without a first day = %v, want a permanent error", err)
	}
	for range 2 {
		got, err := cache.Fill(t.Context(), parts, "2026-03-14", "2026-03-14")
		if err != nil || len(got) != 20 || len(fetched) != 20 {
			t.Fatalf("Fill = %d parts, %v, %d fetched; want 20, each once", len(got), err, len(fetched))
		}
	}
	local, err := os.ReadFile(filepath.Join(dir, fetched[0]))
	if err != nil {
		t.Fatal(err)
	}
	there, err := store.Get(t.Context(), fetched[0])
	if err != nil || !slices.Equal(local, there) {
		t.Errorf("%d bytes here, %d there, %v", len(local), len(there), err)
	}
	if _, err := b.compactor(nil).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.erases(t)
	if _, err := cache.Fill(t.Context(), parts, "2026-03-15", "2026-03-15"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a replaced part = %v, want ErrNotFound", err)
	}
	if parts, err = b.docs.Parts(t.Context(), models.PartVerified, 100); err != nil {
		t.Fatal(err)
	}
	if got, err := cache.Fill(t.Context(), parts, "2026-03-01", "2026-03-31"); err != nil || len(got) != 4 {
		t.Errorf("Fill = %d parts, %v; want all four", len(got), err)
	}
	folder := filepath.Dir(filepath.Join(dir, parts[0].Path()))
	for name, age := range map[string]time.Duration{"part-1.half": time.Minute, "part-2.half": 2 * time.Hour} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, time.Time{}, time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cache.Fill(t.Context(), parts, "2026-03-01", "2026-03-31"); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*.half")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "part-1.half" {
		t.Errorf("half-written copies %v, %v; want the young one, which somebody may be at", left, err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.parquet")); err != nil || len(files) != 4 {
		t.Errorf("%d files, %v; want those of the parts alone", len(files), err)
	}
}
