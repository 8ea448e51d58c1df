package reading_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/internal/reading"
	"weft/internal/servers"
	"weft/models"
	"weft/storage/bigquery"
	"weft/storage/elastic"
	"weft/storage/storagetest"
)

// answer is all that a reader says to a query, page by page.
func (w *world) answer(ctx context.Context, r *reading.Reader, q models.SearchQuery) (models.SearchAnswer, error) {
	var a models.SearchAnswer
	w.ask()
	c, err := r.Count(ctx, q)
	if err != nil {
		return a, err
	}
	a.Total, a.Facets = c.Total, c.Facets
	for {
		w.ask()
		p, err := r.Page(ctx, q)
		if err != nil {
			return a, err
		}
		a.Hits = append(a.Hits, p.Docs...)
		if p.Next == "" {
			break
		}
		q.After = p.Next
	}
	for i := range a.Hits {
		a.Hits[i].Version = 0 // a post that comes back has another
		a.Hits[i].CreatedAt = a.Hits[i].CreatedAt.UTC()
	}
	return a, nil
}

func (w *world) compare(r *reading.Reader, name string, q models.SearchQuery) {
	w.t.Helper()
	q.Limit = max(q.Limit, w.least)
	began := time.Now()
	got, err := w.answer(w.t.Context(), r, q)
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
		return
	}
	w.t.Logf("%s: %d hits, %s", name, len(got.Hits), time.Since(began).Round(time.Millisecond))
	want := storagetest.ScanSearch(w.truth, q)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("%s: %+v\n%d hits, want %d (-scan +both ends):\n%.2500s", name, q, len(got.Hits), len(want.Hits), diff)
	}
}

// whileLiving asks everything while posts move, and once more when all is still.
func (w *world) whileLiving(r *reading.Reader) {
	all := questions(w.t)
	if len(all) < 50 {
		w.t.Fatalf("%d questions, want 50", len(all))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.live()
	}()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w.compare(r, name, all[name])
	}
	close(w.asked)
	<-done
	w.asked = nil
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i%5 == 0 {
			w.compare(r, name+", at rest", all[name])
		}
	}
	stubs, err := w.docs.Stubs(w.t.Context(), "", 1<<20)
	w.must(err)
	if len(stubs) < 10 || len(stubs) == len(w.truth) {
		w.t.Errorf("%d of %d posts were purged in the end; the boundary must lie between", len(stubs), len(w.truth))
	}
	w.t.Logf("%d rounds of archiving, purging and coming back; %d of %d posts are purged", w.turn, len(stubs), len(w.truth))
}

// TestBothEnds: fifty queries are answered as by a plain scan of all posts, while
// posts are archived, purged and brought back underneath.
func TestBothEnds(t *testing.T) {
	w, h := embedded(t, 160)
	w.whileLiving(w.reader(h))
}

// TestBothEndsOfFiles: the history is read from its files alone.
func TestBothEndsOfFiles(t *testing.T) {
	w, _ := embedded(t, 120)
	r := w.reader(reading.Files{Manifest: w.docs, Scanner: w.files})
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.live()
	}()
	for name, q := range questions(t) {
		q.Sort = "oldest"
		w.ask()
		var got []string
		for f, err := range r.Stream(t.Context(), q, models.Place{}, 0) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, f.Doc.ID)
		}
		var want []string
		for _, d := range storagetest.ScanSearch(w.truth, q).Hits {
			want = append(want, d.ID)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-scan +files):\n%.1500s", name, diff)
		}
	}
	close(w.asked)
	<-done
	w.asked = nil
}

// TestBothEndsInProduction takes four minutes, and go test -v shows how far it is:
// each look at the emulator is two jobs. It runs when it is asked for:
//
//	WEFT_TEST_BOTH_ENDS=1 scripts/services run --only elasticsearch,gcs,bigquery -- go test -v -run TestBothEndsInProduction ./internal/reading
func TestBothEndsInProduction(t *testing.T) {
	if os.Getenv("WEFT_TEST_BOTH_ENDS") == "" {
		t.Skip("set WEFT_TEST_BOTH_ENDS=1 to ask fifty questions of Elasticsearch and the BigQuery emulator")
	}
	root := "gs://" + servers.Bucket(t)
	endpoint, gcs := servers.URL(t, servers.BigQuery), servers.URL(t, servers.GCS)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(gcs, "http://"))
	none := 0
	s, err := elastic.Open(t.Context(), servers.Indices(t, servers.URL(t, servers.Elastic)), elastic.Options{Refresh: true, Replicas: &none})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := newWorld(t, 60, root, s)
	house, err := bigquery.Open(t.Context(), bigquery.Options{URL: servers.Dataset(t, endpoint), Files: root})
	if err != nil {
		t.Fatal(err)
	}
	defer house.Close()
	w.house, w.least = house, 35 // each page costs jobs
	w.whileLiving(w.reader(reading.Priced{Asked: reading.Asked{Ask: house.Newest}, Estimate: house.EstimateNewest}))
}

// TestForgottenStaysForgotten: what the history still holds of a post that was
// deleted or hidden is not shown.
func TestForgottenStaysForgotten(t *testing.T) {
	w, h := embedded(t, 60)
	w.archive()
	if n := w.purge(month); n < 20 {
		t.Fatalf("%d purged", n)
	}
	stubs, err := w.docs.Stubs(t.Context(), "", 100)
	w.must(err)
	native := func(id string) string { _, n, _ := strings.Cut(id, "."); return n }
	for i, act := range []models.Act{models.Delete, models.Hide} {
		id := stubs[i].Post
		src, _, _ := strings.Cut(id, ".")
		_, err := w.docs.Forget(t.Context(), []models.Deletion{{Source: src, NativeID: native(id), Act: act, By: "platform", At: w.now}})
		w.must(err)
		w.truth = slices.DeleteFunc(w.truth, func(d models.SearchDoc) bool { return d.ID == id })
	}
	w.compare(w.reader(h), "all", models.SearchQuery{Limit: 1000, Facets: []string{"source"}})
}

// TestGapOfAPurge: a purge that dies between search and documents hides no post.
func TestGapOfAPurge(t *testing.T) {
	w, h := embedded(t, 60)
	w.archive()
	func() {
		defer func() { _ = recover() }()
		w.purger(month, func(string) { panic("killed") })
	}()
	missing := 0
	for _, d := range w.truth {
		a, err := w.search.Search(t.Context(), models.SearchQuery{Since: d.CreatedAt, Until: d.CreatedAt.Add(time.Millisecond), Limit: 100})
		w.must(err)
		if !slices.ContainsFunc(a.Hits, func(h models.SearchDoc) bool { return h.ID == d.ID }) {
			missing++
		}
	}
	if missing != 1 {
		t.Fatalf("%d posts are missing in search, want the one that the purge died at", missing)
	}
	w.compare(w.reader(h), "all", models.SearchQuery{Limit: 7, Facets: []string{"source", "color"}})
}

// TestWatermarkSparesTheHistory: queries behind the watermark don't look there.
func TestWatermarkSparesTheHistory(t *testing.T) {
	w, h := embedded(t, 200)
	w.archive()
	w.purge(3 * month)
	r := w.reader(h)
	mark, err := w.docs.Watermark(t.Context())
	w.must(err)
	recent := models.SearchQuery{Since: mark.Before()}
	e, err := r.Explain(t.Context(), recent)
	if err != nil || e.History || !e.Search || e.Cost.Rows != 0 || e.Recent == 0 {
		t.Errorf("behind the watermark %s: %+v, %v; want search alone", mark, e, err)
	}
	if p, err := w.reader(nil).Page(t.Context(), recent); err != nil || len(p.Docs) == 0 {
		t.Errorf("without a history: %d posts, %v", len(p.Docs), err)
	}
	if _, err := w.reader(nil).Page(t.Context(), models.SearchQuery{Until: mark.Before()}); models.ClassOf(err) != models.Permanent || err == nil {
		t.Errorf("without the history that is needed: %v, want a refusal", err)
	}
	e, err = r.Explain(t.Context(), models.SearchQuery{})
	if err != nil || !e.History || e.Cost.Rows == 0 || e.Cost.Bytes == 0 || e.Cost.By != "files" || e.Watermark != mark {
		t.Errorf("over all: %+v, %v; want both ends", e, err)
	}
	narrow := reading.New(reading.Params{Search: w.search, Documents: w.docs, Manifest: w.docs, History: h, ScanRows: e.Cost.Rows - 1})
	if _, err := narrow.Count(t.Context(), models.SearchQuery{}); models.ClassOf(err) != models.Permanent || err == nil {
		t.Errorf("counting more rows than allowed: %v, want a refusal", err)
	}
}

func TestRefusals(t *testing.T) {
	w, h := embedded(t, 30)
	r := w.reader(h)
	p, err := r.Page(t.Context(), models.SearchQuery{Limit: 3})
	w.must(err)
	for name, q := range map[string]models.SearchQuery{
		"sort":             {Sort: "relevance"},
		"unknown sort":     {Sort: "best"},
		"no cursor":        {After: "x"},
		"another's cursor": {After: p.Next, Text: "silk"},
		"near":             {Near: &models.GeoCircle{}},
	} {
		if _, err := r.Page(t.Context(), q); err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

// The history narrows by what a row mentions, which may be a hashtag.
func TestRegionIsTheAuthors(t *testing.T) {
	q := models.SearchQuery{Regions: []string{"FR-11", "CN-SH"}}
	d := models.SearchDoc{Hashtags: []string{"FR-11"}}
	if d.Author.Location.Region = "FR-75"; reading.Fits(q, &d) {
		t.Error("a hashtag is taken for a region")
	}
	if d.Author.Location.Region = "CN-SH"; !reading.Fits(q, &d) {
		t.Error("one of two regions doesn't fit")
	}
}
