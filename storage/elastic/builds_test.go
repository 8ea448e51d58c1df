package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// rebuilt is a store whose build of this number serves.
func rebuilt(t *testing.T, docs ...models.SearchDoc) *Search {
	t.Helper()
	s := openTest(t)
	put(t, s, docs...)
	begin(t, s, 2)
	put(t, s, docs...)
	if err := s.FinishBuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func begin(t *testing.T, s *Search, want int) {
	t.Helper()
	if n, err := s.BeginBuild(t.Context()); err != nil || n != want {
		t.Fatalf("BeginBuild = %d, %v; want %d", n, err, want)
	}
}

// takeOver lets the build under way serve, and drops the old one.
func takeOver(t *testing.T, s *Search, old int) {
	t.Helper()
	if err := s.FinishBuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.DropBuild(t.Context(), old); err != nil {
		t.Fatal(err)
	}
}

// A program that still knows of a build that was given up makes no index of its
// name by a deletion: it would have no mapping, and the next build would use it.
func TestDeleteInAnAbandonedBuild(t *testing.T) {
	ctx := t.Context()
	s := openTest(t)
	put(t, s, inMonth(1, "a"))
	begin(t, s, 2)
	late := openPrefix(t, s.prefix)
	if m, _ := late.seenMonths(ctx); m.next != 2 {
		t.Fatalf("the other program sees build %d under way, want 2", m.next)
	}
	if err := s.DropBuild(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := late.Delete(ctx, "a", 2); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantAliases(t, s, map[string][]string{"-v1-2026-01": {"", "-write-2026-01"}})
}

// A month that is born in the moment a build takes over is one of the old
// build, and serves on when that is dropped.
func TestMonthBornAtTheSwap(t *testing.T) {
	ctx := t.Context()
	s := rebuilt(t, inMonth(1, "a"))
	// A program saw build 1 serve, and makes the month for it only now.
	if err := s.create(ctx, 1, "2026-02", s.writeAlias("2026-02"), s.prefix); err != nil {
		t.Fatal(err)
	}
	put(t, openPrefix(t, s.prefix), inMonth(2, "b"))
	if err := s.DropBuild(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "b"); err != nil {
		t.Errorf("Get of a post that was put after the swap: %v", err)
	}
	// The next build takes it over, and then it goes.
	begin(t, s, 3)
	put(t, s, inMonth(1, "a"), inMonth(2, "b"))
	takeOver(t, s, 2)
	want := map[string][]string{"-v3-2026-01": {"", "-write-2026-01"}, "-v3-2026-02": {"", "-write-2026-02"}}
	wantAliases(t, s, want)
}

// A month that is born for a build under way in the moment it takes over keeps
// the alias of that time, which must not be in the next build's way.
func TestNextMonthBornAtTheSwap(t *testing.T) {
	ctx := t.Context()
	for _, serves := range []bool{true, false} {
		t.Run(fmt.Sprint("serves ", serves), func(t *testing.T) {
			s := rebuilt(t, inMonth(1, "a"))
			if err := s.create(ctx, 2, "2026-02", s.nextAlias("2026-02")); err != nil {
				t.Fatal(err)
			}
			if serves {
				put(t, openPrefix(t, s.prefix), inMonth(2, "b"))
			}
			begin(t, s, 3)
			put(t, s, inMonth(1, "a"), inMonth(2, "b"), inMonth(2, "c"))
			takeOver(t, s, 2)
			want := map[string][]string{"-v3-2026-01": {"", "-write-2026-01"}, "-v3-2026-02": {"", "-write-2026-02"}}
			wantAliases(t, s, want)
			if n, err := s.Count(ctx); err != nil || n != 3 {
				t.Errorf("Count = %d, %v; want 3", n, err)
			}
		})
	}
}

// What only the build under way holds is deleted there: the old one may have
// lost it, or remember a deletion that a restored document store knows nothing of.
func TestDeleteOnlyInTheNextBuild(t *testing.T) {
	ctx := t.Context()
	s := openTest(t)
	put(t, s, inMonth(1, "a"), inMonth(1, "b"))
	if err := s.Delete(ctx, "a", 9); err != nil {
		t.Fatal(err)
	}
	begin(t, s, 2)
	put(t, s, inMonth(1, "a"), inMonth(1, "b"))
	if _, err := s.GetIn(ctx, 2, "a", inMonth(1, "a").CreatedAt); err != nil {
		t.Fatalf("the new build lacks it: %v", err)
	}
	if err := s.Delete(ctx, "a", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetIn(ctx, 2, "a", inMonth(1, "a").CreatedAt); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("deleted, the new build still has it: %v", err)
	}
}

// A reader of pages goes on when the build under his cursor was dropped.
func TestPagesAcrossBuilds(t *testing.T) {
	ctx := t.Context()
	for _, sort := range []string{"newest", "relevance", "likes"} {
		t.Run(sort, func(t *testing.T) {
			s := openTest(t)
			docs := []models.SearchDoc{inMonth(1, "a"), inMonth(1, "b"), inMonth(1, "c")}
			put(t, s, docs...)
			q := models.SearchQuery{Text: "silk", Sort: sort, Limit: 1}
			ids := map[string]bool{}
			for n := 0; ; n++ {
				got, err := s.Search(ctx, q)
				if err != nil {
					t.Fatalf("page %d: %v", n, err)
				}
				for _, h := range got.Hits {
					ids[h.ID] = true
				}
				if q.After = got.Next; q.After == "" {
					break
				}
				if n == 0 {
					begin(t, s, 2)
					put(t, s, docs...)
					if err := errors.Join(s.FinishBuild(ctx), s.DropBuild(ctx, 1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if len(ids) != 3 {
				t.Errorf("it saw %v, want all three", ids)
			}
		})
	}
}

// A month that was looked at when the program was stopped takes writes again.
func TestDropEmptyInterrupted(t *testing.T) {
	s := openTest(t)
	put(t, s, inMonth(1, "a"))
	index := s.indexName(1, "2026-01")
	block := func(on any) {
		req := esapi.IndicesPutSettingsRequest{Index: []string{index}, Body: body(object{"index.blocks.write": on})}
		if err := s.client.do(t.Context(), req, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.client.do(t.Context(), esapi.IndicesRefreshRequest{Index: []string{index}}, nil); err != nil {
		t.Fatal(err)
	}
	block(true) // and died
	if got, err := s.DropEmpty(t.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil || len(got) != 0 {
		t.Errorf("DropEmpty = %v, %v", got, err)
	}
	if err := s.Put(t.Context(), inMonth(1, "b")); err != nil {
		t.Errorf("Put after the next pass: %v", err)
	}
}

// A program that is told to end while it looks opens the month before it goes.
func TestDropEmptyCancelled(t *testing.T) {
	s := openTest(t)
	put(t, s, inMonth(1, "a"))
	if err := s.Delete(t.Context(), "a", 2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.client.transport = &cancelling{s.client.transport, cancel}
	if _, err := s.DropEmpty(ctx, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); !errors.Is(err, context.Canceled) {
		t.Fatalf("DropEmpty = %v, want that it was cancelled", err)
	}
	if err := s.Put(t.Context(), inMonth(1, "b")); err != nil {
		t.Errorf("Put: %v", err)
	}
}

// cancelling ends a caller's context once a month is blocked.
type cancelling struct {
	esapi.Transport
	cancel func()
}

func (c *cancelling) Perform(r *http.Request) (*http.Response, error) {
	res, err := c.Transport.Perform(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/_settings") {
		c.cancel()
	}
	return res, err
}
