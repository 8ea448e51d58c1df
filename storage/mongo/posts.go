package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// Post returns a post and all its runs, in the order of their profiles.
func (d *Documents) Post(ctx context.Context, id string) (models.Post, []models.Run, error) {
	var s stored
	if err := d.one(ctx, d.byID(cPosts, id).only(without("timeline", "passages", "looks")), &s); err != nil {
		return models.Post{}, nil, fault("post "+id, err)
	}
	p, err := s.post()
	if err != nil {
		return p, nil, fault("post "+id, err)
	}
	runs, err := s.runs()
	return p, runs, fault("post "+id, err)
}

// Timeline returns what a run decided so far, in the order of seq. It is empty
// for a run that is not there.
func (d *Documents) Timeline(ctx context.Context, post, profile string) ([]models.Entry, error) {
	out, err := d.timeline(ctx, post, profile)
	return out, fault("timeline of "+post+"/"+profile, err)
}

// timeline reads the post first: a line that leaves it meanwhile is then seen
// twice, and never not at all.
func (d *Documents) timeline(ctx context.Context, post, profile string) ([]models.Entry, error) {
	var s stored
	if err := d.one(ctx, d.byID(cPosts, post).only(with("timeline")), &s); err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	lines := slices.DeleteFunc(s.Timeline, func(l storedEntry) bool { return l.Profile != profile })
	old := d.where(timelinesRun, bson.D{{Key: "post", Value: post}, {Key: "profile", Value: profile}})
	if err := d.each(ctx, old, func(doc bson.Raw) error {
		var l storedEntry
		err := unmarshal(doc, &l)
		lines = append(lines, l)
		return err
	}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(lines, func(a, b storedEntry) int { return cmp.Compare(a.Seq, b.Seq) })
	lines = slices.CompactFunc(lines, func(a, b storedEntry) bool { return a.Seq == b.Seq })
	var out []models.Entry
	for _, l := range lines {
		var e models.Entry
		if err := decode(l.Entry, &e); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Update applies c to the post and returns it. If that changed anything, the
// post is dirty. A deletion also ends the post's living runs as dropped, since
// no move is accepted for them any more, withdraws its items, and removes what
// else tells of it, as Forget does. A post that was tombstoned before takes no change.
func (d *Documents) Update(ctx context.Context, post string, c models.Change) (models.Post, error) {
	var p models.Post
	update := func(ctx context.Context) error {
		s, err := d.stored(ctx, post)
		if err != nil {
			return err
		}
		var changed bool
		if p, changed, err = d.changeStored(ctx, s, c); err != nil || !changed {
			return err
		}
		s.markDirty()
		if err := fits(post, s.size()); err != nil {
			return err
		}
		return d.save(ctx, s)
	}
	run := again
	if c.Delete != nil {
		run = d.tx
	}
	err := run(ctx, update)
	return p, fault("update "+post, err)
}

// again repeats f while somebody else writes the document that f read.
func again(ctx context.Context, f func(ctx context.Context) error) error {
	var err error
	for range mostRaces {
		if err = f(ctx); !errors.Is(err, errRaced) {
			return err
		}
	}
	return models.Faultf(models.Unavailable, "too many others write it: %w", err)
}

// Posts returns posts in the order of their ids, after the cursor. Posts that
// are written meanwhile neither repeat nor hide others.
func (d *Documents) Posts(ctx context.Context, f models.PostFilter) ([]models.Post, error) {
	after := bson.E{Key: "_id", Value: bson.D{{Key: "$gt", Value: f.After}}}
	q := d.where(cPosts+primary, bson.D{after})
	if f.Profile != "" {
		q = d.where(postsProfile, bson.D{{Key: "runs.profile", Value: f.Profile}, after})
	}
	out, err := d.posts(ctx, q.sorted(asc("_id")).limit(limit(f.Limit, 500)))
	return out, fault("posts", err)
}

func (d *Documents) posts(ctx context.Context, f filter) ([]models.Post, error) {
	var out []models.Post
	err := d.each(ctx, f.only(with("post", "raw")), func(doc bson.Raw) error {
		var s stored
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		p, err := s.post()
		out = append(out, p)
		return err
	})
	return out, err
}

// Dirty returns posts that must be projected again, tombstoned ones among
// them, the longest waiting first.
func (d *Documents) Dirty(ctx context.Context, max int) ([]models.Post, error) {
	out, err := d.posts(ctx, d.where(postsDirty, bson.D{{Key: "dirty", Value: bson.D{{Key: "$gt", Value: 0}}}}).
		sorted(asc("dirty", "_id")).limit(limit(max, 500)))
	return out, fault("dirty posts", err)
}

// Clean clears the dirty flag of a post if its rev is still rev; otherwise it
// does nothing, and the newer post is still dirty.
func (d *Documents) Clean(ctx context.Context, post string, rev int64) error {
	_, err := d.update(ctx, d.where(cPosts+primary, bson.D{{Key: "_id", Value: post}, {Key: "rev", Value: rev}}),
		append(incW(), bson.E{Key: "$unset", Value: bson.D{{Key: "dirty", Value: ""}}}))
	return fault("clean "+post, err)
}

// PostsOf returns the living posts of a source that were created since a
// moment, in the order of their ids, after the cursor. Hidden posts are among
// them: they may have come back. It reads this source's posts only, yet all of
// those: no index holds when a post was created, since every admission would
// pay for it, and only re-checks ask.
func (d *Documents) PostsOf(ctx context.Context, source string, since time.Time, after string, n int) ([]models.Post, error) {
	// all ids of the source lie between "source." and "source/", the next character
	first, last := source+".", source+"/"
	out, err := d.posts(ctx, d.where(cPosts+primary, bson.D{
		{Key: "_id", Value: bson.D{{Key: "$gt", Value: max(first, after)}, {Key: "$lt", Value: last}}},
		{Key: "tomb", Value: false},
		{Key: "post.created_at", Value: bson.D{{Key: "$gte", Value: since.UTC()}}},
	}).sorted(asc("_id")).limit(limit(n, 500)))
	return out, fault("posts of "+source, err)
}
