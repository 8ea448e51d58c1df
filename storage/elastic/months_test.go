package elastic

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

func put(t *testing.T, s *Search, docs ...models.SearchDoc) {
	t.Helper()
	for id, err := range putAll(t.Context(), s, docs...) {
		if err != nil {
			t.Fatalf("Put %s: %v", id, err)
		}
	}
}

func inMonth(month int, id string) models.SearchDoc {
	return models.SearchDoc{ID: id, Version: 1, Text: "silk", CreatedAt: time.Date(2026, time.Month(month), 3, 0, 0, 0, 0, time.UTC)}
}

// aliases returns the aliases of each of a store's months.
func aliases(t *testing.T, s *Search) map[string][]string {
	t.Helper()
	var got map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	if err := s.client.do(t.Context(), esapi.IndicesGetAliasRequest{Index: []string{s.prefix + "-v*"}}, &got); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for index, is := range got {
		out[index[len(s.prefix):]] = slices.Sorted(maps.Keys(is.Aliases))
		for i, a := range out[index[len(s.prefix):]] {
			out[index[len(s.prefix):]][i] = a[len(s.prefix):]
		}
	}
	return out
}

func wantAliases(t *testing.T, s *Search, want map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(want, aliases(t, s)); diff != "" {
		t.Errorf("indices and aliases (-want +got): %s", diff)
	}
}

// Many programs that meet the first posts of some months make each index once.
func TestMonthsMadeAtOnce(t *testing.T) {
	first := openTest(t)
	stores := []*Search{first, openPrefix(t, first.prefix), openPrefix(t, first.prefix)}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if err := stores[i%3].Put(t.Context(), inMonth(1+i%3, fmt.Sprint("d", i))); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	wg.Wait()
	want := map[string][]string{
		"-v1-2026-01": {"", "-write-2026-01"}, "-v1-2026-02": {"", "-write-2026-02"}, "-v1-2026-03": {"", "-write-2026-03"},
	}
	wantAliases(t, first, want)
	if n, err := first.Count(t.Context()); err != nil || n != 30 {
		t.Errorf("Count = %d, %v", n, err)
	}
}

// A late write of an older version brings back nothing that another program
// deleted before the month was there.
func TestDeletedBeforeItsMonth(t *testing.T) {
	a := openTest(t)
	b := openPrefix(t, a.prefix)
	if err := a.Delete(t.Context(), "x", 5); err != nil {
		t.Fatal(err)
	}
	late := inMonth(4, "x")
	late.Version = 4
	put(t, b, late)
	if _, err := a.Get(t.Context(), "x"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("Get = %v, want not found", err)
	}
	late.Version = 5
	put(t, b, late)
	if d, err := a.Get(t.Context(), "x"); err != nil || d.Version != 5 {
		t.Errorf("Get = version %d, %v", d.Version, err)
	}
}

func TestGoneListShrinks(t *testing.T) {
	s := openTest(t)
	for i := range 5 {
		if err := s.Delete(t.Context(), fmt.Sprint("x", i), 3); err != nil {
			t.Fatal(err)
		}
	}
	refresh := func() {
		if err := s.client.do(t.Context(), esapi.IndicesRefreshRequest{Index: []string{s.goneIndex()}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	if n, err := s.dropGone(t.Context(), time.Now().Add(-time.Minute)); err != nil || n != 0 {
		t.Errorf("%d young entries left the list, %v", n, err)
	}
	if n, err := s.dropGone(t.Context(), time.Now().Add(time.Minute)); err != nil || n != 5 {
		t.Errorf("%d old entries left the list, %v; want 5", n, err)
	}
	refresh()
	if n, err := s.dropGone(t.Context(), time.Now().Add(time.Minute)); err != nil || n != 0 {
		t.Errorf("%d entries were left, %v", n, err)
	}
}

func TestDropEmpty(t *testing.T) {
	s := openTest(t)
	put(t, s, inMonth(1, "a"), inMonth(2, "b"), inMonth(3, "c"))
	for _, id := range []string{"a", "c"} {
		if err := s.Delete(t.Context(), id, 2); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.DropEmpty(t.Context(), time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC))
	if diff := cmp.Diff([]string{s.prefix + "-v1-2026-01"}, got); err != nil || diff != "" {
		t.Errorf("DropEmpty: %v; want the empty month that is over: %s", err, diff)
	}
	// Another program still believes in the month, and one that was looked at takes writes again.
	b := inMonth(2, "b")
	b.Version = 2
	put(t, s, inMonth(1, "late"), b)
	if n, err := s.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("Count = %d, %v; want 2", n, err)
	}
}

func TestDroppedMonthIsMadeAgain(t *testing.T) {
	a := openTest(t)
	b := openPrefix(t, a.prefix)
	put(t, a, inMonth(1, "a"))
	put(t, b, inMonth(1, "b"))
	for _, id := range []string{"a", "b"} {
		if err := a.Delete(t.Context(), id, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.DropEmpty(t.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil || len(got) != 1 {
		t.Fatalf("DropEmpty = %v, %v", got, err)
	}
	if err := b.Delete(t.Context(), "a", 2); err != nil {
		t.Errorf("Delete in a month that is gone: %v", err)
	}
	put(t, b, inMonth(1, "again"))
	wantAliases(t, a, map[string][]string{"-v1-2026-01": {"", "-write-2026-01"}})
}

// Search is built anew while others write and delete, and serves all the time.
func TestBuildBeside(t *testing.T) {
	ctx := t.Context()
	s := openTest(t)
	if n, err := s.BeginBuild(ctx); n != 0 || err != nil {
		t.Errorf("BeginBuild of an empty search = %d, %v", n, err)
	}
	put(t, s, inMonth(1, "kept"), inMonth(1, "deleted"), inMonth(2, "changed"))
	old := []models.SearchDoc{inMonth(1, "kept"), inMonth(1, "deleted"), inMonth(2, "changed")} // as the builder read them
	n, err := s.BeginBuild(ctx)
	if err != nil || n != 2 {
		t.Fatalf("BeginBuild = %d, %v; want 2", n, err)
	}
	if again, err := openPrefix(t, s.prefix).BeginBuild(ctx); err != nil || again != 2 {
		t.Errorf("BeginBuild, interrupted and begun again = %d, %v", again, err)
	}
	changed := inMonth(2, "changed")
	changed.Version = 2
	put(t, s, changed, inMonth(3, "new month"))
	if err := s.Delete(ctx, "deleted", 2); err != nil {
		t.Fatal(err)
	}
	put(t, s, old...)
	for _, build := range []int{1, 2} {
		counts, err := s.Counts(ctx, build)
		if diff := cmp.Diff(map[string]int64{"2026-01": 1, "2026-02": 1, "2026-03": 1}, counts); err != nil || diff != "" {
			t.Errorf("build %d: %v %s", build, err, diff)
		}
		if d, err := s.GetIn(ctx, build, "changed", changed.CreatedAt); err != nil || d.Version != 2 {
			t.Errorf("build %d has version %d, %v", build, d.Version, err)
		}
		if _, err := s.GetIn(ctx, build, "deleted", changed.CreatedAt); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("build %d has what was deleted: %v", build, err)
		}
	}
	wantClass(t, "DropBuild of the one that serves", s.DropBuild(ctx, 1), models.Permanent, "it serves")
	takeOver(t, s, 1)
	want := map[string][]string{
		"-v2-2026-01": {"", "-write-2026-01"}, "-v2-2026-02": {"", "-write-2026-02"}, "-v2-2026-03": {"", "-write-2026-03"},
	}
	wantAliases(t, s, want)
	put(t, s, inMonth(4, "later"))
	if n, err := s.Count(ctx); err != nil || n != 4 {
		t.Errorf("Count = %d, %v; want 4", n, err)
	}
	wantClass(t, "FinishBuild again", s.FinishBuild(ctx), models.Permanent, "none is under way")
}

// A program that didn't look since goes on writing and deleting when another
// build has taken over.
func TestBuildTakenOver(t *testing.T) {
	ctx := t.Context()
	s := openTest(t)
	put(t, s, inMonth(1, "a"), inMonth(1, "b"))
	if _, err := s.BeginBuild(ctx); err != nil {
		t.Fatal(err)
	}
	sleepy := openPrefix(t, s.prefix)
	put(t, s, inMonth(1, "a"), inMonth(1, "b"))
	if err := s.FinishBuild(ctx); err != nil {
		t.Fatal(err)
	}
	if m, _ := sleepy.seenMonths(ctx); m.next != 2 {
		t.Fatalf("the other program sees build %d under way, want 2: it is to lag behind", m.next)
	}
	if err := sleepy.Delete(ctx, "a", 2); err != nil {
		t.Errorf("Delete: %v", err)
	}
	put(t, sleepy, inMonth(1, "c"))
	for id, there := range map[string]bool{"a": false, "b": true, "c": true} {
		_, err := s.GetIn(ctx, 2, id, inMonth(1, id).CreatedAt)
		if (err == nil) != there {
			t.Errorf("%s in the build that serves: %v", id, err)
		}
	}
}
