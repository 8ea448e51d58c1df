package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/analysis"
	"weft/analysis/learned"
	"weft/api"
	"weft/labeling"
	"weft/models"
	"weft/profile"
	"weft/storage/blobs"
	"weft/storage/sqlite"
)

// What internal/app puts between the API and the rest, over the same stores.

type nobody struct{}

func (nobody) Wake(context.Context, string, string, string) (bool, error) { return false, nil }

type desk struct {
	*labeling.Queue
	*labeling.Books

	documents *sqlite.Documents
}

func newDesk(d *sqlite.Documents) desk {
	return desk{labeling.NewQueue(labeling.QueueParams{
		Desk: labeling.NewDesk(d, d, nobody{}, time.Now, nil), Claims: d, Leases: d, Outlook: d,
		Lease: time.Minute, Gold: 1, Chance: func() float64 { return 0 }, Now: time.Now,
	}), labeling.NewBooks(d, time.Now), d}
}

func (d desk) Open(ctx context.Context, profile string, limit int) ([]models.Item, error) {
	return d.Desk.Open(ctx, profile, limit)
}

func (d desk) Item(ctx context.Context, id string) (models.Item, error) {
	return d.documents.Item(ctx, id)
}

func (d desk) Answer(ctx context.Context, who models.Asker, h api.Handed, a models.Answer) (models.Item, error) {
	it, err := d.Queue.Answer(ctx, who, h.Item, h.Rev, h.Claim, a)
	switch {
	case errors.Is(err, labeling.ErrMisfit):
		err = fmt.Errorf("%w: %w", api.ErrAnswer, err)
	case errors.Is(err, labeling.ErrLost):
		err = fmt.Errorf("%w: %w", api.ErrClaim, err)
	}
	return it, err
}

func (d desk) Contested(ctx context.Context, profile string, after *models.ItemPlace, limit int) ([]models.Item, error) {
	return d.Desk.Contested(ctx, profile, after, limit)
}

func (d desk) SetGold(ctx context.Context, id string, g models.Gold) (models.Item, error) {
	it, err := d.Desk.SetGold(ctx, id, g)
	if errors.Is(err, labeling.ErrMisfit) {
		err = fmt.Errorf("%w: %w", api.ErrAnswer, err)
	}
	return it, err
}

type pipeline struct{ *sqlite.Documents }

func (pipeline) Queues(context.Context) ([]api.Queue, error) {
	return []api.Queue{{Queue: "fetch", Pending: 3, Paused: true}}, nil
}

func (pipeline) Sources(context.Context) ([]api.QueryStatus, error) { return nil, nil }

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
	if _, err := learned.Load(reg, nil, nil); err != nil { // nothing is opened
		return nil, err
	}
	return profile.Parse(file, body, reg)
}

func (library) Subjects(context.Context, int) ([]profile.Subject, profile.CostModel, error) {
	return nil, profile.CostModel{}, nil
}

type planner struct{}

func (planner) Plan(context.Context, models.Campaign) (api.Plan, error) {
	return api.Plan{Version: "v", Posts: 7, Cost: 1.5}, nil
}

func (planner) Changes(context.Context, string, int) (api.Changes, error) {
	out := api.Changes{Attributes: map[string]api.AttributeChange{}}
	red, navy := models.Attribute{Name: "color", Value: "red"}, models.Attribute{Name: "color", Value: "navy"}
	before := []models.Revision{{Generation: 1, Values: map[string][]string{"color": {"red"}, "brand": {"acme"}}}}
	out.Count("file.1", models.Publication{Attributes: []models.Attribute{navy}, Before: before})
	out.Count("file.2", models.Publication{Attributes: []models.Attribute{red, {Name: "brand", Value: "acme"}}, Before: before})
	out.Count("file.3", models.Publication{Attributes: []models.Attribute{red}})
	return out, nil
}

// both is an installation without a history.
type both struct{ *sqlite.Search }

func (b both) Page(ctx context.Context, q models.SearchQuery) ([]models.SearchDoc, string, error) {
	a, err := b.Search.Search(ctx, q)
	return a.Hits, a.Next, err
}

func (b both) Count(ctx context.Context, q models.SearchQuery) (int64, map[string][]models.FacetCount, error) {
	a, err := b.Search.Search(ctx, q)
	return a.Total, a.Facets, err
}

func (both) Explain(context.Context, models.SearchQuery) (api.Explanation, error) {
	return api.Explanation{Ends: []string{"search"}, Watermark: "0001-01-02"}, nil
}

func (b both) Shares(ctx context.Context, q api.TrendQuery) ([]api.Share, error) {
	if q.Value == "too much" {
		return nil, models.Faultf(models.Permanent, "trends: too much")
	}
	a, err := b.Search.Search(ctx, q.Posts)
	return []api.Share{{From: q.Posts.Since, Until: q.Posts.Until, Posts: a.Total, Note: "not enough labels of the sample"}}, err
}

// files are exports that nobody works on.
type files struct {
	*sqlite.Documents

	blobs *blobs.Store
}

func (f files) Create(ctx context.Context, owner, format string, q models.SearchQuery) (models.Export, error) {
	e := models.Export{ID: fmt.Sprintf("e%019d", time.Now().UnixNano()), Rev: 1, Owner: owner, Format: format, Query: q, State: models.ExportQueued, CreatedAt: time.Now().UTC()}
	return e, f.PutExport(ctx, e)
}

func (f files) Cancel(ctx context.Context, id string) error {
	e, err := f.Export(ctx, id)
	if err != nil {
		return err
	}
	e.Rev++
	e.State = models.ExportCancelled
	return f.PutExport(ctx, e)
}

func (f files) Open(ctx context.Context, key string) (io.ReadSeeker, error) {
	data, err := f.blobs.Get(ctx, key)
	return strings.NewReader(string(data)), err
}
