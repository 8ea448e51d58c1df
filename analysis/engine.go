package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	weftimage "weft/analysis/image"
	"weft/models"
)

// Blobs is where renditions are.
type Blobs interface {
	// Get returns models.ErrNotFound for a blob that is not there.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Results keeps what models said, for ever, by key (models.Result.Key).
type Results interface {
	// Results returns those of the keys that are known.
	Results(ctx context.Context, keys []string) (map[string]models.Result, error)
	// PutResults stores results; one that is there already stays.
	PutResults(ctx context.Context, results []models.Result) error
}

// Engine runs models over posts. It is safe for concurrent use.
type Engine struct {
	registry *Registry
	blobs    Blobs
	results  Results
	pixels   weftimage.Pixels
}

// NewEngine returns an engine for the models of reg.
func NewEngine(reg *Registry, blobs Blobs, results Results) *Engine {
	return &Engine{registry: reg, blobs: blobs, results: results}
}

// job is one model on one input.
type job struct {
	model  Model
	info   Info
	params Params
	media  *models.Media // nil for the text
	result models.Result // all but Attributes and Cost
}

// Analyze runs every referred model over each of the images, or over the
// post's text, as its kind is. Results come in the order of images, then text,
// and within them of refs. Known ones are reused, with the cost they had then;
// cost is what was spent now, in CPU seconds. A rendition is read once for all
// models, decoded once for those that need as many pixels, and not at all when
// everything is known; a model sees a post's images together.
//
// An image whose rendition is gone is left out as long as another one isn't;
// if all are gone, the error is permanent.
func (e *Engine) Analyze(ctx context.Context, post models.Post, images []models.Media, refs []models.ModelRef) (results []models.Result, cost float64, err error) {
	jobs, err := e.plan(post, images, refs)
	if err != nil || len(jobs) == 0 {
		return nil, 0, err
	}
	keys := make([]string, len(jobs))
	for i, j := range jobs {
		keys[i] = j.result.Key()
	}
	known, err := e.results.Results(ctx, keys)
	if err != nil {
		return nil, 0, fmt.Errorf("analyze %s: look up results: %w", post.ID, err)
	}
	fresh, gone, runErr := e.run(ctx, post, jobs, known)
	for _, r := range fresh {
		cost += r.Cost
	}
	if len(fresh) > 0 { // also when a later image failed: the next attempt reuses them
		if err := e.results.PutResults(ctx, fresh); err != nil {
			return nil, cost, fmt.Errorf("analyze %s: keep results: %w", post.ID, errors.Join(runErr, err))
		}
	}
	if runErr != nil {
		return nil, cost, fmt.Errorf("analyze %s: %w", post.ID, runErr)
	}
	computed := make(map[string]models.Result, len(fresh))
	for _, r := range fresh {
		computed[r.Key()] = r
	}
	seen := false
	for i, j := range jobs {
		r, ok := known[keys[i]]
		if !ok {
			r, ok = computed[keys[i]]
		}
		if ok {
			results = append(results, r)
			seen = seen || j.media != nil
		}
	}
	if gone > 0 && !seen {
		return nil, cost, models.Faultf(models.Permanent, "analyze %s: images are gone", post.ID)
	}
	return results, cost, nil
}

// plan lists what there is to do: each image model on each different image,
// each text model on the text if there is one.
func (e *Engine) plan(post models.Post, images []models.Media, refs []models.ModelRef) ([]job, error) {
	var onImages, onText []job
	for _, ref := range refs {
		m, params, canonical, err := e.registry.resolve(ref)
		if err != nil {
			return nil, models.Faultf(models.Permanent, "analyze %s: %w", post.ID, err)
		}
		info := m.Info()
		j := job{model: m, info: info, params: params, result: models.Result{Model: info.Name, Version: info.Version, Params: canonical}}
		if info.Kind == ImageKind {
			onImages = append(onImages, j)
		} else {
			onText = append(onText, j)
		}
	}
	var jobs []job
	planned := map[string]bool{}
	for i := range images {
		if planned[images[i].SHA256] {
			continue
		}
		planned[images[i].SHA256] = true
		for _, j := range onImages {
			j.media, j.result.Input = &images[i], images[i].SHA256
			jobs = append(jobs, j)
		}
	}
	if strings.TrimSpace(post.Text) != "" {
		sum := sha256.Sum256([]byte(post.Text))
		for _, j := range onText {
			j.result.Input = hex.EncodeToString(sum[:])
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}
