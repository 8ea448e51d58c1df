package reindex

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/models"
)

// atOnce is how many documents are put at the same time: the adapter sends
// those that come together in one bulk.
const atOnce = 2 * page

// put is a page that was put, and is to be looked at once more.
type put struct {
	after string // the post before the page
	last  string // its last post
	posts int
	docs  []models.SearchDoc
	at    time.Time
}

// fill puts every post into search as it is, from where the state says.
func (r *Reindexer) fill(ctx context.Context) error {
	var total int64
	if r.state.Old != 0 {
		var err error
		if total, err = r.held(ctx, r.state.Old); err != nil {
			return err
		}
		r.report.Held = total
	}
	after := r.state.After
	var fresh []put // pages that are too new to be looked at
	err := r.pages(ctx, after, func(posts []models.Post) error {
		p, err := r.put(ctx, after, posts)
		if err != nil {
			return err
		}
		after = p.last
		fresh = append(fresh, p)
		r.Tell("fill", r.report.Posts, max(total, r.report.Posts))
		for len(fresh) > 0 && r.Now().Sub(fresh[0].at) > settle {
			if err := r.settled(ctx, fresh[0]); err != nil {
				return err
			}
			fresh = fresh[1:]
		}
		return r.hold(ctx)
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	if err := r.Wait(ctx, settle); err != nil {
		return err
	}
	for _, p := range fresh {
		if err := r.settled(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// pages goes through all posts after one, in the order of their ids.
func (r *Reindexer) pages(ctx context.Context, after string, do func([]models.Post) error) error {
	for {
		posts, err := r.Posts.Posts(ctx, models.PostFilter{After: after, Limit: page})
		if err != nil || len(posts) == 0 {
			return err
		}
		after = posts[len(posts)-1].ID
		if err := do(posts); err != nil {
			return err
		}
	}
}

// projected is what search is to hold of posts.
func projected(posts []models.Post) []models.SearchDoc {
	var docs []models.SearchDoc
	for i := range posts {
		if doc, ok := models.Project(&posts[i]); ok {
			docs = append(docs, doc)
		}
	}
	return docs
}

func (r *Reindexer) put(ctx context.Context, after string, posts []models.Post) (put, error) {
	p := put{after: after, last: posts[len(posts)-1].ID, posts: len(posts), docs: projected(posts)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, doc := range p.docs {
		group.Go(func() error { return r.patiently(ctx, func() error { return r.Search.Put(ctx, doc) }) })
	}
	err := group.Wait()
	r.report.Posts += int64(len(posts))
	r.report.Put += int64(len(p.docs))
	p.at = r.Now()
	return p, err
}

// patience is how often a search that is away is asked again, after one second,
// two, four and so on. A cluster that is busy for a moment must not end what has
// run for an hour; one that is away for longer does, and Run goes on from there.
const patience = 5

// patiently repeats what search is too busy for. Should that take longer than the
// lease, another Run may have begun: its puts and these do no harm to each other,
// and the next hold ends this one.
func (r *Reindexer) patiently(ctx context.Context, do func() error) error {
	for n := range patience {
		err := do()
		if models.ClassOf(err) != models.Unavailable || ctx.Err() != nil {
			return err
		}
		if err := r.Wait(ctx, time.Second<<n); err != nil {
			return err
		}
	}
	return do()
}

// settled takes those out of search again that were purged while they were put,
// and books that everything up to here is right.
func (r *Reindexer) settled(ctx context.Context, p put) error {
	there := map[string]bool{}
	posts, err := r.Posts.Posts(ctx, models.PostFilter{After: p.after, Limit: page})
	if err != nil {
		return err
	}
	for i := range posts {
		there[posts[i].ID] = true
	}
	for _, doc := range p.docs {
		if there[doc.ID] {
			continue
		}
		_, _, err := r.Posts.Post(ctx, doc.ID) // others may have come before it
		if err == nil {
			continue
		}
		if !errors.Is(err, models.ErrNotFound) {
			return err
		}
		if err := r.patiently(ctx, func() error { return r.Search.Delete(ctx, doc.ID, doc.Version) }); err != nil {
			return err
		}
		r.report.Removed++
	}
	if r.report.InPlace {
		return nil // it is repeated as a whole
	}
	r.state.After = p.last
	r.state.Posts += int64(p.posts)
	r.state.Put += int64(len(p.docs))
	return r.book(ctx, filling)
}

const (
	// tries is how often the builds' counts are compared with the documents:
	// writes that are under way make them differ by a few.
	tries = 5
	// samples is about how many documents are compared whole.
	samples = 1000
)

// verify compares the new build with the documents. Before it says no, it makes
// the next Run fill from the beginning.
func (r *Reindexer) verify(ctx context.Context) error {
	var err error
	for range tries {
		if err = r.compare(ctx); err == nil || models.ClassOf(err) != models.Permanent {
			return err
		}
		if err := r.Wait(ctx, r.Lag); err != nil {
			return err
		}
	}
	r.state.After, r.state.Posts, r.state.Put = "", 0, 0
	return errors.Join(err, r.book(ctx, filling))
}

// compare compares the numbers of each month, and some documents whole.
func (r *Reindexer) compare(ctx context.Context) error {
	before, err := r.Looks.Counts(ctx, r.state.Build)
	if err != nil {
		return err
	}
	every := uint32(max(1, r.report.Put/samples)) //nolint:gosec // a number of posts by a thousand
	want, done := map[string]int64{}, int64(0)
	r.report.Samples = 0
	err = r.pages(ctx, "", func(posts []models.Post) error {
		for _, doc := range projected(posts) {
			want[doc.CreatedAt.UTC().Format("2006-01")]++
			if !sampled(doc.ID, every) {
				continue
			}
			if err := r.sample(ctx, doc); err != nil {
				return err
			}
		}
		done += int64(len(posts))
		r.Tell("verify", done, max(done, r.report.Posts))
		return r.hold(ctx)
	})
	if err != nil {
		return err
	}
	after, err := r.Looks.Counts(ctx, r.state.Build)
	if err != nil {
		return err
	}
	return r.agree(before, want, after)
}

// agree holds the documents' numbers against those of the build before and
// after they were counted. Months that nobody writes to must be equal.
func (r *Reindexer) agree(before, want, after map[string]int64) error {
	months := maps.Clone(want)
	maps.Copy(months, after)
	r.report.Holds = 0
	for month := range months {
		r.report.Holds += after[month]
		moved := max(before[month]-after[month], after[month]-before[month])
		low, high := min(before[month], after[month])-moved, max(before[month], after[month])+moved
		if want[month] < low || want[month] > high {
			return models.Faultf(models.Permanent,
				"reindex: build %d holds %d posts of %s, and the documents say %d; build %d goes on serving. Run it again to fill it again, or with --abandon to give it up",
				r.state.Build, after[month], month, want[month], r.state.Old)
		}
	}
	return nil
}

// sampled picks one of every so many, the same ones at each try.
func sampled(id string, every uint32) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum32()%every == 0
}

// sample compares a document with what the new build holds, or with a newer
// reading of its post if it was written meanwhile.
func (r *Reindexer) sample(ctx context.Context, want models.SearchDoc) error {
	got, err := r.Looks.GetIn(ctx, r.state.Build, want.ID, want.CreatedAt)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err == nil && (got.Version > want.Version || got.Version == want.Version && equal(got, want)) {
		r.report.Samples++
		return nil
	}
	post, _, gone := r.Posts.Post(ctx, want.ID)
	if errors.Is(gone, models.ErrNotFound) {
		return nil
	}
	if gone != nil {
		return gone
	}
	if doc, ok := models.Project(&post); !ok || doc.Version != want.Version {
		return nil // it is being written: the next try, or another post, shows it
	}
	return models.Faultf(models.Permanent, "reindex: build %d holds %s otherwise than the documents say, or not at all; build %d goes on serving",
		r.state.Build, want.ID, r.state.Old)
}

// equal compares documents as they are stored.
func equal(a, b models.SearchDoc) bool {
	a.CreatedAt, b.CreatedAt = a.CreatedAt.UTC(), b.CreatedAt.UTC()
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
