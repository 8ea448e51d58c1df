package mongo

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// stubDoc is what stays of a purged post.
type stubDoc struct {
	Post   string         `bson:"_id"`
	Author string         `bson:"author,omitempty"` // hash, hex
	Hidden string         `bson:"hidden,omitempty"` // why, see document.HiddenReason
	Labels []models.Label `bson:"labels"`
	Stub   models.Stub    `bson:"stub"`
}

// Purgeable returns the ids of posts, after the cursor, that may leave: not
// dirty, not tombstoned, not hidden, every run done, dropped or superseded before
// endedBefore, every row of theirs in a verified part, and for every
// publication a row of its generation and of the post's rev among them.
// A post without publications needs no rows.
func (d *Documents) Purgeable(ctx context.Context, endedBefore time.Time, after string, max int) ([]string, error) {
	var out []string
	for n := limit(max, 500); ; {
		idle := append(behind(after), bson.E{Key: "dirty", Value: bson.D{{Key: "$exists", Value: false}}}, bson.E{Key: "tomb", Value: false},
			bson.E{Key: "hidden", Value: bson.D{{Key: "$exists", Value: false}}},
			bson.E{Key: "runs.ended_at", Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gte", Value: endedBefore}}}}},
			bson.E{Key: "runs.state", Value: bson.D{{Key: "$ne", Value: string(models.Failed)}}})
		page, err := collect[stored](ctx, d, d.where(cPosts+primary, idle).sorted(asc("_id")).only(with("rev", "post.published")).limit(listed))
		if err != nil || len(page) == 0 {
			return out, fault("purgeable posts", err)
		}
		after = page[len(page)-1].ID
		ids, err := d.archivedOf(ctx, page)
		if err != nil {
			return out, fault("purgeable posts", err)
		}
		if out = append(out, ids...); len(out) >= n {
			return out[:n], nil
		}
	}
}

// archivedOf returns those of the posts that the history holds as they are.
func (d *Documents) archivedOf(ctx context.Context, posts []stored) ([]string, error) {
	var ids []string
	for i := range posts {
		ids = append(ids, posts[i].ID)
	}
	rows, err := d.placed(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range posts {
		s := &posts[i]
		var p models.Post // only what was read of it
		if err := decode(s.Post, &p); err != nil {
			return nil, err
		}
		p.Rev = s.Rev
		if archived(&p, rows[s.ID]) {
			out = append(out, s.ID)
		}
	}
	return out, nil
}

// placedRow is a staged row's key with the part that now holds it.
type placedRow struct {
	stagedRow
	part     string // empty: none
	verified bool
}

// placed finds where the rows of posts are, in the order of generation and rev.
func (d *Documents) placed(ctx context.Context, posts []string) (map[string][]placedRow, error) {
	rows, err := collect[stagedRow](ctx, d, d.where(stagingPost, among("post", posts)).only(without("body")))
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for i := range rows {
		if rows[i].Part != "" {
			ids[rows[i].Part] = true
		}
	}
	parts, err := d.holders(ctx, ids)
	if err != nil {
		return nil, err
	}
	holder := map[string]*partDoc{}
	for i := range parts {
		for _, id := range parts[i].Holds {
			holder[id] = &parts[i]
		}
	}
	out := map[string][]placedRow{}
	for _, r := range rows {
		row := placedRow{stagedRow: r}
		if p := holder[r.Part]; p != nil {
			row.part, row.verified = p.ID, p.State == string(models.PartVerified)
		}
		out[r.Post] = append(out[r.Post], row)
	}
	for _, rows := range out {
		slices.SortFunc(rows, func(a, b placedRow) int {
			return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Rev, b.Rev))
		})
	}
	return out, nil
}

// archived reports whether every row of p is in a verified part, and every
// publication as it is now among them.
func archived(p *models.Post, rows []placedRow) bool {
	if slices.ContainsFunc(rows, func(r placedRow) bool { return !r.verified }) {
		return false
	}
	for profile, pub := range p.Published {
		if !slices.ContainsFunc(rows, func(r placedRow) bool {
			return r.Profile == profile && r.Generation == pub.Generation && r.Rev == p.Rev
		}) {
			return false
		}
	}
	return true
}

// Purge removes a post with its runs, timelines, passages, row keys and
// settled items, and leaves the stub. ErrConflict if the post's rev is no
// longer stub.Rev or it isn't purgeable any more (but for the time, which the
// caller judged), ErrNotFound if it isn't there. What the stub says of content
// and runs is taken from what is removed, within the same transaction, and
// joined with what an earlier stub still holds; so the caller fills in only
// Post, Rev and PurgedAt. The post's labels are kept beside the stub.
//
// A move, a change or a late Stage meanwhile writes the post's document, which
// is deleted here: the later of the two is repeated, and finds no post, or one
// that isn't purgeable.
func (d *Documents) Purge(ctx context.Context, stub models.Stub) error {
	return fault("purge "+stub.Post, d.tx(ctx, func(ctx context.Context) error { return d.purge(ctx, stub) }))
}

func (d *Documents) purge(ctx context.Context, stub models.Stub) error {
	s, err := d.stored(ctx, stub.Post)
	if err != nil {
		return err
	}
	p, err := s.post()
	if err != nil {
		return err
	}
	rows, err := d.placed(ctx, []string{stub.Post})
	if err != nil {
		return err
	}
	if !s.idle() || s.Rev != stub.Rev || !archived(&p, rows[stub.Post]) {
		return fmt.Errorf("%w: it was written since, lives, or is not archived as it is", models.ErrConflict)
	}
	stub.Content, stub.PurgedAt = p.ContentHash(), stub.PurgedAt.UTC()
	stub.CreatedAt, stub.EditedAt = p.CreatedAt, p.EditedAt
	stub.Author = hex.EncodeToString(d.salt.Author(p.Source, document.AuthorOf(p.Author)))
	if stub.Runs, err = d.stubRuns(ctx, s, rows[stub.Post]); err != nil {
		return err
	}
	mine := bson.D{{Key: "post", Value: stub.Post}}
	settled := append(slices.Clone(mine), among("state", []models.ItemState{models.ItemClosed, models.ItemExpired, models.ItemWithdrawn})...)
	for _, f := range []filter{
		d.where(timelinesRun, mine), d.where(stagingPost, mine), d.where(itemsPost, settled), d.byID(cPosts, stub.Post),
	} {
		if _, err := d.remove(ctx, f); err != nil {
			return err
		}
	}
	return d.putStub(ctx, stub, p.Labels)
}

// idle reports whether nothing lives in the document, or waits.
func (s *stored) idle() bool {
	return s.Dirty == 0 && !s.Tomb && s.Hidden == 0 && !slices.ContainsFunc(s.Runs, func(r storedRun) bool {
		return !models.State(r.State).Ended() || r.State == string(models.Failed)
	})
}

// stubRuns collects what a stub keeps of a post's runs and of its stub.
func (d *Documents) stubRuns(ctx context.Context, s *stored, rows []placedRow) (map[string]models.StubRun, error) {
	out := map[string]models.StubRun{}
	old, _, err := d.stub(ctx, s.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	maps.Copy(out, old.Runs)
	for i := range s.Runs {
		r := &s.Runs[i]
		out[r.Profile] = models.StubRun{Seq: r.Seq, Generation: r.Generation, Past: map[models.State]int{models.State(r.State): 1}}
	}
	for _, p := range s.Passages {
		out[p.Profile].Past[models.State(p.State)] += p.N
	}
	for i := range rows {
		if r, ok := out[rows[i].Profile]; ok {
			r.Part = rows[i].part
			out[rows[i].Profile] = r
		}
	}
	return out, nil
}
