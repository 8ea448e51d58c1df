package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/models"
	"weft/storage/history"
)

// rewriteWait is how long forgotten posts of one day and source wait for each
// other before their parts of the history are rewritten. No reader of Weft's own
// sees them meanwhile, and what a person asked for doesn't wait.
const rewriteWait = 6 * time.Hour

// Forget does what sources, authors or operators want to be gone, and takes it
// out of search and deletes its images at once. What a worker does in its own
// time (the history, late writes) follows. Repeating it changes nothing.
func (a *App) Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	now := a.opt.Now().UTC()
	batch := make([]models.Deletion, len(deletions))
	for i, d := range deletions {
		if d.At.IsZero() {
			d.At = now
		}
		batch[i] = d
	}
	done, err := a.Documents.Forget(ctx, batch)
	if err != nil {
		return done, fmt.Errorf("app: forget: %w", err)
	}
	for _, id := range done.Posts {
		if err := a.unsearch(ctx, id); err != nil {
			return done, fmt.Errorf("app: forget: it is done, but search still shows %s until a worker takes it out: %w", id, err)
		}
	}
	if done.Deleted+done.Purged > 0 {
		if err := a.sweepBlobs(ctx); err != nil {
			return done, fmt.Errorf("app: forget: it is done, but images stay until a worker deletes them: %w", err)
		}
	}
	return done, nil
}

// unsearch takes a post out of search that nobody may see. The post stays dirty:
// the projector does the same once more.
func (a *App) unsearch(ctx context.Context, id string) error {
	post, _, err := a.Documents.Post(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, shown := models.Project(&post); shown {
		return nil
	}
	return a.Search.Delete(ctx, id, post.Rev)
}

// Eraser returns an eraser over the opened stores. Posts wait for others of
// their day and source that long before the history is rewritten.
func (a *App) Eraser(wait time.Duration) *history.Eraser {
	return history.NewEraser(history.EraserParams{
		Erasures: a.Documents, Manifest: a.Documents, Files: a.Parts, Warehouse: a.warehouse(), Wait: wait, Clock: a.opt.Now, Log: a.Log, Crash: a.opt.Crash.Hit,
	})
}

// Manifest says which parts are the history now, and which of its posts no
// reader may see. It asks twice for those, before and after the parts, so that
// neither a post that is forgotten in between nor one that is erased is missed.
func (a *App) Manifest(ctx context.Context) (parts []models.Part, unseen []string, err error) {
	before, err := a.Documents.Unseen(ctx)
	if err == nil {
		parts, err = a.Documents.Parts(ctx, models.PartVerified, allParts)
	}
	if err == nil {
		unseen, err = a.Documents.Unseen(ctx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("app: manifest: %w", err)
	}
	unseen = slices.Concat(before, unseen)
	slices.Sort(unseen)
	return parts, slices.Compact(unseen), nil
}
