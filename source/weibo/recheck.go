package weibo

import (
	"context"
	"errors"
	"fmt"

	"weft/models"
	"weft/source"
)

// mode is by which API single posts are read: the open one if there is a token.
func (c *Connector) mode() string {
	if c.opt.Token == "" && c.opt.AllowMobile {
		return modeMobile
	}
	return modeAPI
}

// Resolve reads a post again.
func (c *Connector) Resolve(ctx context.Context, post models.Post) (models.Post, error) {
	if err := c.ready(c.mode()); err != nil {
		return models.Post{}, err
	}
	b, err := c.again(ctx, post.NativeID)
	switch {
	case err != nil:
		return models.Post{}, err
	case len(b.Posts) == 1:
		return b.Posts[0], nil
	case len(b.Problems) > 0:
		return models.Post{}, models.Faultf(models.Retryable, "%w", b.Problems[0])
	}
	return models.Post{}, fmt.Errorf("weibo post %s: %w", post.NativeID, models.ErrNotFound)
}

// Recheck asks for each post by itself, since asking for several at once is for
// paying apps only: one call a post. On an error it returns what it has so far.
func (c *Connector) Recheck(ctx context.Context, posts []models.Post) (source.Batch, error) {
	var all source.Batch
	if err := c.ready(c.mode()); err != nil {
		return all, err
	}
	for _, p := range posts {
		b, err := c.again(ctx, p.NativeID)
		if err != nil {
			return all, err
		}
		all.Posts = append(all.Posts, b.Posts...)
		all.Deletions = append(all.Deletions, b.Deletions...)
		all.Problems = append(all.Problems, b.Problems...)
	}
	return all, nil
}

// again reads one post. Deleted, hidden by its author, or no longer public: all
// of them end in a deletion, since what somebody has withdrawn isn't kept.
func (c *Connector) again(ctx context.Context, id string) (source.Batch, error) {
	removed := func(by, why string) source.Batch {
		return source.Batch{Deletions: []models.Deletion{deletion(id, by, why, c.now())}}
	}
	p, err := c.show(ctx, c.mode(), id)
	if g, ok := errors.AsType[*gone](err); ok {
		return removed("platform", g.reason), nil
	}
	if err != nil {
		return source.Batch{}, err
	}
	out := source.Batch{Deletions: p.Deletions, Problems: p.Problems}
	for _, it := range p.items {
		switch {
		case it.id != id:
			out.Problem(id, "weibo answered with another post")
		case it.post >= 0:
			post := p.Posts[it.post]
			if it.cut {
				whole, err := c.complete(ctx, c.mode(), &post, it)
				if _, missing := errors.AsType[*gone](err); missing {
					return removed("platform", "its text is gone"), nil
				}
				if err != nil {
					return source.Batch{}, err
				}
				if whole == "" { // cut it would look like an edit
					out.Problem(id, "the whole text isn't given")
					continue
				}
				post.Text = whole
			}
			out.Posts = append(out.Posts, post)
		case p.Skipped["not public"]+p.Skipped["not visible"] > 0:
			out.Deletions = append(out.Deletions, deletion(id, "author", "no longer public", c.now()))
		}
	}
	finish(&out)
	return out, nil
}
