package answers

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"weft/internal/servers"
	"weft/storage/elastic"
	"weft/storage/sqlite"
	"weft/storage/storagetest"
)

// posts are how many made-up posts search is asked about.
const posts = 300

func TestSearch(t *testing.T) {
	q := readQuestions(t)
	t.Run("sqlite", func(t *testing.T) {
		s, err := sqlite.OpenSearch(t.Context(), filepath.Join(t.TempDir(), "search.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if *update {
			got := askSearch(t, s, q.Search)
			save(t, func(g *golden) { g.Search = got })
		}
		checkSearch(t, s, q.Search)
	})
	t.Run("elasticsearch", func(t *testing.T) {
		none := 0
		s, err := elastic.Open(t.Context(), servers.Indices(t, servers.URL(t, servers.Elastic)), elastic.Options{Refresh: true, Replicas: &none})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		checkSearch(t, s, q.Search)
	})
}

func checkSearch(t *testing.T, s storagetest.SearchStore, questions []storagetest.SearchQuestion) {
	t.Helper()
	want := readAnswers(t).Search
	for name, got := range askSearch(t, s, questions) {
		compare(t, want, name, got)
	}
}

// askSearch fills the store, and asks everything.
func askSearch(t *testing.T, s storagetest.SearchStore, questions []storagetest.SearchQuestion) map[string]searchAnswer {
	t.Helper()
	var put sync.WaitGroup
	for i, d := range storagetest.SearchDocs(posts) {
		d.CreatedAt = d.CreatedAt.AddDate(0, -(i % 4), 0) // over four months, and with them over four indices
		put.Go(func() {
			if err := s.Put(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
	}
	put.Wait()
	answers := map[string]searchAnswer{}
	for _, q := range questions {
		a, err := s.Search(t.Context(), q.Query())
		if err != nil {
			t.Fatalf("%s: %v", q.Name, err)
		}
		got := searchAnswer{Total: a.Total, Facets: a.Facets}
		for _, hit := range a.Hits {
			got.Hits = append(got.Hits, hit.ID)
		}
		if q.Order == "any" {
			slices.Sort(got.Hits)
		}
		answers[q.Name] = got
	}
	return answers
}
