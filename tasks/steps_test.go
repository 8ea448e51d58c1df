package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/tasks"
)

// shelf is the ports of the fetch step, with errors on demand.
type shelf struct {
	blobs map[string]string // key: content
	refs  []models.BlobRef
	log   []string

	onRefs, onPut, onPrepare error
}

func (s *shelf) AddRefs(_ context.Context, refs []models.BlobRef) error {
	s.log = append(s.log, "refs")
	s.refs = append(s.refs, refs...)
	return s.onRefs
}

func (s *shelf) Put(_ context.Context, key, _ string, data []byte) error {
	s.log = append(s.log, "put "+key)
	s.blobs[key] = string(data)
	return s.onPut
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, error) {
	if data, ok := s.blobs[key]; ok {
		return []byte(data), nil
	}
	return nil, fmt.Errorf("shelf: %w", models.ErrNotFound)
}

func (s *shelf) Prepare(_ context.Context, original []byte) (tasks.Prepared, error) {
	return tasks.Prepared{Original: original, SHA256: "sum-" + string(original), Type: "image/png", Width: 4, Height: 3, Rendition: []byte("small")}, s.onPrepare
}

// web opens addresses of one scheme.
type web struct {
	data string
	err  error
}

func (w web) Open(context.Context, string) ([]byte, error) { return []byte(w.data), w.err }

func fetchJob(t *testing.T, urls ...string) tasks.Job {
	t.Helper()
	p, err := parse("catalog", "fetch: {images: {originals: 24h, renditions: 48h}}")
	if err != nil {
		t.Fatal(err)
	}
	j := tasks.Job{Post: models.Post{ID: "sim.p1"}, Profile: p, Now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	for _, url := range urls {
		j.Post.Media = append(j.Post.Media, models.Media{URL: url, State: models.MediaPending})
	}
	return j
}

func TestFetchStores(t *testing.T) {
	s := &shelf{blobs: map[string]string{"incoming/a": "A"}}
	f := &tasks.Fetch{Openers: map[string]tasks.Opener{"https": web{data: "B"}}, Preparer: s, Images: s, Refs: s}
	j := fetchJob(t, "blob:incoming/a", "https://example.org/b.png")
	j.Post.Media = append(j.Post.Media, models.Media{URL: "https://example.org/c.png", State: models.MediaOK, SHA256: "there"})
	out, err := f.Do(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	want := models.Media{
		URL: "https://example.org/b.png", State: models.MediaOK, SHA256: "sum-B", Type: "image/png", Size: 1, Width: 4, Height: 3,
		Original: "originals/sum-B", Rendition: "renditions/sum-B.jpg",
	}
	if len(out.Change.Media) != 2 {
		t.Fatalf("%d images changed, want the two that were not there", len(out.Change.Media))
	}
	if diff := cmp.Diff(want, out.Change.Media[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strings.Join(s.log[:3], ", "); got != "refs, put originals/sum-A, put renditions/sum-A.jpg" {
		t.Errorf("order %s; a blob without a reference may be swept", got)
	}
	if r := s.refs[0]; r.Post != "sim.p1" || !r.Expires.Equal(j.Now.Add(24*time.Hour)) || !s.refs[1].Expires.Equal(j.Now.Add(48*time.Hour)) {
		t.Errorf("references %+v", s.refs)
	}
}

func TestFetchClassifies(t *testing.T) {
	away := models.Faultf(models.Unavailable, "away")
	for _, c := range []struct {
		name  string
		url   string
		spoil func(s *shelf, f *tasks.Fetch)
		class models.Class
		want  string
	}{
		{"unknown scheme", "ftp://x", nil, models.Permanent, `image 1: nothing here fetches "ftp" addresses`},
		{"no scheme", "x.png", nil, models.Permanent, `nothing here fetches "x.png" addresses`},
		{"host away", "https://x", func(_ *shelf, f *tasks.Fetch) { f.Openers["https"] = web{err: away} }, models.Unavailable, "away"},
		{"gone from the web", "https://x", func(_ *shelf, f *tasks.Fetch) { f.Openers["https"] = web{err: models.Faultf(models.Permanent, "404")} }, models.Permanent, "image 1: 404"},
		{"odd answer", "https://x", func(_ *shelf, f *tasks.Fetch) { f.Openers["https"] = web{err: errors.New("odd")} }, models.Retryable, "odd"},
		{"no image", "https://x", func(s *shelf, _ *tasks.Fetch) { s.onPrepare = models.Faultf(models.Permanent, "not an image") }, models.Permanent, "no usable image: image 1: not an image"},
		{"references away", "https://x", func(s *shelf, _ *tasks.Fetch) { s.onRefs = errors.New("locked") }, models.Unavailable, "reference blobs: locked"},
		{"a blob is being deleted", "https://x", func(s *shelf, _ *tasks.Fetch) { s.onRefs = models.ErrConflict }, models.Unavailable, "reference blobs: conflict"},
		{"blobs away", "https://x", func(s *shelf, _ *tasks.Fetch) { s.onPut = away }, models.Unavailable, "store original: away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{blobs: map[string]string{}}
			f := &tasks.Fetch{Openers: map[string]tasks.Opener{"https": web{data: "B"}}, Preparer: s, Images: s, Refs: s}
			if c.spoil != nil {
				c.spoil(s, f)
			}
			_, err := f.Do(t.Context(), fetchJob(t, c.url))
			wantClass(t, err, c.class)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
		})
	}
}

// sight is an analyzer that answers once.
type sight struct {
	refs    []models.ModelRef
	results []models.Result
	err     error
}

func (s *sight) Analyze(_ context.Context, _ models.Post, _ []models.Media, refs []models.ModelRef) ([]models.Result, float64, error) {
	s.refs = refs
	return s.results, 0.25, s.err
}

func TestAnalyzeFindsNothing(t *testing.T) {
	p, err := parse("catalog", "analyze-light: {models: [color]}\nanalyze-heavy: {models: [garment-l]}")
	if err != nil {
		t.Fatal(err)
	}
	s := &sight{}
	a := &tasks.Analyze{Analyzer: s, Fuse: fuse}
	j := tasks.Job{Profile: p, Run: models.Run{Step: models.AnalyzeHeavy, Attributes: []models.Attribute{{Name: "color"}}}}
	out, err := a.Do(t.Context(), j)
	if err != nil || out.Attributes == nil || len(out.Attributes) != 0 || out.Cost != 0.25 {
		t.Errorf("%+v, %v; found nothing is not the same as keep what there was", out, err)
	}
	if len(s.refs) != 1 || s.refs[0].Name != "garment-l" {
		t.Errorf("ran %v at %s", s.refs, j.Run.Step)
	}
	s.err = models.Faultf(models.Unavailable, "model: away")
	if _, err := a.Do(t.Context(), j); models.ClassOf(err) != models.Unavailable {
		t.Errorf("error %v", err)
	}
}

func TestIndexOfAnUnpublishedPost(t *testing.T) {
	r := newRig(t, models.Index)
	step := &tasks.IndexStep{} // it must not come to search
	r.step.do = step.Do
	if err := r.handle(t, 4, 0); err != nil {
		t.Fatal(err)
	}
	if run := r.books.run; run.State != models.Dropped || run.Reason != "nothing of it is published" {
		t.Errorf("%s: %s", &run, run.Reason)
	}
}

// pile is dirty posts without anything else.
type pile struct {
	ids     []string
	cleaned int
	gone    bool
}

func (p *pile) Dirty(_ context.Context, limit int) ([]models.Post, error) {
	var out []models.Post
	for _, id := range p.ids[p.cleaned:min(len(p.ids), p.cleaned+limit)] {
		out = append(out, models.Post{ID: id, Rev: 3})
	}
	return out, nil
}

func (p *pile) Clean(_ context.Context, _ string, rev int64) error {
	if rev != 3 {
		return fmt.Errorf("clean at rev %d", rev)
	}
	p.cleaned++
	return nil
}

func (p *pile) Post(_ context.Context, id string) (models.Post, []models.Run, error) {
	if p.gone {
		return models.Post{}, nil, models.ErrNotFound
	}
	return models.Post{ID: id, Rev: 3}, nil, nil
}

func (p *pile) Timeline(context.Context, string, string) ([]models.Entry, error) { return nil, nil }

// deletions counts what is taken out of search.
type deletions struct {
	n   int
	err error
}

func (d *deletions) Put(context.Context, models.SearchDoc) error { return errors.New("nothing to put") }

func (d *deletions) Delete(context.Context, string, int64) error {
	d.n++
	return d.err
}

func TestProjectorTakesPageAfterPage(t *testing.T) {
	p, s := &pile{}, &deletions{}
	for i := range 450 {
		p.ids = append(p.ids, fmt.Sprintf("sim.%d", i))
	}
	projector := &tasks.Projector{Dirty: p, Timelines: p, Search: s, Now: time.Now}
	n, err := projector.Pass(t.Context())
	if err != nil || n != 450 || s.n != 450 || p.cleaned != 450 {
		t.Errorf("%d projected, %d deleted, %d cleaned, %v; want 450", n, s.n, p.cleaned, err)
	}
	p.cleaned, s.err = 448, models.Faultf(models.Unavailable, "search: away")
	if n, err := projector.Pass(t.Context()); n != 0 || models.ClassOf(err) != models.Unavailable || p.cleaned != 448 {
		t.Errorf("%d projected, %v; a post that was not projected stays dirty", n, err)
	}
	p.gone = true
	if _, err := projector.Pass(t.Context()); err != nil {
		t.Errorf("a post that was purged meanwhile: %v", err)
	}
}
