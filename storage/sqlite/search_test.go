package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"weft/models"
	"weft/storage/storagetest"
)

func openSearch(t testing.TB, path string) *Search {
	t.Helper()
	s, err := OpenSearch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSearchSuite(t *testing.T) {
	storagetest.Search(t, func(t *testing.T) storagetest.SearchStore {
		return openSearch(t, filepath.Join(t.TempDir(), "search.db"))
	})
}

// Two handles are as good as two processes: they share nothing but the file.
func TestSearchTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "search.db")
	a, b := openSearch(t, path), openSearch(t, path)
	var wg sync.WaitGroup
	for i, s := range []*Search{a, b, a, b} {
		wg.Go(func() {
			for j := range 50 {
				d := models.SearchDoc{ID: fmt.Sprint("d", j), Version: int64(1 + (j+i)%4), Text: fmt.Sprint("from ", i)}
				if err := s.Put(t.Context(), d); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for j := range 50 {
		if d, err := b.Get(t.Context(), fmt.Sprint("d", j)); err != nil || d.Version != 4 {
			t.Errorf("d%d = version %d, %v; want the newest", j, d.Version, err)
		}
	}
	var words int
	if err := a.handles.read.QueryRow(`SELECT count(*) FROM search_text WHERE search_text MATCH '"from"'`).Scan(&words); err != nil || words != 50 {
		t.Errorf("%d texts are indexed, %v; want 50", words, err)
	}
}

func TestSearchReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file?#%.db")
	s, err := OpenSearch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), models.SearchDoc{ID: "a", Version: 1, Text: "kept"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), models.SearchDoc{ID: "b", Version: 1}); models.ClassOf(err) != models.Unavailable || err == nil {
		t.Errorf("Put after Close = %v, want unavailable", err)
	}
	a, err := openSearch(t, path).Search(t.Context(), models.SearchQuery{Text: "kept"})
	if err != nil || a.Total != 1 {
		t.Errorf("Search after reopening = %d, %v", a.Total, err)
	}
}

func TestSearchRefusesAnotherLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "search.db")
	s := openSearch(t, path)
	if err := s.w.do(t.Context(), func(s *session) error { _, err := s.exec(`UPDATE search_meta SET layout = 99`); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSearch(t.Context(), path); err == nil || !strings.Contains(err.Error(), "rebuild search") {
		t.Errorf("OpenSearch = %v, want a hint to rebuild", err)
	}
}

// In a batch that breaks, only the one that broke it fails.
func TestSearchBatchOneBad(t *testing.T) {
	s := openSearch(t, filepath.Join(t.TempDir(), "search.db"))
	var batch []*searchChange
	for i := range 5 {
		c, err := putChange(models.SearchDoc{ID: fmt.Sprint("d", i), Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, c)
	}
	batch[2].terms = []byte("{")
	s.batches.write(batch)
	for i, c := range batch {
		if failed := c.err != nil; failed != (i == 2) {
			t.Errorf("change %d: %v", i, c.err)
		}
	}
	if n, err := s.Count(t.Context()); err != nil || n != 4 {
		t.Errorf("Count = %d, %v; want 4", n, err)
	}
	err := s.Put(t.Context(), models.SearchDoc{ID: "nan", Version: 1, Attributes: []models.Attribute{{Confidence: math.NaN()}}})
	if err == nil || models.ClassOf(err) != models.Permanent {
		t.Errorf("Put of NaN = %v, want a permanent error", err)
	}
}

func TestMatchText(t *testing.T) {
	for typed, want := range map[string]string{
		"":                "",
		"Silk dress":      `"Silk" AND "dress"`,
		"t-shirt":         `"t shirt"`,
		`a"b OR`:          `"a b" AND "OR"`,
		"奢侈品":             `"奢侈 侈品"`,
		"表":               `"表"*`,
		"LV包 2026春夏":      `"LV" AND "包"* AND "2026" AND "春夏"`,
		"!!! 👗 - ":        "",
		"\x00x\xffy":      `"x" AND "y"`,
		"ＡＢＣ　ｶﾀｶﾅ":        `"ABC" AND "カタ タカ カナ"`,
		"NEAR(a b) text:": `"NEAR a" AND "b" AND "text"`,
	} {
		if got, _ := matchText(typed); got != want {
			t.Errorf("matchText(%q) = %s, want %s", typed, got, want)
		}
	}
}

// Nothing that anybody types or posts makes a search fail.
func FuzzSearchText(f *testing.F) {
	for _, text := range storagetest.HostileTexts() {
		f.Add(text)
	}
	s := openSearch(f, filepath.Join(f.TempDir(), "search.db"))
	version := int64(0)
	f.Fuzz(func(t *testing.T, text string) {
		for _, sort := range []string{"newest", "relevance"} {
			_, err := s.Search(t.Context(), models.SearchQuery{Text: text, Sort: sort, Facets: []string{text}, Sources: []string{text}})
			if err != nil && models.ClassOf(err) != models.Permanent {
				t.Errorf("search for %q: %v", text, err)
			}
		}
		version++
		legal := strings.ToValidUTF8(text, "?") // JSON has no others
		doc := models.SearchDoc{ID: "x", Version: version, Text: legal, Hashtags: []string{legal}, Language: legal}
		if err := s.Put(t.Context(), doc); err != nil {
			t.Errorf("put %q: %v", text, err)
		}
		back, err := s.Get(t.Context(), "x")
		want, _ := json.Marshal(doc)
		if got, _ := json.Marshal(back); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Get = %s, %v; want %s", got, err, want)
		}
	})
}
