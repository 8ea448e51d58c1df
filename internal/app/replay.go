package app

import (
	"context"
	"errors"
	"fmt"

	"weft/models"
)

// ReplayReport is what a replay took, or would take.
type ReplayReport struct {
	Runs   int  `json:"runs"`
	Moved  int  `json:"moved"` // of them, queued again; the others had moved on meanwhile
	DryRun bool `json:"dry_run,omitempty"`
}

// Replay queues ended runs again from the step they ended at: dead letters are
// documents, so they are chosen by a filter.
func (a *App) Replay(ctx context.Context, f models.RunFilter, dryRun bool) (ReplayReport, error) {
	rep := ReplayReport{DryRun: dryRun}
	f.Limit = 500
	for {
		runs, err := a.Documents.Runs(ctx, f)
		if err != nil {
			return rep, fmt.Errorf("replay: %w", err)
		}
		rep.Runs += len(runs)
		if !dryRun {
			n, err := a.replay(ctx, runs)
			rep.Moved += n
			if err != nil {
				return rep, err
			}
		}
		if len(runs) < f.Limit {
			return rep, nil
		}
		last := runs[len(runs)-1]
		f.After = last.Post + "/" + last.Profile
	}
}

func (a *App) replay(ctx context.Context, runs []models.Run) (int, error) {
	var queued []models.Run
	for _, run := range runs {
		m := run.Replay(run.Step, "replayed by hand", a.opt.Now(), a.Config.Reconcile.Horizon)
		err := a.Documents.Move(ctx, m)
		if errors.Is(err, models.ErrConflict) || errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return len(queued), fmt.Errorf("replay %s/%s: %w", run.Post, run.Profile, err)
		}
		queued = append(queued, m.Run)
	}
	return len(queued), a.Queue.EnqueueAll(ctx, queued)
}
