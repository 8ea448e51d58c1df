package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weft/api"
	"weft/models"
	"weft/profile"
)

// ports are what the API asks of the rest, in its own words.
type ports struct{ a *App }

// Queues tells how deep the queues are.
func (p ports) Queues(ctx context.Context) ([]api.Queue, error) {
	if p.a.Queue == nil {
		return nil, api.ErrNoQueue
	}
	depths, err := p.a.Queue.Depths(ctx)
	var out []api.Queue
	for _, d := range depths {
		out = append(out, api.Queue(d))
	}
	return out, err
}

// Sources tells how the collection of each query fares.
func (p ports) Sources(ctx context.Context) ([]api.QueryStatus, error) {
	all, err := p.a.queryStatus(ctx)
	var out []api.QueryStatus
	for _, q := range all {
		out = append(out, api.QueryStatus{
			Name: q.Name, Source: q.Source, Success: since(q.Success), Lag: q.Lag, PerHour: q.PerHour, Posts: q.Posts, Deleted: q.Deleted,
			Errors: q.Errors, Error: q.Error, Next: since(q.Next), Paused: q.Paused, Left: q.Left, Skipped: q.Skipped, Gaps: q.Gaps, Removed: q.Removed,
		})
	}
	return out, err
}

// since is nil for no time at all.
func since(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Replay queues ended runs again.
func (p ports) Replay(ctx context.Context, f models.RunFilter, dryRun bool) (api.Replayed, error) {
	if p.a.Queue == nil && !dryRun {
		return api.Replayed{}, api.ErrNoQueue
	}
	rep, err := p.a.Replay(ctx, f, dryRun)
	return api.Replayed(rep), err
}

// Forget makes posts and authors gone.
func (p ports) Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	return p.a.Forget(ctx, deletions)
}

// Foresee counts what Forget would do.
func (p ports) Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	return p.a.Documents.Foresee(ctx, deletions)
}

// ForgetLog lists what was forgotten.
func (p ports) ForgetLog(ctx context.Context, post string, limit int) ([]models.Audit, error) {
	return p.a.Documents.ForgetLog(ctx, post, limit)
}

// Profiles lists the stored versions.
func (p ports) Profiles(ctx context.Context) ([]models.ProfileVersion, error) {
	return p.a.Documents.Profiles(ctx)
}

// Names lists the profiles that posts can start with.
func (p ports) Names() []string { return p.a.Library.Names() }

// Named returns one of them.
func (p ports) Named(ctx context.Context, name string) (*profile.Profile, error) {
	if !slices.Contains(p.a.Library.Names(), name) {
		return nil, fmt.Errorf("profile %q: %w", name, models.ErrNotFound)
	}
	return p.a.Library.Named(ctx, name)
}

// Parse checks a profile.
func (p ports) Parse(file string, body []byte) (*profile.Profile, error) {
	return profile.Parse(file, body, p.a.Registry)
}

// Subjects takes stored posts for a simulation.
func (p ports) Subjects(ctx context.Context, limit int) ([]profile.Subject, profile.CostModel, error) {
	s, err := p.a.StoredSubjects(ctx, limit)
	return s.Posts, s.Costs, err
}
