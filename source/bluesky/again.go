package bluesky

import (
	"context"
	"net/url"
	"slices"

	"weft/models"
	"weft/source"
)

const (
	postsMethod    = "app.bsky.feed.getPosts"
	profilesMethod = "app.bsky.actor.getProfiles"
	perCall        = 25 // of posts and of profiles
)

// Resolve returns the post as it is now, with the names and counts that a
// stream doesn't tell; models.ErrNotFound if it is gone.
func (c *Connector) Resolve(ctx context.Context, post models.Post) (models.Post, error) {
	b, err := c.known(ctx, []string{post.NativeID})
	if err != nil {
		return models.Post{}, err
	}
	for _, p := range b.Posts {
		if p.NativeID == post.NativeID {
			return p, nil
		}
	}
	if len(b.Problems) > 0 {
		return models.Post{}, models.Faultf(models.Retryable, "%s: %w", postsMethod, b.Problems[0])
	}
	return models.Post{}, models.ErrNotFound
}

// Recheck looks which posts are still there. One that is not, of an author who
// is, was deleted. If the author can't be seen either, the account may be
// suspended or gone: all of the author's posts are hidden until it is back,
// since a deletion couldn't be undone.
func (c *Connector) Recheck(ctx context.Context, posts []models.Post) (source.Batch, error) {
	var out source.Batch
	var missing []models.Post
	for chunk := range slices.Chunk(posts, perCall) {
		uris := make([]string, len(chunk))
		for i, p := range chunk {
			uris[i] = p.NativeID
		}
		b, err := c.known(ctx, uris)
		if err != nil {
			return out, err
		}
		out.Posts, out.Problems = append(out.Posts, b.Posts...), append(out.Problems, b.Problems...)
		for _, p := range chunk {
			found := slices.ContainsFunc(b.Posts, func(q models.Post) bool { return q.NativeID == p.NativeID })
			if found && p.Hidden != "" {
				out.Deletions = append(out.Deletions, c.account(p, models.Show, "account is back"))
			}
			// An unreadable entry may be any of those that are missing.
			if !found && len(b.Problems) == 0 && b.Skipped == nil {
				missing = append(missing, p)
			}
		}
	}
	for chunk := range slices.Chunk(missing, perCall) {
		if err := c.judge(ctx, &out, chunk); err != nil {
			return out, err
		}
	}
	return out, nil
}

// known asks for up to 25 posts.
func (c *Connector) known(ctx context.Context, uris []string) (source.Batch, error) {
	rec, err := c.ask(ctx, postsMethod, url.Values{"uris": uris})
	if err != nil {
		return source.Batch{}, err
	}
	if asObject(rec.Body).list("posts", maxItems) == nil {
		// Without its list an answer proves no post to be gone.
		return source.Batch{}, models.Faultf(models.Unavailable, "%s: posts: a list is wanted", postsMethod)
	}
	return c.Parse(rec)
}

// judge tells of posts that are not shown why.
func (c *Connector) judge(ctx context.Context, out *source.Batch, missing []models.Post) error {
	var authors []string
	for _, p := range missing {
		if did := authorOf(p); did != "" && !slices.Contains(authors, did) {
			authors = append(authors, did)
		}
	}
	if len(authors) == 0 {
		return nil
	}
	rec, err := c.ask(ctx, profilesMethod, url.Values{"actors": authors})
	if err != nil {
		return err
	}
	list := asObject(rec.Body).list("profiles", maxItems)
	if list == nil {
		return models.Faultf(models.Unavailable, "%s: profiles: a list is wanted", profilesMethod)
	}
	seen := map[string]bool{}
	for _, raw := range list {
		seen[asObject(raw).did()] = true
	}
	for _, p := range missing {
		switch did := authorOf(p); {
		case did == "":
		case seen[did]:
			out.Deletions = append(out.Deletions, c.gone(p.NativeID))
		default:
			out.Deletions = append(out.Deletions, c.account(p, models.Hide, "account can't be seen"))
		}
	}
	return nil
}

func authorOf(p models.Post) string {
	did, _, _ := splitURI(p.NativeID)
	return did
}

func (c *Connector) account(p models.Post, act models.Act, reason string) models.Deletion {
	return models.Deletion{Source: Name, Author: authorOf(p), Act: act, By: "platform", Reason: reason, At: c.now().UTC()}
}
