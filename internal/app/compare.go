package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/analysis"
	"weft/analysis/zoo"
	"weft/internal/compare"
	"weft/models"
)

// Comparison asks how a shadow does beside the model that is active.
type Comparison struct {
	Active   string // the name that profiles use; empty: the one that the shadow runs beside
	Shadow   string
	From     time.Time // of the posts' creation, inclusive; zero: all
	To       time.Time // exclusive
	Progress func(posts int)
}

// Compare reads what both said of the same inputs. It goes through the posts,
// not through the results: labels and images hang on posts, and no store has to
// keep one more index for a report. It computes nothing.
func (a *App) Compare(ctx context.Context, req Comparison) (compare.Report, error) {
	shadow, err := a.shadowNamed(req)
	if err != nil {
		return compare.Report{}, err
	}
	info, _ := a.Registry.Info(shadow.Of)
	active, _ := a.Models.Declared.Net(shadow.Of)
	attributes := slices.Concat(info.Attributes, shadow.Attributes())
	slices.Sort(attributes)
	tally := compare.NewTally(compare.Report{
		Model: shadow.Of, From: req.From, To: req.To,
		Active: compare.Side{Name: active.Declaration().Declared, Version: info.Version},
		Shadow: compare.Side{Name: shadow.Name, Version: shadow.Version},
	}, slices.Compact(attributes))
	n := 0
	err = a.eachPost(ctx, func(posts []models.Post) error {
		n += len(posts)
		if req.Progress != nil {
			req.Progress(n)
		}
		posts = slices.DeleteFunc(posts, func(p models.Post) bool {
			return (!req.From.IsZero() && p.CreatedAt.Before(req.From)) || (!req.To.IsZero() && !p.CreatedAt.Before(req.To))
		})
		return a.compare(ctx, tally, info, shadow.Version, posts)
	})
	if err != nil {
		return compare.Report{}, fmt.Errorf("compare: %w", err)
	}
	return tally.Report(), nil
}

// shadowNamed finds the shadow, and says which there are.
func (a *App) shadowNamed(req Comparison) (zoo.Declaration, error) {
	var names []string
	for _, n := range a.Models.Declared.Nets() {
		d := n.Declaration()
		if d.Stage != zoo.Shadow {
			continue
		}
		names = append(names, d.Name)
		if d.Name != req.Shadow {
			continue
		}
		if req.Active != "" && req.Active != d.Of {
			return d, fmt.Errorf("%w: %s runs beside %s, not beside %q", ErrNoShadow, d.Name, d.Of, req.Active)
		}
		return d, nil
	}
	return zoo.Declaration{}, fmt.Errorf("%w: no model %q is declared with stage: shadow; there are: %s", ErrNoShadow, req.Shadow, strings.Join(names, ", "))
}

// eachPost goes through all living posts that the document store holds, a page
// at a time.
func (a *App) eachPost(ctx context.Context, do func([]models.Post) error) error {
	const page = 500
	f := models.PostFilter{Limit: page}
	for {
		posts, err := a.Documents.Posts(ctx, f)
		if err != nil {
			return err
		}
		n := len(posts)
		if n > 0 {
			f.After = posts[n-1].ID
		}
		if err := do(slices.DeleteFunc(posts, func(p models.Post) bool { return p.Tombstone != nil })); err != nil {
			return err
		}
		if n < page {
			return nil
		}
	}
}

// compare adds a page of posts.
func (a *App) compare(ctx context.Context, tally *compare.Tally, info analysis.Info, other string, posts []models.Post) error {
	var keys []string
	inputs := make([][]compare.Input, len(posts))
	sums := make([][]string, len(posts))
	for i, p := range posts {
		inputs[i], sums[i] = inputsOf(p, info.Kind)
		for _, sum := range sums[i] {
			keys = append(keys, models.ResultKey(sum, info.Name, info.Version, ""), models.ResultKey(sum, info.Name, other, ""))
		}
	}
	known, err := a.Documents.Results(ctx, keys)
	if err != nil {
		return err
	}
	for i, p := range posts {
		post := compare.Post{ID: p.ID, Labels: p.Labels}
		for j, in := range inputs[i] {
			var first, second bool
			in.Active, first = known[models.ResultKey(sums[i][j], info.Name, info.Version, "")]
			in.Shadow, second = known[models.ResultKey(sums[i][j], info.Name, other, "")]
			if first && second {
				post.Inputs = append(post.Inputs, in)
			}
		}
		if len(post.Inputs) == 0 {
			tally.Skip()
			continue
		}
		tally.Add(post)
	}
	return nil
}

// inputsOf lists what a model of a kind looks at in a post, each with its SHA-256.
func inputsOf(p models.Post, kind analysis.Kind) (inputs []compare.Input, sums []string) {
	if kind == analysis.TextKind {
		if strings.TrimSpace(p.Text) == "" {
			return nil, nil
		}
		sum := sha256.Sum256([]byte(p.Text))
		return []compare.Input{{Text: p.Text}}, []string{hex.EncodeToString(sum[:])}
	}
	for _, m := range p.Images() {
		if !slices.Contains(sums, m.SHA256) {
			inputs, sums = append(inputs, compare.Input{Rendition: m.Rendition}), append(sums, m.SHA256)
		}
	}
	return inputs, sums
}
