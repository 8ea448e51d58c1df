package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"weft/models"
)

// Staging takes the history's rows until a part is built of them. Staging the
// same key again is harmless.
type Staging interface {
	Stage(ctx context.Context, rows []models.Row) error
}

// Timelines reads what a row keeps beside the post.
type Timelines interface {
	// Post returns the post with all its runs.
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
	Timeline(ctx context.Context, post, profile string) ([]models.Entry, error)
}

// ArchiveStep freezes the post's rows into staging. The part builder takes
// them from there to the history.
type ArchiveStep struct {
	Timelines Timelines
	Staging   Staging
}

// Do stages a row for each profile that published the post: a post that one
// profile altered is newer for the others too.
func (s *ArchiveStep) Do(ctx context.Context, j Job) (Outcome, error) {
	post, runs, err := s.Timelines.Post(ctx, j.Post.ID)
	if err != nil {
		return Outcome{}, fmt.Errorf("archive: %w", err)
	}
	rows, err := freeze(ctx, s.Timelines, post, runs, j.Now)
	if err != nil {
		return Outcome{}, err
	}
	if err := s.Staging.Stage(ctx, rows); err != nil {
		return Outcome{}, fmt.Errorf("archive: stage: %w", err)
	}
	return Advance(fmt.Sprintf("staged at rev %d", post.Rev)), nil
}

// freeze makes the rows of a post: one per publication.
func freeze(ctx context.Context, timelines Timelines, post models.Post, runs []models.Run, now time.Time) ([]models.Row, error) {
	var rows []models.Row
	for _, name := range slices.Sorted(maps.Keys(post.Published)) {
		pub := post.Published[name]
		i := slices.IndexFunc(runs, func(r models.Run) bool { return r.Profile == name })
		if i < 0 {
			continue
		}
		timeline, err := timelines.Timeline(ctx, post.ID, name)
		if err != nil {
			return nil, fmt.Errorf("archive: timeline: %w", err)
		}
		timeline = slices.DeleteFunc(timeline, func(e models.Entry) bool { return e.Generation != pub.Generation })
		kept := post
		if !pub.Raw {
			kept.Raw = nil
		}
		body, err := json.Marshal(models.Frozen{Post: kept, Run: runs[i], Timeline: timeline})
		if err != nil {
			return nil, models.Faultf(models.Permanent, "archive: encode: %w", err)
		}
		rows = append(rows, models.Row{
			Post: post.ID, Profile: name, Generation: pub.Generation, Rev: post.Rev, Source: post.Source,
			CreatedAt: post.CreatedAt.UTC(), ArchivedAt: now.UTC(), Body: body,
		})
	}
	return rows, nil
}
