package elastic

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/models"
	"weft/storage/storagetest"
)

func TestSearchSuite(t *testing.T) {
	storagetest.Search(t, func(t *testing.T) storagetest.SearchStore {
		return openTest(t, func(o *Options) { o.Dims = storagetest.Dims })
	})
}

// A document comes back as it was put, whatever is indexed of it.
func TestDocumentKept(t *testing.T) {
	s := openTest(t, func(o *Options) { o.Dims = 2 })
	likes := int64(1 << 60)
	doc := models.SearchDoc{
		ID: "x.1", Version: 1 << 60, Source: "weibo", URL: "https://example.org", CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 789012345, time.UTC),
		Text: "奢侈品 \u0000 👗", Language: "zh", Hashtags: []string{"a", strings.Repeat("長", 9000)},
		Author: models.Author{ID: "1", Handle: "h", Name: "n", Followers: 3, Location: models.Location{Raw: "Paris?", Country: "FR", City: "Paris", Confidence: 0.1}},
		Counts: models.Counts{Likes: &likes}, Profiles: []string{"p"}, Unchecked: []string{"p"}, Images: []string{"k"}, Flags: []models.Flag{models.Adult},
		Attributes: []models.Attribute{{Name: "color", Value: "navy", Confidence: 0.1234567890123, Share: 0.3, Evidence: models.FromImage, Box: &models.Box{X: 0.1, W: 0.2}, Model: "m", Version: "1"}},
		Embedding:  models.PackVector([]float32{0.1, 0.2}), Space: "m@1",
	}
	put(t, s, doc)
	got, err := s.Get(t.Context(), doc.ID)
	if diff := cmp.Diff(doc, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("Get: %v (-put +got): %s", err, diff)
	}
	a, err := s.Search(t.Context(), models.SearchQuery{Text: "侈品"})
	if err != nil || len(a.Hits) != 1 || !cmp.Equal(doc, a.Hits[0], cmpopts.EquateEmpty()) {
		t.Errorf("Search = %+v, %v", a, err)
	}
}

// What the mapping can't take is refused with its reason, and harms no neighbour.
func TestMappingConflict(t *testing.T) {
	s := openTest(t, func(o *Options) { o.Dims = 2; o.Linger = 5 * time.Millisecond })
	docs := numbered(4)
	docs[1].Point = &models.GeoPoint{Lat: 200}
	docs[2].ID = strings.Repeat("x", 600)
	got := putAll(t.Context(), s, docs...)
	wantClass(t, "a place that is none", got["d1"], models.Permanent, "latitude")
	wantClass(t, "an id that is too long", got[docs[2].ID], models.Permanent, "too long")
	if got["d0"] != nil || got["d3"] != nil {
		t.Errorf("their neighbours: %v, %v", got["d0"], got["d3"])
	}
}

// A vector of another size than the index compares is kept, and found by nobody.
func TestLikeOfAnotherSize(t *testing.T) {
	s := openTest(t, func(o *Options) { o.Dims = 2 })
	docs := []models.SearchDoc{inMonth(1, "two"), inMonth(1, "three"), inMonth(1, "other")}
	docs[0].Embedding, docs[1].Embedding, docs[2].Embedding = models.PackVector([]float32{1, 0}), models.PackVector([]float32{1, 0, 0}), models.PackVector([]float32{1, 1})
	for i := range docs {
		docs[i].Space = "m@1"
	}
	put(t, s, docs...)
	got, err := s.Search(t.Context(), models.SearchQuery{Like: "two"})
	if err != nil || len(got.Hits) != 1 || got.Hits[0].ID != "other" {
		t.Errorf("like two: %+v, %v", got, err)
	}
	_, err = s.Search(t.Context(), models.SearchQuery{Like: "three"})
	wantClass(t, "like one of three dimensions", err, models.Permanent, "compares those of 2")
}

// A month from before embeddings were searched is no hindrance.
func TestLikeBesideAnOlderMonth(t *testing.T) {
	before := openTest(t)
	put(t, before, inMonth(1, "old"))
	s := openPrefix(t, before.prefix, func(o *Options) { o.Dims = 2 })
	docs := []models.SearchDoc{inMonth(2, "new"), inMonth(2, "newer")}
	for i := range docs {
		docs[i].Embedding, docs[i].Space = models.PackVector([]float32{1, float32(i)}), "m@1"
	}
	put(t, s, docs...)
	got, err := s.Search(t.Context(), models.SearchQuery{Like: "new"})
	if err != nil || len(got.Hits) != 1 || got.Hits[0].ID != "newer" {
		t.Errorf("like new: %+v, %v", got, err)
	}
}

// Counts are exact although no month returns all of its values at first.
func TestFacetsOfManyValues(t *testing.T) {
	s := openTest(t)
	var docs []models.SearchDoc
	for month := 1; month <= 2; month++ {
		for i := range 30 {
			d := inMonth(month, fmt.Sprintf("m%d.%d", month, i))
			for v := range 60 { // 1,800 different ones a month, once each
				d.Hashtags = append(d.Hashtags, fmt.Sprintf("m%d-%02d-%02d", month, i, v))
			}
			docs = append(docs, d)
		}
	}
	for month := range 2 { // in both months it is the last of those that occur once
		docs[month*30].Hashtags = append(docs[month*30].Hashtags, "zz")
		docs[month*30].Attributes = []models.Attribute{{Name: "co.or", Value: "x"}, {Name: "color", Value: "y"}, {Name: "co.or", Value: ""}, {Name: "co.or", Value: "x"}}
	}
	put(t, s, docs...)
	a, err := s.Search(t.Context(), models.SearchQuery{Facets: []string{"hashtag", "co.or", `a"b\c#@&<>~^$.?+*|{}[]()/`, strings.Repeat("n", 500)}})
	if err != nil {
		t.Fatal(err)
	}
	tags := a.Facets["hashtag"]
	if want := (models.FacetCount{Value: "zz", N: 2}); len(tags) != 20 || tags[0] != want || tags[1].Value != "m1-00-00" {
		t.Errorf("hashtags = %v, want %v and then the first by value", tags, want)
	}
	if diff := cmp.Diff([]models.FacetCount{{Value: "x", N: 2}}, a.Facets["co.or"]); diff != "" {
		t.Error(diff)
	}
	if len(a.Facets) != 4 {
		t.Errorf("facets %v, want all that were asked for", a.Facets)
	}
}

// viewOf returns the view that a cursor names.
func viewOf(t *testing.T, next string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(next)
	var c cursor
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.View
}

// Pages by a key that changes are of one moment, as long as their view lasts;
// then they go on in another.
func TestPagesOfOneMoment(t *testing.T) {
	s := openTest(t)
	docs := make([]models.SearchDoc, 10)
	for i := range docs {
		likes := int64(i)
		docs[i] = inMonth(1+i%2, fmt.Sprint("d", i))
		docs[i].Counts.Likes = &likes
	}
	put(t, s, docs...)
	q := models.SearchQuery{Sort: "likes", Limit: 4}
	var ids []string
	next := func() models.SearchAnswer {
		t.Helper()
		a, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range a.Hits {
			ids = append(ids, h.ID)
		}
		q.After = a.Next
		return a
	}
	first := next()
	most := int64(100)
	docs[0].Version, docs[0].Counts.Likes = 2, &most // the last becomes the first
	put(t, s, docs[0], inMonth(1, "new"))
	next()
	if a := next(); a.Next != "" || a.Total != 10 {
		t.Errorf("the last page has total %d and next %q", a.Total, a.Next)
	}
	if want := "d9 d8 d7 d6 d5 d4 d3 d2 d1 d0"; strings.Join(ids, " ") != want {
		t.Errorf("pages = %v, want %s", ids, want)
	}
	q.After = first.Next // whose view ended with the last page
	ids = nil
	if a := next(); a.Total != 11 || strings.Join(ids, " ") != "d5 d4 d3 d2" {
		t.Errorf("a page without its view = %v of %d, want it in a new one", ids, a.Total)
	}
	if v := viewOf(t, q.After); v == "" || v == viewOf(t, first.Next) {
		t.Errorf("the next page has view %q, want a new one", v)
	}
	q.After = ""
	q.Sort = "newest"
	if a := next(); viewOf(t, a.Next) != "" {
		t.Error("pages by a key that never changes need no view")
	}
	forged := cursor{Query: models.SearchQuery{Sort: "likes"}.Fingerprint(), View: "no view", Sort: []json.RawMessage{[]byte("1"), []byte(`"x"`)}}
	_, err := s.Search(t.Context(), models.SearchQuery{Sort: "likes", After: forged.String()})
	wantClass(t, "a forged cursor", err, models.Permanent, "no cursor")
}
