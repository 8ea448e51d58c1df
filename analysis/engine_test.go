package analysis_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis"
	weftimage "weft/analysis/image"
	"weft/models"
)

// store is a document and blob store in memory that counts what is asked of it.
type store struct {
	mu      sync.Mutex
	blobs   map[string][]byte
	results map[string]models.Result
	gets    int
	fail    error
}

func newStore() *store {
	return &store{blobs: map[string][]byte{}, results: map[string]models.Result{}}
}

func (s *store) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if s.fail != nil {
		return nil, s.fail
	}
	data, ok := s.blobs[key]
	if !ok {
		return nil, models.ErrNotFound
	}
	return data, nil
}

func (s *store) Results(_ context.Context, keys []string) (map[string]models.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]models.Result{}
	for _, k := range keys {
		if r, ok := s.results[k]; ok {
			found[k] = r
		}
	}
	return found, nil
}

func (s *store) PutResults(_ context.Context, results []models.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		s.results[r.Key()] = r
	}
	return nil
}

// add stores a rendition of one colour and returns its media.
func (s *store) add(t testing.TB, c color.RGBA) models.Media {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 60, 80))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	p, err := weftimage.Prepare(b.Bytes(), weftimage.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := models.Media{State: models.MediaOK, SHA256: p.SHA256, Rendition: "renditions/" + p.SHA256 + ".jpg"}
	s.blobs[m.Rendition] = p.Rendition
	return m
}

func refs(t testing.TB, r *analysis.Registry, names ...string) []models.ModelRef {
	t.Helper()
	var out []models.ModelRef
	for _, n := range names {
		ref, err := r.CheckModel(n, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ref)
	}
	return out
}

func TestEngine(t *testing.T) {
	reg, s := newDefault(t), newStore()
	e := analysis.NewEngine(reg, s, s)
	navy, red := s.add(t, color.RGBA{27, 42, 74, 255}), s.add(t, color.RGBA{211, 20, 30, 255})
	post := models.Post{ID: "file.1", Text: "A navy wool coat by Gucci"}
	images := []models.Media{navy, red, navy} // the same bytes twice are one input
	light := refs(t, reg, "color", "caption")

	results, cost, err := e.Analyze(t.Context(), post, images, light)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	sum := 0.0
	for _, r := range results {
		sum += r.Cost
		got = append(got, r.Model+" "+r.Params+" "+r.Attributes[0].Value)
		for _, a := range r.Attributes {
			if a.Model != r.Model || a.Version != r.Version || (r.Model == "color") != (a.Image == r.Input) {
				t.Errorf("%+v of %s on %s", a, r.Model, r.Input)
			}
		}
	}
	if diff := cmp.Diff([]string{`color {"k":4} navy`, `color {"k":4} red`, "caption  Gucci"}, got); diff != "" {
		t.Errorf("results\n%s", diff)
	}
	if cost <= 0 || cost != sum || cost > 10 {
		t.Errorf("cost %v, of the results %v", cost, sum)
	}
	if s.gets != 2 {
		t.Errorf("%d renditions were read, want 2", s.gets)
	}

	again, cost, err := e.Analyze(t.Context(), post, images, light)
	if err != nil || cost != 0 || s.gets != 2 {
		t.Errorf("second time: cost %v, %d renditions read, %v; want all reused", cost, s.gets, err)
	}
	if diff := cmp.Diff(results, again); diff != "" {
		t.Errorf("reused results differ\n%s", diff)
	}

	heavy, _, err := e.Analyze(t.Context(), post, images, append(light, refs(t, reg, "color-regions")...))
	if err != nil || len(heavy) != 5 || s.gets != 4 {
		t.Errorf("with one more model: %d results, %d renditions read, %v; want 5 and 4", len(heavy), s.gets, err)
	}
}

func TestEngineWithoutImages(t *testing.T) {
	reg, s := newDefault(t), newStore()
	e := analysis.NewEngine(reg, s, s)
	navy := s.add(t, color.RGBA{27, 42, 74, 255})
	gone := models.Media{State: models.MediaOK, SHA256: strings.Repeat("0", 64), Rendition: "renditions/gone.jpg"}
	all := refs(t, reg, "color", "caption")
	post := models.Post{ID: "file.1", Text: "coat"}

	if results, _, err := e.Analyze(t.Context(), post, []models.Media{gone, navy}, all); err != nil || len(results) != 2 {
		t.Errorf("one of two gone: %d results, %v; want 2", len(results), err)
	}
	_, _, err := e.Analyze(t.Context(), post, []models.Media{gone}, all)
	if models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "images are gone") {
		t.Errorf("all gone: %v", err)
	}
	delete(s.blobs, navy.Rendition)
	if results, _, err := e.Analyze(t.Context(), post, []models.Media{navy}, all); err != nil || len(results) != 2 {
		t.Errorf("gone, but its results are known: %d results, %v", len(results), err)
	}
	if results, _, err := e.Analyze(t.Context(), post, nil, all); err != nil || len(results) != 1 {
		t.Errorf("text only: %d results, %v; want 1", len(results), err)
	}
	if results, _, err := e.Analyze(t.Context(), models.Post{Text: " \n"}, nil, all); err != nil || len(results) != 0 {
		t.Errorf("nothing at all: %d results, %v", len(results), err)
	}
}

func TestEngineErrors(t *testing.T) {
	reg, s := newDefault(t), newStore()
	e := analysis.NewEngine(reg, s, s)
	navy, red := s.add(t, color.RGBA{27, 42, 74, 255}), s.add(t, color.RGBA{211, 20, 30, 255})
	post := models.Post{ID: "file.1"}
	all := refs(t, reg, "color")

	for _, ref := range []models.ModelRef{{Name: "gone"}, {Name: "color", Params: `{"k":99}`}, {Name: "color", Params: `{`}} {
		if _, _, err := e.Analyze(t.Context(), post, []models.Media{navy}, []models.ModelRef{ref}); models.ClassOf(err) != models.Permanent {
			t.Errorf("%+v: %v, class %s", ref, err, models.ClassOf(err))
		}
	}
	s.blobs[red.Rendition] = []byte("<html>")
	_, _, err := e.Analyze(t.Context(), post, []models.Media{navy, red}, all)
	if models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "decode rendition: not an image: text/html") {
		t.Errorf("broken rendition: %v, class %s", err, models.ClassOf(err))
	}
	if len(s.results) != 1 {
		t.Errorf("%d results were kept from before the error, want 1", len(s.results))
	}
	s.fail = models.Faultf(models.Unavailable, "blobs are away")
	if _, _, err := e.Analyze(t.Context(), post, []models.Media{red}, all); models.ClassOf(err) != models.Unavailable {
		t.Errorf("store away: %v, class %s", err, models.ClassOf(err))
	}
	s.fail = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	blue := s.add(t, color.RGBA{20, 60, 200, 255})
	if _, _, err := e.Analyze(ended, post, []models.Media{blue}, all); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

func TestCostIsCPUTime(t *testing.T) {
	s := newStore()
	m := s.add(t, color.RGBA{1, 2, 3, 255})
	busy := worker{named{analysis.Info{Name: "busy", Version: "1", Tier: models.AnalyzeHeavy, Kind: analysis.ImageKind}}}
	reg, err := analysis.NewRegistry(busy)
	if err != nil {
		t.Fatal(err)
	}
	_, cost, err := analysis.NewEngine(reg, s, s).Analyze(t.Context(), models.Post{ID: "p"}, []models.Media{m}, []models.ModelRef{{Name: "busy"}})
	if err != nil || cost < 0.002 || cost > 5 {
		t.Errorf("cost of some ten million additions is %v s, %v", cost, err)
	}
}

type worker struct{ named }

func (worker) Analyze(context.Context, analysis.Input) ([]models.Attribute, error) {
	x := uint64(1)
	for range 30_000_000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return []models.Attribute{{Name: "x", Confidence: float64(x%2) / 2}}, nil
}
