package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/models"
)

// SearchStore is what the suite asks of a search.
type SearchStore interface {
	Put(ctx context.Context, doc models.SearchDoc) error
	Delete(ctx context.Context, id string, version int64) error
	Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error)
	Get(ctx context.Context, id string) (models.SearchDoc, error)
	Count(ctx context.Context) (int64, error)
}

// Dims is the size of the suite's embeddings: a search that must know it is
// opened for that.
const Dims = 3

// Search holds a search to what Weft relies on. open returns an empty one.
func Search(t *testing.T, open func(t *testing.T) SearchStore) {
	t.Run("against a plain scan", func(t *testing.T) { searchOracle(t, open(t)) })
	t.Run("texts", func(t *testing.T) { searchTexts(t, open(t)) })
	t.Run("hostile texts", func(t *testing.T) { searchHostile(t, open(t)) })
	t.Run("values apart", func(t *testing.T) { searchApart(t, open(t)) })
	t.Run("versions", func(t *testing.T) { searchVersions(t, open(t)) })
	t.Run("any order of writes", func(t *testing.T) { searchModel(t, open) })
	t.Run("relevance", func(t *testing.T) { searchRelevance(t, open(t)) })
	t.Run("pages while others write", func(t *testing.T) { searchPaging(t, open(t)) })
	t.Run("uncounted", func(t *testing.T) { searchUncounted(t, open(t)) })
	t.Run("cursors", func(t *testing.T) { searchCursors(t, open(t)) })
	t.Run("many at once", func(t *testing.T) { searchRace(t, open(t)) })
	t.Run("what looks alike", func(t *testing.T) { searchLike(t, open(t)) })
	t.Run("refusals", func(t *testing.T) { searchRefusals(t, open(t)) })
}

// SearchDocs makes n documents in several languages, with ties in every sort key.
func SearchDocs(n int) []models.SearchDoc {
	texts := []string{
		"Silk dress for the gala, café au lait", "Robe d'été brodée — Crème de la crème", "奢侈品手表推荐 2026春夏 新款",
		"Navy t-shirt and denim; wool-free", "着物スタイル コーデ カーディガン", "니트 원피스 추천", "ＦＵＬＬ width ＬＯＧＯ hat", "no words of note 👗",
	}
	sources, countries := []string{"instagram", "weibo", "tumblr"}, []string{"FR", "CN", "US", ""}
	colors, languages := []string{"navy", "red", "ecru", "black"}, []string{"en", "fr", "zh", "ja", ""}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	docs := make([]models.SearchDoc, n)
	for i := range docs {
		d := models.SearchDoc{
			ID: fmt.Sprintf("%s.%04d", sources[i%3], (i*7919)%n), Version: int64(1 + i%4), Source: sources[i%3], URL: fmt.Sprint("https://example.org/", i),
			CreatedAt: base.Add(time.Duration(i/3) * time.Hour), Text: texts[i%len(texts)], Language: languages[i%5],
			Author:   models.Author{Handle: fmt.Sprintf("author%d", i%11), Name: []string{"Zoë Müller", "王小明", "Ann Lee"}[i%3]},
			Profiles: [][]string{{"catalog"}, {"catalog", "quality"}, {"tendencies"}}[i%3],
			Hashtags: [][]string{nil, {"ootd"}, {"ootd", "奢侈品"}, {"vintage", "paris"}}[i%4],
		}
		d.Author.Location.Country = countries[i%4]
		if i%3 < 2 && d.Author.Location.Country != "" {
			d.Author.Location.Region = d.Author.Location.Country + []string{"-11", "-SH"}[i%3]
		}
		if i%3 == 1 {
			d.Point = &models.GeoPoint{Lat: float64(i%17)*10 - 80, Lon: float64(i%35)*10 - 170}
		}
		if i%6 != 0 { // the others hide their likes
			likes := int64(i % 9 * 10)
			d.Counts.Likes = &likes
		}
		d.Attributes = []models.Attribute{{Name: "color", Value: colors[i%4], Confidence: float64(i%10) / 10, Evidence: models.FromImage}}
		if i%2 == 0 {
			d.Attributes = append(d.Attributes, models.Attribute{Name: "category", Value: fmt.Sprint("garment-", i%25), Confidence: 0.9},
				models.Attribute{Name: "color", Value: "gold", Confidence: 0.3})
		}
		docs[i] = d
	}
	return docs
}

func fillSearch(t *testing.T, s SearchStore, docs []models.SearchDoc) {
	t.Helper()
	var wg sync.WaitGroup
	for _, d := range docs {
		wg.Go(func() {
			if err := s.Put(t.Context(), d); err != nil {
				t.Errorf("Put %s: %v", d.ID, err)
			}
		})
	}
	wg.Wait()
	if n, err := s.Count(t.Context()); err != nil || n != int64(len(docs)) {
		t.Fatalf("Count = %d, %v; want %d", n, err, len(docs))
	}
}

// searchOracle asks random questions and compares with a scan over the same documents.
func searchOracle(t *testing.T, s SearchStore) {
	docs := SearchDocs(300)
	fillSearch(t, s, docs)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt)
		want := ScanSearch(docs, q)
		var got models.SearchAnswer
		page := q
		for i := 0; ; i++ {
			a, err := s.Search(t.Context(), page)
			if err != nil {
				rt.Fatalf("Search %+v: %v", page, err)
			}
			if i == 0 {
				got = a
			} else {
				got.Hits = append(got.Hits, a.Hits...)
				if a.Total != got.Total {
					rt.Fatalf("page %d has total %d, the first had %d", i, a.Total, got.Total)
				}
			}
			if a.Next == "" {
				break
			}
			if len(a.Hits) != q.Limit || i > 400 {
				rt.Fatalf("page %d has %d hits and a next one", i, len(a.Hits))
			}
			page.After = a.Next
		}
		got.Next = ""
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("%+v (-scan +search):\n%.3000s", q, diff)
		}
	})
}

func drawQuery(t *rapid.T) models.SearchQuery {
	some := func(name string, from ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 2, rapid.ID).Draw(t, name)
	}
	maybe := func(name string, n int) bool { return rapid.IntRange(0, n).Draw(t, name) == 0 }
	q := models.SearchQuery{
		Text: rapid.SampledFrom([]string{
			"", "", "", "silk", "CAFE", "été robe", "奢侈品", "侈品手", "表", "手表 2026", "t-shirt", "shirt", "クロ", "カーディガン", "원피스", "logo full",
			"gold", "garment-4", "author3", "müller", "王小", "ootd", "👗", "dress nothing", "2026春夏",
		}).Draw(t, "text"),
		Sort:   rapid.SampledFrom([]string{"", "newest", "oldest", "likes"}).Draw(t, "sort"),
		Limit:  rapid.IntRange(1, 120).Draw(t, "limit"),
		Facets: some("facets", "source", "language", "country", "profile", "hashtag", "color", "category", "nobody"),
	}
	if maybe("filter", 2) {
		q.Sources, q.Languages = some("sources", "instagram", "weibo", "x"), some("languages", "en", "fr", "zh")
		q.Countries, q.Profiles = some("countries", "FR", "CN"), some("profiles", "quality", "tendencies")
		q.Regions = some("regions", "FR-11", "US-SH", "CN-SH", "fr-11")
	}
	if maybe("attributes", 2) {
		q.Attributes = map[string][]string{"color": some("colors", "navy", "gold", "pink"), "category": some("categories", "garment-2", "garment-10")}
		q.MinConfidence = rapid.SampledFrom([]float64{0, 0.3, 0.5}).Draw(t, "confidence")
	}
	if maybe("near", 4) { // the distances between the points are no such round numbers
		q.Near = &models.GeoCircle{Meters: rapid.SampledFrom([]float64{1, 500e3, 3000e3, 12_000e3}).Draw(t, "meters")}
		q.Near.Lat, q.Near.Lon = float64(rapid.IntRange(-8, 8).Draw(t, "lat")*10), float64(rapid.IntRange(-18, 18).Draw(t, "lon")*10)
	}
	if maybe("range", 2) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		q.Since = base.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "since")) * time.Hour)
		q.Until = q.Since.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "span")) * time.Hour)
		q.MinLikes = rapid.Int64Range(0, 50).Draw(t, "likes")
	}
	return q
}

func searchTexts(t *testing.T, s SearchStore) {
	texts := map[string]string{
		"a": "Crème brûlée", "b": "奢侈品手表，正品", "c": "t-shirt blanc", "d": "ｶﾀｶﾅ ＡＢＣ", "e": "手 表", "f": "dress",
	}
	for id, text := range texts {
		succeed(t, s.Put(t.Context(), models.SearchDoc{
			ID: id, Version: 1, Text: text, Hashtags: []string{"tag" + id, "common"}, Author: models.Author{Handle: "h" + id, Name: "Émile " + id},
			Attributes: []models.Attribute{{Name: "brand", Value: "maison-" + id}},
		}))
	}
	for text, want := range map[string]string{
		"creme": "a", "CRÈME brulee": "a", "creme blanc": "", "奢侈品": "b", "侈品手": "b", "品": "b", "手表": "b", "表": "be", "品正": "", "正品": "b",
		"t-shirt": "c", "shirt t": "c", "shirt-t": "", "カタカナ": "d", "タカ": "d", "abc": "d", "tagb": "b", "common": "abcdef",
		"hc": "c", "emile": "abcdef", "maison-f": "f", "dres": "", "common 手表": "b", "dress 👗": "f", "!!!": "", "maison": "abcdef",
	} {
		a, err := s.Search(t.Context(), models.SearchQuery{Text: text})
		succeed(t, err)
		got := map[rune]bool{}
		for _, h := range a.Hits {
			got[rune(h.ID[0])] = true
		}
		wanted := map[rune]bool{}
		for _, r := range want {
			wanted[r] = true
		}
		if diff := cmp.Diff(wanted, got); diff != "" || a.Total != int64(len(want)) {
			t.Errorf("%q finds %v, total %d; want %q", text, got, a.Total, want)
		}
	}
}

// HostileTexts are what nobody may be able to break a search with.
func HostileTexts() []string {
	return []string{
		`"`, `""`, `a"b`, `" OR "1`, `AND`, `OR`, `NOT x`, `a NOT b`, `NEAR(a b, 2)`, `text:dress`, `{text tags}: x`, `-x`, `^x`, `x*`, `*`, `(`, `)`, `a + b`,
		`'; DROP TABLE search_docs; --`, "\x00", "a\x00b", "\xff\xfe", "a\u0301", "\u0301", "𠮷野家", "👗👗", "𞤀𞤣", "\u200b", "ſ", "ß", "İ",
	}
}

func searchHostile(t *testing.T, s SearchStore) {
	succeed(t, s.Put(t.Context(), models.SearchDoc{ID: "x", Version: 1, Text: "dress near or and not"}))
	for i, text := range HostileTexts() {
		for _, sort := range []string{"newest", "relevance"} {
			if _, err := s.Search(t.Context(), models.SearchQuery{Text: text, Sort: sort}); err != nil {
				t.Errorf("search for %q: %v", text, err)
			}
		}
		doc := models.SearchDoc{ID: fmt.Sprint("h", i), Version: 1, Text: text, Hashtags: []string{text}, Source: text}
		if err := s.Put(t.Context(), doc); err != nil {
			t.Errorf("put %q: %v", text, err)
		}
		succeed(t, s.Delete(t.Context(), doc.ID, 1))
	}
	for _, text := range []string{"near or", "NOT", "dress AND"} {
		a, err := s.Search(t.Context(), models.SearchQuery{Text: text})
		if err != nil || a.Total != 1 {
			t.Errorf("%q finds %d, %v; the words are words", text, a.Total, err)
		}
	}
}

// searchApart: a word with a sign inside is looked for as a phrase, which
// doesn't reach from one value of a field into the next.
func searchApart(t *testing.T, s SearchStore) {
	for i, tags := range [][]string{{"t", "shirt"}, {"t-shirt"}, {"名牌", "奢侈"}, {"名牌奢侈"}} {
		succeed(t, s.Put(t.Context(), models.SearchDoc{ID: fmt.Sprint("p", i), Version: 1, Hashtags: tags}))
	}
	for text, want := range map[string]string{"t-shirt": "p1", "名牌奢侈": "p3"} {
		a, err := s.Search(t.Context(), models.SearchQuery{Text: text})
		succeed(t, err)
		if len(a.Hits) != 1 || a.Hits[0].ID != want {
			t.Errorf("%q finds %+v, want %s alone", text, a.Hits, want)
		}
	}
}

func searchVersions(t *testing.T, s SearchStore) {
	ctx := t.Context()
	put := func(version int64, text string) {
		succeed(t, s.Put(ctx, models.SearchDoc{ID: "p", Version: version, Text: text, Hashtags: []string{text}}))
	}
	want := func(when, text string) {
		t.Helper()
		for _, word := range []string{"five", "six", "seven", "eight"} {
			a, err := s.Search(ctx, models.SearchQuery{Text: word, Facets: []string{"hashtag"}})
			succeed(t, err)
			if found := a.Total == 1; found != (word == text) || len(a.Facets["hashtag"]) != int(a.Total) {
				t.Errorf("%s: %q finds %+v", when, word, a)
			}
		}
		d, err := s.Get(ctx, "p")
		if text == "" && !errors.Is(err, models.ErrNotFound) || text != "" && (err != nil || d.Text != text) {
			t.Errorf("%s: Get = %q, %v; want %q", when, d.Text, err, text)
		}
	}
	put(6, "six")
	put(5, "five")
	want("after a stale put", "six")
	put(6, "seven")
	want("after a put of the same version", "six")
	succeed(t, s.Delete(ctx, "p", 5))
	want("after a stale delete", "six")
	put(7, "seven")
	want("after a newer put", "seven")
	succeed(t, s.Delete(ctx, "p", 7))
	succeed(t, s.Delete(ctx, "p", 7))
	want("after a delete", "")
	put(6, "six")
	want("after a late put", "")
	put(7, "seven")
	want("after a put of the deleted version", "seven")
	succeed(t, s.Delete(ctx, "p", 9))
	put(8, "eight")
	want("after a put older than the delete", "")
	succeed(t, s.Delete(ctx, "never", 3))
	succeed(t, s.Put(ctx, models.SearchDoc{ID: "never", Version: 2}))
	if n, err := s.Count(ctx); err != nil || n != 0 {
		t.Errorf("Count = %d, %v; want 0", n, err)
	}
}

// searchModel writes in any order and compares with a map.
func searchModel(t *testing.T, open func(t *testing.T) SearchStore) {
	s := open(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		ctx, source := t.Context(), fmt.Sprint("round", round)
		type state struct {
			version int64
			live    bool
			text    string
		}
		model := map[string]state{}
		for i := range rapid.IntRange(1, 25).Draw(rt, "writes") {
			id := fmt.Sprintf("%s.%d", source, rapid.IntRange(0, 3).Draw(rt, "id"))
			version, text := rapid.Int64Range(1, 6).Draw(rt, "version"), fmt.Sprintf("word%d", i)
			old, there := model[id]
			if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
				succeed(t, s.Delete(ctx, id, version))
				if !there || version > old.version || (version == old.version && old.live) {
					model[id] = state{version: version}
				}
				continue
			}
			succeed(t, s.Put(ctx, models.SearchDoc{ID: id, Version: version, Source: source, Text: text}))
			if !there || version > old.version || (version == old.version && !old.live) {
				model[id] = state{version, true, text}
			}
		}
		live := int64(0)
		for id, m := range model {
			if m.live {
				live++
				a, err := s.Search(ctx, models.SearchQuery{Text: m.text, Sources: []string{source}})
				if err != nil || len(a.Hits) != 1 || a.Hits[0].ID != id || a.Hits[0].Version != m.version {
					rt.Fatalf("%s is not found by %q: %+v, %v", id, m.text, a, err)
				}
			}
		}
		a, err := s.Search(ctx, models.SearchQuery{Sources: []string{source}})
		if err != nil || a.Total != live {
			rt.Fatalf("%d documents, %v; want %d", a.Total, err, live)
		}
	})
}
