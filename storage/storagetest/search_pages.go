package storagetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

func searchRelevance(t *testing.T, s SearchStore) {
	ctx := t.Context()
	for i := range 40 {
		text := "a long text about the weather, trains and other things " + strings.Repeat("word ", i%7)
		if i%4 == 0 {
			text += " silk"
		}
		succeed(t, s.Put(ctx, models.SearchDoc{ID: fmt.Sprintf("d%02d", i), Version: 1, Text: text, CreatedAt: testDay().Add(time.Duration(i) * time.Hour)}))
	}
	succeed(t, s.Put(ctx, models.SearchDoc{ID: "best", Version: 1, Text: "silk silk silk", CreatedAt: testDay()}))
	q := models.SearchQuery{Text: "silk", Sort: "relevance"}
	all, err := s.Search(ctx, q)
	succeed(t, err)
	if all.Total != 11 || len(all.Hits) != 11 || all.Hits[0].ID != "best" {
		t.Fatalf("Search = total %d, hits %v; want 11, best first", all.Total, hitIDs(all.Hits))
	}
	q.Limit = 3
	if diff := cmp.Diff(hitIDs(all.Hits), hitIDs(allPages(t, s, q))); diff != "" {
		t.Errorf("pages differ from one answer: %s", diff)
	}
	none, err := s.Search(ctx, models.SearchQuery{Sort: "relevance", Limit: 1})
	if err != nil || none.Hits[0].ID != "d39" {
		t.Errorf("relevance without a text = %v, %v; want the newest", hitIDs(none.Hits), err)
	}
}

// searchPaging: whoever pages through while others write sees each document that
// was there all the time once.
func searchPaging(t *testing.T, s SearchStore) {
	docs := SearchDocs(120)
	fillSearch(t, s, docs)
	for _, sort := range []string{"newest", "oldest", "likes"} {
		q := models.SearchQuery{Sort: sort, Limit: 7}
		seen := map[string]int{}
		for page := 0; ; page++ {
			a, err := s.Search(t.Context(), q)
			succeed(t, err)
			for _, h := range a.Hits {
				seen[h.ID]++
			}
			if a.Next == "" {
				break
			}
			q.After = a.Next
			late := docs[(page*31)%len(docs)]
			late.ID = fmt.Sprintf("late.%s.%d", sort, page)
			succeed(t, s.Put(t.Context(), late))
			again := docs[(page*17)%len(docs)] // written again, with another text
			again.Version, again.Text = 100+int64(page), "rewritten"
			succeed(t, s.Put(t.Context(), again))
		}
		for _, d := range docs {
			if seen[d.ID] != 1 {
				t.Errorf("%s: %s was seen %d times", sort, d.ID, seen[d.ID])
			}
		}
		for id, n := range seen {
			if n > 1 {
				t.Errorf("%s: %s was seen %d times", sort, id, n)
			}
		}
	}
}

// searchUncounted: pages without a total are the same pages, and go on from those with one.
func searchUncounted(t *testing.T, s SearchStore) {
	fillSearch(t, s, SearchDocs(60))
	for _, sort := range []string{"newest", "oldest", "likes", "relevance"} {
		q := models.SearchQuery{Sort: sort, Text: "silk", Limit: 3, Facets: []string{"source"}}
		counted, err := s.Search(t.Context(), q)
		succeed(t, err)
		q.Uncounted = true
		a, err := s.Search(t.Context(), q)
		succeed(t, err)
		if a.Total != 0 || counted.Total == 0 {
			t.Errorf("%s: %d uncounted, %d counted", sort, a.Total, counted.Total)
		}
		if diff := cmp.Diff(hitIDs(counted.Hits), hitIDs(a.Hits)); diff != "" {
			t.Errorf("%s: without a total other hits: %s", sort, diff)
		}
		if diff := cmp.Diff(counted.Facets, a.Facets); diff != "" {
			t.Errorf("%s: without a total other facets: %s", sort, diff)
		}
		all := q
		all.Uncounted = false
		q.After, all.After = counted.Next, counted.Next
		if diff := cmp.Diff(hitIDs(allPages(t, s, all)), hitIDs(allPages(t, s, q))); diff != "" {
			t.Errorf("%s: without a total other pages: %s", sort, diff)
		}
	}
}

func searchCursors(t *testing.T, s SearchStore) {
	fillSearch(t, s, SearchDocs(30))
	q := models.SearchQuery{Sources: []string{"weibo"}, Limit: 2}
	first, err := s.Search(t.Context(), q)
	succeed(t, err)
	if first.Next == "" {
		t.Fatal("no next page")
	}
	other := func(change func(*models.SearchQuery)) error {
		q := q
		q.After = first.Next
		change(&q)
		_, err := s.Search(t.Context(), q)
		return err
	}
	for name, change := range map[string]func(*models.SearchQuery){
		"sort":   func(q *models.SearchQuery) { q.Sort = "likes" },
		"source": func(q *models.SearchQuery) { q.Sources = []string{"tumblr"} },
		"text":   func(q *models.SearchQuery) { q.Text = "silk" },
		"likes":  func(q *models.SearchQuery) { q.MinLikes = 3 },
	} {
		if err := other(change); err == nil || !strings.Contains(err.Error(), "another query") || models.ClassOf(err) != models.Permanent {
			t.Errorf("another %s: %v, want a refusal", name, err)
		}
	}
	if err := other(func(q *models.SearchQuery) { q.Limit, q.Facets = 9, []string{"source"} }); err != nil {
		t.Errorf("another page size: %v", err)
	}
	for _, bad := range []string{"x", "!!", "e30", strings.Repeat("A", 5000)} {
		if err := other(func(q *models.SearchQuery) { q.After = bad }); err == nil || !strings.Contains(err.Error(), "no cursor") {
			t.Errorf("cursor %.10q: %v, want a refusal", bad, err)
		}
	}
}

// searchRace: of many writers of one document the newest wins, and each learns of its own success.
func searchRace(t *testing.T, s SearchStore) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				version := int64(1 + (i*7+w*13)%320)
				d := models.SearchDoc{ID: fmt.Sprint("d", i%5), Version: version, Text: fmt.Sprint("v", version)}
				if err := s.Put(t.Context(), d); err != nil {
					t.Errorf("Put: %v", err)
				}
				if got, err := s.Get(t.Context(), d.ID); err != nil || got.Version < version {
					t.Errorf("Get after Put of version %d = %d, %v", version, got.Version, err)
				}
				if _, err := s.Search(t.Context(), models.SearchQuery{Text: d.Text, Facets: []string{"source"}}); err != nil {
					t.Errorf("Search: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.Count(t.Context()); err != nil || n != 5 {
		t.Errorf("Count = %d, %v; want 5", n, err)
	}
}

func searchRefusals(t *testing.T, s SearchStore) {
	many := strings.Repeat("word ", 400)
	for name, q := range map[string]models.SearchQuery{
		`unknown sort "best"; allowed: newest, oldest, relevance, likes`: {Sort: "best"},
		"has 400 words":                  {Text: many},
		"near 91, 0 within 5 m; allowed": {Near: &models.GeoCircle{GeoPoint: models.GeoPoint{Lat: 91}, Meters: 5}},
	} {
		if _, err := s.Search(t.Context(), q); err == nil || !strings.Contains(err.Error(), name) || models.ClassOf(err) != models.Permanent {
			t.Errorf("Search = %v, want %q", err, name)
		}
	}
	if err := s.Put(t.Context(), models.SearchDoc{}); err == nil || models.ClassOf(err) != models.Permanent {
		t.Errorf("Put without an id = %v", err)
	}
	a, err := s.Search(t.Context(), models.SearchQuery{Facets: []string{"color"}})
	if diff := cmp.Diff(models.SearchAnswer{Facets: map[string][]models.FacetCount{"color": nil}}, a); err != nil || diff != "" {
		t.Errorf("Search of nothing: %v %s", err, diff)
	}
}

func allPages(t *testing.T, s SearchStore, q models.SearchQuery) []models.SearchDoc {
	t.Helper()
	var hits []models.SearchDoc
	for {
		a, err := s.Search(t.Context(), q)
		succeed(t, err)
		hits = append(hits, a.Hits...)
		if a.Next == "" {
			return hits
		}
		q.After = a.Next
	}
}

func hitIDs(docs []models.SearchDoc) []string {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return ids
}
