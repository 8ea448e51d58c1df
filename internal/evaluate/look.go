package evaluate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"weft/analysis"
	"weft/analysis/learned"
	"weft/models"
)

// Look is what a model says of one photo, and what that cost.
type Look struct {
	Photo      Photo
	Truth      string  // the value that the photo's folder stands for
	Value      string  // the surest; "" if there is none
	Confidence float64 // of it
	Inference  float64 // CPU seconds of scaling and the model
	Whole      float64 // and of reading and decoding the rendition
}

// Right reports whether the model is.
func (l Look) Right() bool { return l.Value == l.Truth }

// Looks shows a model the photos of dir as the pipeline does: the rendition that
// fetch would have stored, read from a blob store, decoded and scaled by the
// engine, one post at a time. Thresholds are left aside: the surest class counts,
// however unsure. It calls progress after each photo.
func Looks(ctx context.Context, n *learned.Net, dir string, progress func(done, of int)) ([]Look, error) {
	photos, err := Photos(dir)
	if err != nil {
		return nil, err
	}
	o, err := attribute(n)
	if err != nil {
		return nil, err
	}
	values, err := truth(photos, o)
	if err != nil {
		return nil, err
	}
	bench, err := newBench(n)
	if err != nil {
		return nil, err
	}
	defer bench.close()
	looks := make([]Look, len(photos))
	for i, p := range photos {
		if looks[i], err = bench.look(ctx, p, o.Attribute); err != nil {
			return nil, err
		}
		looks[i].Truth = values[p.Class]
		progress(i+1, len(photos))
	}
	return looks, nil
}

// bench is an engine for one model over blobs in a folder.
type bench struct {
	dir    string
	engine *analysis.Engine
	timed  *timed
}

func newBench(n *learned.Net) (*bench, error) {
	dir, err := os.MkdirTemp("", "weft-eval-")
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	m := &timed{Model: learned.NewModel(learned.WithoutThresholds(n))}
	reg, err := analysis.NewRegistry(m)
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, engine: analysis.NewEngine(reg, folder(dir), nowhere{}), timed: m}, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// look puts a photo through the engine. The first is shown twice, and counted the
// second time: caches are cold and graphs are laid out on the first call.
func (b *bench) look(ctx context.Context, p Photo, attribute string) (Look, error) {
	data, err := rendition(p.Path)
	if err != nil {
		return Look{}, fmt.Errorf("eval: %w", err)
	}
	const key = "rendition"
	if err := os.WriteFile(filepath.Join(b.dir, key), data, 0o600); err != nil {
		return Look{}, fmt.Errorf("eval: %w", err)
	}
	var found []models.Result
	for again := true; again; again = b.timed.calls == 1 {
		image := models.Media{State: models.MediaOK, SHA256: strconv.Itoa(b.timed.calls), Rendition: key}
		found, _, err = b.engine.Analyze(ctx, models.Post{ID: p.Path}, []models.Media{image}, []models.ModelRef{{Name: b.timed.Info().Name}})
		if err != nil {
			return Look{}, fmt.Errorf("eval: %w", err)
		}
	}
	l := Look{Photo: p, Inference: b.timed.last, Whole: found[0].Cost}
	for _, a := range found[0].Attributes {
		if a.Name == attribute {
			l.Value, l.Confidence = a.Value, a.Confidence
		}
	}
	return l, nil
}

// timed measures a model within the engine.
type timed struct {
	*learned.Model

	calls int
	last  float64
}

func (t *timed) AnalyzeAll(ctx context.Context, in []analysis.Input) ([]analysis.Finding, error) {
	started := analysis.ThreadSeconds()
	found, err := t.Model.AnalyzeAll(ctx, in)
	t.last = analysis.ThreadSeconds() - started
	for _, f := range found {
		t.last += f.Elsewhere
	}
	t.calls++
	return found, err
}

// folder is a blob store of plain files.
type folder string

func (f folder) Get(_ context.Context, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), key))
}

// nowhere keeps no results.
type nowhere struct{}

func (nowhere) Results(context.Context, []string) (map[string]models.Result, error) { return nil, nil }
func (nowhere) PutResults(context.Context, []models.Result) error                   { return nil }
