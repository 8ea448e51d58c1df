package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"weft/analysis"
	"weft/analysis/image"
	"weft/models"
	"weft/profile"
	"weft/source/file"
	"weft/storage/blobs"
)

// Subjects are posts for a simulation, and what the steps cost for them.
type Subjects struct {
	Posts []profile.Subject
	Costs profile.CostModel
}

// StoredSubjects takes up to limit stored posts, with what models said of them.
func (a *App) StoredSubjects(ctx context.Context, limit int) (Subjects, error) {
	var s Subjects
	spent, counted := map[models.Step]float64{}, map[models.Step]int{}
	f := models.RunFilter{Limit: 500}
	seen := ""
	for len(s.Posts) < limit {
		runs, err := a.Documents.Runs(ctx, f)
		if err != nil {
			return s, fmt.Errorf("simulate: %w", err)
		}
		for _, run := range runs {
			f.After = run.Post + "/" + run.Profile
			if len(run.Results) == 0 || run.Post == seen || len(s.Posts) == limit {
				continue // one run of a post is enough: the first that was analysed
			}
			seen = run.Post
			post, _, err := a.Documents.Post(ctx, run.Post)
			if errors.Is(err, models.ErrNotFound) {
				continue
			}
			if err != nil {
				return s, fmt.Errorf("simulate: %w", err)
			}
			s.Posts = append(s.Posts, a.subject(post, run.Results, spent, counted))
		}
		if len(runs) < f.Limit {
			break
		}
	}
	s.Costs = means(spent, counted)
	return s, nil
}

// subject splits results by tier, and adds up what they cost.
func (a *App) subject(post models.Post, results []models.Result, spent map[models.Step]float64, counted map[models.Step]int) profile.Subject {
	tier := map[models.Step][]models.Result{}
	for _, r := range results {
		step := models.AnalyzeLight
		for _, name := range a.Registry.Models(models.AnalyzeHeavy) {
			if r.Model == name {
				step = models.AnalyzeHeavy
			}
		}
		tier[step] = append(tier[step], r)
		spent[step] += r.Cost
	}
	out := profile.Subject{Post: &post, Light: a.Registry.Fuse(tier[models.AnalyzeLight])}
	counted[models.AnalyzeLight]++
	if len(tier[models.AnalyzeHeavy]) > 0 {
		counted[models.AnalyzeHeavy]++
		out.Heavy = a.Registry.Fuse(results)
	}
	return out
}

func means(spent map[models.Step]float64, counted map[models.Step]int) profile.CostModel {
	costs := profile.CostModel{}
	for step, n := range counted {
		costs[step] = spent[step] / float64(n)
	}
	return costs
}

// FileSubjects reads posts from a file as the importer does and lets the
// models of the profiles look at them, here and now; nothing is stored.
// problems are told the records that can't be read.
func FileSubjects(ctx context.Context, reg *analysis.Registry, path string, profiles []*profile.Profile, problems func(error)) (Subjects, error) {
	store, err := blobs.Open(ctx, "mem://")
	if err != nil {
		return Subjects{}, err
	}
	defer store.Close()
	a := &App{Registry: reg, Blobs: store}
	engine := analysis.NewEngine(reg, store, forgetful{})
	prep := image.NewPreparer(100_000_000)
	var s Subjects
	spent, counted := map[models.Step]float64{}, map[models.Step]int{}
	for item, err := range file.Read(path, file.Options{}) {
		if err != nil {
			return s, err
		}
		if item.Err != nil {
			problems(item.Err)
			continue
		}
		post := item.Post
		for _, img := range item.Images {
			a.render(ctx, prep, &post, img)
		}
		results, err := predict(ctx, engine, post, profiles)
		if models.ClassOf(err) == models.Unavailable && err != nil { // it will be so for all posts
			return s, fmt.Errorf("%w; stored posts have what models said of them", err)
		}
		if err != nil {
			problems(fmt.Errorf("%s: %w", post.ID, err))
			continue
		}
		s.Posts = append(s.Posts, a.subject(post, results, spent, counted))
	}
	s.Costs = means(spent, counted)
	return s, nil
}

// render does in memory what the fetch step does.
func (a *App) render(ctx context.Context, prep *image.Preparer, post *models.Post, img file.LocalImage) {
	m := &post.Media[img.MediaIndex]
	data, err := os.ReadFile(img.Path)
	var p image.Prepared
	if err == nil {
		p, err = prep.Prepare(ctx, data)
	}
	if err == nil {
		m.SHA256, m.Rendition = p.SHA256, "renditions/"+p.SHA256+".jpg"
		err = a.Blobs.Put(ctx, m.Rendition, "image/jpeg", p.Rendition)
	}
	m.State = models.MediaOK
	if err != nil {
		m.State, m.Reason = models.MediaFailed, err.Error()
	}
}

// predict runs every model that one of the profiles names, each once.
func predict(ctx context.Context, engine *analysis.Engine, post models.Post, profiles []*profile.Profile) ([]models.Result, error) {
	var refs []models.ModelRef
	seen := map[string]bool{}
	for _, p := range profiles {
		for _, step := range []models.Step{models.AnalyzeLight, models.AnalyzeHeavy} {
			for _, ref := range p.Models(step) {
				key := strings.Join([]string{ref.Name, ref.Params}, "\x00")
				if !seen[key] {
					seen[key] = true
					refs = append(refs, ref)
				}
			}
		}
	}
	results, _, err := engine.Analyze(ctx, post, post.Images(), refs)
	return results, err
}

// forgetful is a store of results that keeps none.
type forgetful struct{}

func (forgetful) Results(context.Context, []string) (map[string]models.Result, error) {
	return map[string]models.Result{}, nil
}
func (forgetful) PutResults(context.Context, []models.Result) error { return nil }
