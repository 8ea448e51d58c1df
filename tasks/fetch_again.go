package tasks

import (
	"context"
	"errors"

	"weft/models"
)

// rereading is one post read again at its source, at most once per try, for the
// images whose addresses have expired.
type rereading struct {
	resolver Resolver // nil: the source can't be asked
	post     models.Post
	done     bool
	now      models.Post
	err      error
}

// address returns where an image lies now; "" if nobody knows of another place.
func (r *rereading) address(ctx context.Context, m models.Media) (string, error) {
	if r.resolver == nil {
		return "", nil
	}
	if !r.done {
		r.done = true
		r.now, r.err = r.resolver.Resolve(ctx, r.post)
	}
	if r.err != nil {
		return "", r.fault(ctx)
	}
	for _, now := range r.now.Media {
		if now.Key() == m.Key() && now.URL != m.URL {
			return now.URL, nil
		}
	}
	return "", nil
}

// fault says what came of reading the post again. Trouble of its network is
// this post's and may pass; Unavailable would stop the fetches of all sources.
func (r *rereading) fault(ctx context.Context) error {
	switch {
	case errors.Is(r.err, models.ErrNotFound):
		return models.Faultf(models.Permanent, "it is gone, and so is the post at its source")
	case models.ClassOf(r.err) == models.Permanent:
		return models.Faultf(models.Permanent, "it is gone, and the post can't be read again: %w", r.err)
	case errors.Is(ctx.Err(), context.Canceled):
		return models.Faultf(models.Unavailable, "read the post again: %w", ctx.Err())
	default:
		return models.Faultf(models.Retryable, "it is gone, and reading the post again went wrong: %w", r.err)
	}
}
