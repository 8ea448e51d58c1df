package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/api"
	"weft/labeling"
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

// desk takes answers over the API. Without a queue the run that waits is woken by
// a worker's sweep.
type desk struct{ a *App }

// Open lists the questions that want an answer.
func (d desk) Open(ctx context.Context, profile string, limit int) ([]models.Item, error) {
	return d.desk().Open(ctx, profile, limit)
}

// Item returns a question.
func (d desk) Item(ctx context.Context, id string) (models.Item, error) {
	return d.a.Documents.Item(ctx, id)
}

// Answer hands in an answer.
func (d desk) Answer(ctx context.Context, who models.Asker, h api.Handed, a models.Answer) (models.Item, error) {
	it, err := d.desk().AnswerAt(ctx, h.Item, h.Rev, a)
	if errors.Is(err, labeling.ErrMisfit) || errors.Is(err, labeling.ErrWithdrawn) {
		return it, fmt.Errorf("%w: %w", api.ErrAnswer, err)
	}
	return it, err
}

func (d desk) desk() *labeling.Desk {
	if d.a.Desk != nil {
		return d.a.Desk
	}
	return labeling.NewDesk(d.a.Documents, d.a.Documents, asleep{}, d.a.opt.Now, d.a.opt.Crash.Hit)
}

// asleep wakes nobody: there is no queue to put the run into.
type asleep struct{}

// Wake leaves the run to the sweep of a worker.
func (asleep) Wake(context.Context, string, string, string) (bool, error) { return true, nil }
