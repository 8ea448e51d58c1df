package storagetest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

// likeDocs lie on a quarter of a circle, a degree and a half apart, in an order that
// neither ids nor dates have; every third is of another space, and two have no embedding.
func likeDocs() []models.SearchDoc {
	docs := SearchDocs(40)
	for i := range docs {
		angle := float64(i) * 1.5 * math.Pi / 180
		docs[i].Embedding = models.PackVector([]float32{float32(7 * math.Cos(angle)), float32(7 * math.Sin(angle)), 0})
		docs[i].Space = "m@1"
		if i%3 == 2 {
			docs[i].Space = "m@2"
		}
		if i > 37 {
			docs[i].Embedding, docs[i].Space = "", ""
		}
	}
	return docs
}

// searchLike: the nearest come first, without the one asked about, of its space
// alone, and narrowed like any search.
func searchLike(t *testing.T, s SearchStore) {
	docs := likeDocs()
	fillSearch(t, s, docs)
	ids := func(q models.SearchQuery) []string {
		t.Helper()
		a, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("Search %+v: %v", q, err)
		}
		if a.Total != int64(len(a.Hits)) || a.Next != "" {
			t.Errorf("Search %+v: total %d of %d hits, next %q", q, a.Total, len(a.Hits), a.Next)
		}
		var out []string
		for _, h := range a.Hits {
			out = append(out, h.ID)
		}
		return out
	}
	want := func(from int, more func(models.SearchDoc) bool, n int) []string {
		var out []string
		for d := 1; d < len(docs) && len(out) < n; d++ {
			i := from + d
			if i < 38 && docs[i].Space == docs[from].Space && more(docs[i]) {
				out = append(out, docs[i].ID)
			}
		}
		return out
	}
	all := func(models.SearchDoc) bool { return true }
	if diff := cmp.Diff(want(0, all, 5), ids(models.SearchQuery{Like: docs[0].ID, Limit: 5})); diff != "" {
		t.Errorf("the five nearest (-want +got)\n%s", diff)
	}
	red := func(d models.SearchDoc) bool { return len(d.Attributes) > 0 && d.Attributes[0].Value == "red" }
	got := ids(models.SearchQuery{Like: docs[0].ID, Attributes: map[string][]string{"color": {"red"}}})
	if diff := cmp.Diff(want(0, red, 20), got); diff != "" || len(got) == 0 {
		t.Errorf("the red ones (-want +got)\n%s", diff)
	}
	if got := ids(models.SearchQuery{Like: docs[0].ID, Text: "nowhere"}); len(got) != 0 {
		t.Errorf("with a word that none has: %v", got)
	}
	succeed(t, s.Delete(t.Context(), docs[1].ID, docs[1].Version+1))
	moved := docs[3]
	moved.Version, moved.Embedding = moved.Version+1, models.PackVector([]float32{0, 0, 1})
	succeed(t, s.Put(t.Context(), moved))
	if got, rest := ids(models.SearchQuery{Like: docs[0].ID, Limit: 3}), want(4, all, 2); got[0] != docs[4].ID || got[1] != docs[6].ID {
		t.Errorf("after a deletion and a change: %v, want %s and then %v", got, docs[4].ID, rest)
	}
	searchLikeRefuses(t, s, docs)
}

func searchLikeRefuses(t *testing.T, s SearchStore, docs []models.SearchDoc) {
	t.Helper()
	if _, err := s.Search(t.Context(), models.SearchQuery{Like: "nobody.1"}); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("like one that isn't there: %v", err)
	}
	if _, err := s.Search(t.Context(), models.SearchQuery{Like: docs[39].ID}); !errors.Is(err, models.ErrNoEmbedding) || models.ClassOf(err) != models.Permanent {
		t.Errorf("like one without an embedding: %v", err)
	}
	for _, q := range []models.SearchQuery{{Sort: "newest"}, {After: "x"}, {Facets: []string{"source"}}} {
		q.Like = docs[0].ID
		if _, err := s.Search(t.Context(), q); err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v", fmt.Sprintf("%+v", q), err)
		}
	}
}
