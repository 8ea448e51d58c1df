package instagram

import (
	"context"
	"time"

	"weft/models"
	"weft/source"
)

// againPages is how many pages of an account are read to find known posts
// again: 2,000 posts.
const againPages = 40

// Resolve reads a post again through its account's list. A post that was found
// by hashtag has no account, and its id can't be read by strangers: that it
// can't be read is no sign that it is gone.
func (c *Connector) Resolve(ctx context.Context, post models.Post) (models.Post, error) {
	if post.Author.Handle == "" {
		return models.Post{}, models.Faultf(models.Permanent, "instagram: %s was found by a hashtag and can't be read again", post.NativeID)
	}
	if err := c.ready(); err != nil {
		return models.Post{}, err
	}
	found, sure, err := c.find(ctx, post.Author.Handle, []models.Post{post})
	if p, ok := found[post.NativeID]; ok {
		return p, nil
	}
	switch {
	case err != nil:
		return models.Post{}, err
	case !sure:
		return models.Post{}, models.Faultf(models.Permanent, "instagram: %s wasn't found in the last %d pages of its account", post.NativeID, againPages)
	}
	return models.Post{}, models.ErrNotFound
}

// Recheck reads the accounts of posts again. A post that an account's list no
// longer has where it should stand was deleted. Posts that were found by
// hashtag can't be checked, and are left out.
func (c *Connector) Recheck(ctx context.Context, posts []models.Post) (source.Batch, error) {
	var b source.Batch
	if err := c.ready(); err != nil {
		return b, err
	}
	byAccount := map[string][]models.Post{}
	var accounts []string
	for _, p := range posts {
		if p.Source != Name || p.Author.Handle == "" {
			continue
		}
		if byAccount[p.Author.Handle] == nil {
			accounts = append(accounts, p.Author.Handle)
		}
		byAccount[p.Author.Handle] = append(byAccount[p.Author.Handle], p)
	}
	for _, name := range accounts {
		found, sure, err := c.find(ctx, name, byAccount[name])
		for _, p := range byAccount[name] {
			if now, ok := found[p.NativeID]; ok {
				b.Posts = append(b.Posts, now)
			} else if sure && err == nil {
				b.Deletions = append(b.Deletions, models.Deletion{
					Source: Name, NativeID: p.NativeID, Act: models.Delete, By: "author",
					Reason: "no longer in the account's list", At: c.opt.Now().UTC(),
				})
			}
		}
		switch {
		case err == nil:
		case models.ClassOf(err) == models.Permanent:
			b.Problem(name, "%w", err) // renamed, private or gone: no sign about single posts
		default:
			return b, err
		}
	}
	return b, nil
}

// find walks through an account's list until it has the wanted posts. It is
// sure that one is missing when the list was read to its end or past the
// oldest of them, and every entry could be read.
func (c *Connector) find(ctx context.Context, name string, wanted []models.Post) (found map[string]models.Post, sure bool, err error) {
	found = map[string]models.Post{}
	oldest, after := c.opt.Now().UTC(), ""
	missing := map[string]bool{}
	for _, p := range wanted {
		missing[p.NativeID] = true
		if p.CreatedAt.Before(oldest) {
			oldest = p.CreatedAt
		}
	}
	clean := true
	for range againPages {
		p, err := c.account(ctx, name, after)
		if err != nil {
			return found, false, err
		}
		clean = clean && p.listed && len(p.problems) == 0
		past := len(p.items) > 0
		for _, it := range p.items {
			if missing[it.post.NativeID] {
				found[it.post.NativeID] = it.post
				delete(missing, it.post.NativeID)
			}
			past = past && it.told && it.post.CreatedAt.Before(oldest.Add(-time.Hour))
		}
		if len(missing) == 0 || past || !p.next {
			return found, clean, nil
		}
		after = p.after
	}
	return found, false, nil
}
