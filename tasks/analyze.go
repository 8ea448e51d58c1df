package tasks

import (
	"context"
	"fmt"

	"weft/models"
)

// Analyzer runs models over a post's images and text. cost is what was really
// spent now, in CPU seconds: results that are known already cost nothing.
type Analyzer interface {
	Analyze(ctx context.Context, post models.Post, images []models.Media, refs []models.ModelRef) (results []models.Result, cost float64, err error)
}

// Fuser makes attributes of results: evidence for the same thing is combined,
// and a heavier model's word replaces a lighter one's.
type Fuser func(results []models.Result) []models.Attribute

// Analyze runs the models that the profile names for one of the two tiers.
type Analyze struct {
	Analyzer Analyzer
	Fuse     Fuser
}

// Do analyses the post at the tier that its run stands at.
func (a *Analyze) Do(ctx context.Context, j Job) (Outcome, error) {
	refs := j.Profile.Models(j.Run.Step)
	images := j.Post.Images()
	images = images[:min(len(images), j.Profile.Fetch.MaxImages)]
	results, cost, err := a.Analyzer.Analyze(ctx, j.Post, images, refs)
	if err != nil {
		return Outcome{}, err
	}
	out := Advance(fmt.Sprintf("%d models, %d images", len(refs), len(images)))
	out.Results, out.Cost = results, cost
	out.Attributes = a.Fuse(models.MergeResults(j.Run.Results, results))
	if out.Attributes == nil {
		out.Attributes = []models.Attribute{}
	}
	return out, nil
}
