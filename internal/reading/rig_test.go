package reading_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"weft/internal/reading"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/duckdb"
	"weft/storage/history"
	"weft/storage/parquet"
	"weft/storage/sqlite"
	"weft/storage/storagetest"
)

// world is Weft's stores with posts that are archived, purged and brought back
// while somebody reads. What can be read of them never changes.
type world struct {
	t      *testing.T
	docs   *sqlite.Documents
	search search
	files  *parquet.Parts
	house  history.Warehouse // nil: none
	truth  []models.SearchDoc
	now    time.Time
	turn   int
	asked  chan struct{}
	least  int // of a page
}

type search interface {
	reading.Search
	Put(ctx context.Context, doc models.SearchDoc) error
	Delete(ctx context.Context, id string, version int64) error
}

const (
	month = 30 * 24 * time.Hour
	// kept are how many of ten posts are kept for ever.
	kept = 3
)

// newWorld has n posts in search, over four months.
func newWorld(t *testing.T, n int, root string, s search) *world {
	t.Helper()
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	store, err := blobs.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t: t, docs: docs, search: s, files: parquet.New(store), asked: make(chan struct{}, 1), now: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	w.fill(n)
	return w
}

func embeddedSearch(t *testing.T) *sqlite.Search {
	t.Helper()
	s, err := sqlite.OpenSearch(t.Context(), filepath.Join(t.TempDir(), "search.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// embedded is a world on the embedded stores, and its history by DuckDB.
func embedded(t *testing.T, n int) (*world, reading.History) {
	t.Helper()
	dir := t.TempDir()
	w := newWorld(t, n, "file://"+dir+"?metadata=skip", embeddedSearch(t))
	h, err := duckdb.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return w, reading.Asked{Ask: func(ctx context.Context, scan models.HistoryScan) ([]models.Row, error) {
		return h.Newest(ctx, w.verified, scan)
	}}
}

func (w *world) verified(ctx context.Context) ([]models.Part, error) {
	return w.docs.Parts(ctx, models.PartVerified, 1<<20)
}

func (w *world) reader(h reading.History) *reading.Reader {
	return reading.New(reading.Params{Search: w.search, Documents: w.docs, Manifest: w.docs, History: h})
}

// postOf is a post that is projected as d is.
func postOf(d models.SearchDoc) models.Post {
	published := map[string]models.Publication{}
	for _, p := range d.Profiles {
		published[p] = models.Publication{Generation: 1, Version: "v1", Attributes: d.Attributes, At: d.CreatedAt.Add(time.Hour)}
	}
	return models.Post{
		ID: d.ID, SchemaVersion: models.SchemaVersion, Source: d.Source, NativeID: d.ID, URL: d.URL, CreatedAt: d.CreatedAt, CollectedAt: d.CreatedAt,
		Text: d.Text, Language: d.Language, Hashtags: d.Hashtags, Author: d.Author, Counts: d.Counts, Published: published,
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fill(n int) {
	w.t.Helper()
	var wg sync.WaitGroup
	for i, d := range storagetest.SearchDocs(n) {
		// four months of which few days have posts, since each is files to open
		d.CreatedAt = time.Date(2026, 1, 1+i/90, 6, i/3*7%1000, 0, 0, time.UTC).AddDate(0, -(i % 4), 0)
		post := postOf(d)
		run := models.NewRun(post.ID, d.Profiles[0], "v1", models.Normal, d.CreatedAt, time.Minute)
		_, err := w.docs.Admit(w.t.Context(), []models.Admission{{Post: post, Run: run}})
		w.must(err)
		w.must(w.docs.Move(w.t.Context(), run.End(models.Done, "done", d.CreatedAt.Add(time.Hour))))
		wg.Go(func() { w.project(post.ID) })
	}
	wg.Wait()
	for after := ""; ; {
		posts, err := w.docs.Posts(w.t.Context(), models.PostFilter{After: after})
		w.must(err)
		if len(posts) == 0 {
			break
		}
		for i := range posts {
			d, ok := models.Project(&posts[i])
			if !ok {
				w.t.Fatalf("%s is in no answer", posts[i].ID)
			}
			d.Version = 0
			w.truth = append(w.truth, d)
			after = posts[i].ID
		}
	}
}

// project brings a post into search and stages its rows, as the steps do.
func (w *world) project(id string) {
	post, runs, err := w.docs.Post(w.t.Context(), id)
	if err != nil {
		w.t.Error(err)
		return
	}
	d, _ := models.Project(&post)
	if err := w.search.Put(w.t.Context(), d); err != nil {
		w.t.Error(err)
	}
	var rows []models.Row
	for profile, pub := range post.Published {
		body, err := json.Marshal(models.Frozen{Post: post, Run: runs[0]})
		if err != nil {
			w.t.Error(err)
		}
		rows = append(rows, models.Row{
			Post: id, Profile: profile, Generation: pub.Generation, Rev: post.Rev, Source: post.Source, CreatedAt: post.CreatedAt,
			ArchivedAt: w.now.Add(-time.Hour), Body: body,
		})
	}
	if err := w.docs.Stage(w.t.Context(), rows); err != nil {
		w.t.Error(err)
	}
	if err := w.docs.Clean(w.t.Context(), id, post.Rev); err != nil {
		w.t.Error(err)
	}
}

// archive makes parts of what is staged, and merges small ones.
func (w *world) archive() {
	_, err := history.New(history.Params{
		Staging: w.docs, Mover: w.docs, Files: w.files, Warehouse: w.house, Clock: func() time.Time { return w.now }, MaxRows: 40,
	}).Run(w.t.Context())
	w.must(err)
}

func (w *world) merge() {
	w.t.Helper()
	_, err := history.NewCompactor(history.CompactorParams{
		Manifest: w.docs, Files: w.files, Warehouse: w.house, Age: time.Nanosecond, MinParts: 2, Clock: func() time.Time { return w.now.Add(time.Hour) },
	}).Run(w.t.Context())
	w.must(err)
	_, err = history.NewEraser(history.EraserParams{
		Erasures: w.docs, Manifest: w.docs, Files: w.files, Warehouse: w.house, Clock: func() time.Time { return w.now.Add(48 * time.Hour) },
	}).Run(w.t.Context())
	w.must(err)
}

// purge lets go what is older than so much, but for the posts kept for ever.
func (w *world) purge(age time.Duration) int { return w.purger(age, nil) }

func (w *world) purger(age time.Duration, crash func(string)) int {
	w.t.Helper()
	done, err := history.NewPurger(history.PurgeParams{
		Crash: crash,
		Posts: picky{w}, Marks: w.docs, Marker: w.docs, Search: w.search, Clock: func() time.Time { return w.now }, Shortest: age,
		Retention: func(string, string) time.Duration { return age },
	}).Run(w.t.Context())
	w.must(err)
	return done.Purged
}

// picky are the posts without those that are kept for ever.
type picky struct{ w *world }

func (p picky) Purgeable(ctx context.Context, before time.Time, after string, n int) ([]string, error) {
	ids, err := p.w.docs.Purgeable(ctx, before, after, n)
	for len(ids) > 0 && err == nil {
		var some []string
		for _, id := range ids {
			if ended := id[len(id)-1] - '0'; ended >= kept {
				some = append(some, id)
			}
		}
		if len(some) > 0 {
			return some, nil
		}
		ids, err = p.w.docs.Purgeable(ctx, before, ids[len(ids)-1], n)
	}
	return nil, err
}

func (p picky) Post(ctx context.Context, id string) (models.Post, []models.Run, error) {
	return p.w.docs.Post(ctx, id)
}
func (p picky) Purge(ctx context.Context, stub models.Stub) error { return p.w.docs.Purge(ctx, stub) }

// restore brings every so manieth purged post back, as a reanalysis does.
func (w *world) restore(every int) {
	w.t.Helper()
	stubs, err := w.docs.Stubs(w.t.Context(), "", 1<<20)
	w.must(err)
	parts, err := w.verified(w.t.Context())
	w.must(err)
	for i, s := range stubs {
		if i%every != 0 {
			continue
		}
		rows, err := w.files.Find(w.t.Context(), parts, []string{s.Post})
		w.must(err)
		if len(rows) == 0 {
			w.t.Fatalf("%s is in no part", s.Post)
		}
		var f models.Frozen
		w.must(json.Unmarshal(rows[0].Body, &f))
		_, err = w.docs.Restore(w.t.Context(), f.Post, []models.Run{f.Run})
		w.must(err)
		w.project(s.Post)
	}
}

// live goes round: posts are archived, purged a month at a time, brought back. A
// step begins when somebody asks something, so that it goes on underneath.
func (w *world) live() {
	for {
		for _, age := range []time.Duration{3 * month, 2 * month, month} {
			if _, ok := <-w.asked; !ok {
				return
			}
			w.archive()
			w.purge(age)
		}
		if _, ok := <-w.asked; !ok {
			return
		}
		w.merge()
		w.restore(3)
		w.turn++
	}
}

// ask lets the next step begin, unless one is under way.
func (w *world) ask() {
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

// questions are those that search is asked in package answers, but for the ones
// that have no order, and some over ranges that lie across the watermark: fifty.
func questions(t *testing.T) map[string]models.SearchQuery {
	t.Helper()
	body, err := os.ReadFile("../answers/testdata/queries.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Search []storagetest.SearchQuestion }
	if err := yaml.Unmarshal(body, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]models.SearchQuery{}
	for _, q := range file.Search {
		if q.Sort != "relevance" {
			ask := q.Query()
			ask.Limit = max(q.Limit, 60)
			out[q.Name] = ask
		}
	}
	for i := range 50 - len(out) {
		at := time.Date(2025, 10, 1+i*3, i, 0, 0, 0, time.UTC)
		q := models.SearchQuery{Since: at, Until: at.AddDate(0, 2, i), Sort: []string{"newest", "oldest", "likes"}[i%3], Limit: 30 + i*5}
		switch i % 4 {
		case 0:
			q.Regions, q.Facets = []string{"US-SH", "CN-SH"}, []string{"color"}
		case 1:
			q.Text, q.Facets = "奢侈品", []string{"category", "hashtag"}
		case 2:
			q.Attributes, q.Facets = map[string][]string{"color": {"navy", "gold"}}, []string{"country"}
		case 3:
			q.Profiles, q.Sources = []string{"quality"}, []string{"weibo"}
		}
		out[fmt.Sprintf("across %d", i)] = q
	}
	return out
}
