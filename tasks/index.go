package tasks

import (
	"context"
	"fmt"

	"weft/models"
)

// Search takes projections. An older version than the one it holds changes nothing.
type Search interface {
	Put(ctx context.Context, doc models.SearchDoc) error
	Delete(ctx context.Context, id string, version int64) error
}

// IndexStep projects the post into search. What the run found was published by
// the move that brought it here, so the projection is of the whole document.
type IndexStep struct{ Search Search }

// Do projects the post as it was read; a later write has a later rev and wins.
// A post that is published and yet kept from search goes on to the history; if
// search holds an older one of it, that goes.
func (s *IndexStep) Do(ctx context.Context, j Job) (Outcome, error) {
	doc, ok := models.Project(&j.Post)
	if !ok && len(j.Post.Published) == 0 {
		return Drop("nothing of it is published"), nil
	}
	if !ok {
		if err := s.Search.Delete(ctx, j.Post.ID, j.Post.Rev); err != nil {
			return Outcome{}, fmt.Errorf("index: %w", err)
		}
		return Advance("kept out of search: " + keptOut(&j.Post)), nil
	}
	if err := s.Search.Put(ctx, doc); err != nil {
		return Outcome{}, fmt.Errorf("index: %w", err)
	}
	return Advance(fmt.Sprintf("indexed at rev %d", doc.Version)), nil
}

// keptOut says why nobody finds a post that is published.
func keptOut(p *models.Post) string {
	if p.Hidden != "" {
		return "hidden"
	}
	return "its author doesn't want it to be found"
}
