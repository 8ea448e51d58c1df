package api_test

import (
	"context"
	"errors"
	"fmt"

	"weft/analysis"
	"weft/api"
	"weft/labeling"
	"weft/models"
	"weft/profile"
	"weft/storage/sqlite"
)

// What internal/app puts between the API and the rest, over the same stores.

type nobody struct{}

func (nobody) Wake(context.Context, string, string, string) (bool, error) { return false, nil }

type desk struct {
	*labeling.Desk
	*sqlite.Documents
}

func (d desk) Open(ctx context.Context, profile string, limit int) ([]models.Item, error) {
	return d.Desk.Open(ctx, profile, limit)
}

func (d desk) Answer(ctx context.Context, id string, rev int64, a models.Answer) (models.Item, error) {
	it, err := d.AnswerAt(ctx, id, rev, a)
	if errors.Is(err, labeling.ErrMisfit) {
		err = fmt.Errorf("%w: %w", api.ErrAnswer, err)
	}
	return it, err
}

type pipeline struct{ *sqlite.Documents }

func (pipeline) Queues(context.Context) ([]api.Queue, error) {
	return []api.Queue{{Queue: "fetch", Pending: 3, Paused: true}}, nil
}

func (pipeline) Sources(context.Context) ([]api.Source, error) { return nil, nil }

func (p pipeline) Replay(ctx context.Context, f models.RunFilter, dryRun bool) (api.Replayed, error) {
	runs, err := p.Runs(ctx, f)
	out := api.Replayed{Runs: len(runs), DryRun: dryRun}
	if !dryRun {
		out.Moved = len(runs)
	}
	return out, err
}

type library struct{ *sqlite.Documents }

func (library) Names() []string { return []string{"catalog"} }

func (l library) Named(_ context.Context, name string) (*profile.Profile, error) {
	if name != "catalog" {
		return nil, models.ErrNotFound
	}
	shipped, err := profile.Shipped()
	if err != nil {
		return nil, err
	}
	for _, f := range shipped {
		if p, err := l.Parse(f.Name, f.Body); err != nil || p.Name == name {
			return p, err
		}
	}
	return nil, models.ErrNotFound
}

func (library) Parse(file string, body []byte) (*profile.Profile, error) {
	reg, err := analysis.Default()
	if err != nil {
		return nil, err
	}
	return profile.Parse(file, body, reg)
}

func (library) Subjects(context.Context, int) ([]profile.Subject, profile.CostModel, error) {
	return nil, profile.CostModel{}, nil
}
