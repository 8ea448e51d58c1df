package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/internal/drift"
	"weft/internal/telemetry"
	"weft/models"
)

// ErrNoReference means that there is nothing to hold a week against.
var ErrNoReference = errors.New("drift: there is no reference yet; choose one with weft drift --reference FROM/TO")

// driftInterval is how often it is asked whether a week is over. The posts are
// gone through once a week.
const driftInterval = time.Hour

// Where the store keeps what drift is told of.
const (
	driftReference = "drift/reference"
	driftLatest    = "drift/latest"
)

// SetDriftReference counts the posts created in a window, and keeps the counts:
// from then on weeks are held against them, also when the posts are purged.
func (a *App) SetDriftReference(ctx context.Context, w drift.Window) error {
	stats, err := a.driftStats(ctx, w)
	if err != nil {
		return err
	}
	if len(stats.Profiles) == 0 {
		return fmt.Errorf("drift: no post that was created from %s to %s is published", w.From.Format(time.DateOnly), w.To.Format(time.DateOnly))
	}
	return a.keepDrift(ctx, driftReference, stats)
}

// Drift holds a week against the reference.
func (a *App) Drift(ctx context.Context, week drift.Window, limits drift.Limits) (drift.Report, error) {
	var reference drift.Stats
	if ok, err := a.keptDrift(ctx, driftReference, &reference); err != nil || !ok {
		return drift.Report{}, errors.Join(err, missing(ok))
	}
	stats, err := a.driftStats(ctx, week)
	if err != nil {
		return drift.Report{}, err
	}
	return drift.Compare(&reference, stats, limits), nil
}

func missing(ok bool) error {
	if ok {
		return nil
	}
	return ErrNoReference
}

// driftStats goes through all posts that the document store holds: those of a
// week are not together there, and once a week that is cheaper than an index
// which every write pays for.
func (a *App) driftStats(ctx context.Context, w drift.Window) (*drift.Stats, error) {
	stats := drift.NewStats(w.From, w.To)
	err := a.eachPost(ctx, func(posts []models.Post) error {
		for i := range posts {
			stats.Add(&posts[i])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("drift: %w", err)
	}
	return stats, nil
}

// lookForDrift looks at the newest week that is over, once, and again when the
// reference is another.
func (a *App) lookForDrift(ctx context.Context) error {
	var reference drift.Stats
	if ok, err := a.keptDrift(ctx, driftReference, &reference); err != nil || !ok {
		return err // without a reference nobody asked for it
	}
	week := drift.LastWeek(a.opt.Now())
	var latest drift.Report
	ok, err := a.keptDrift(ctx, driftLatest, &latest)
	if err != nil || ok && latest.Week == week && latest.Reference == (drift.Window{From: reference.From, To: reference.To}) {
		return err
	}
	report, err := a.Drift(ctx, week, drift.Default())
	if err != nil {
		return err
	}
	for _, c := range report.Changes {
		if c.Beyond {
			a.Log.Warn("drift: what is found has changed", "profile", c.Profile, "attribute", c.Attribute, "week", week.From.Format(time.DateOnly),
				"index", c.Index, "z", c.Z, "posts", c.Posts[1], "moved_most", c.Values[:min(3, len(c.Values))])
		}
	}
	return a.keepDrift(ctx, driftLatest, report)
}

// drifts tells the metrics what the newest look found.
func (a *App) drifts(ctx context.Context) ([]telemetry.Drift, error) {
	var latest drift.Report
	if ok, err := a.keptDrift(ctx, driftLatest, &latest); err != nil || !ok {
		return nil, err
	}
	var out []telemetry.Drift
	for _, c := range latest.Changes {
		if !c.Enough {
			continue
		}
		d := telemetry.Drift{Profile: c.Profile, Attribute: c.Attribute, Index: c.Index, Beyond: c.Beyond}
		if c.Confidence != nil {
			d.Confidence = *c.Confidence
		}
		out = append(out, d)
	}
	return out, nil
}

func (a *App) keepDrift(ctx context.Context, key string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = a.Documents.SetMeta(ctx, key, string(b))
	}
	if err != nil {
		return fmt.Errorf("drift: %w", err)
	}
	return nil
}

func (a *App) keptDrift(ctx context.Context, key string, v any) (bool, error) {
	s, err := a.Documents.Meta(ctx, key)
	if err == nil && s != "" {
		err = json.Unmarshal([]byte(s), v)
	}
	if err != nil {
		return false, fmt.Errorf("drift: %w", err)
	}
	return s != "", nil
}
