package reading

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"weft/models"
)

// Page is a page of posts from both ends.
type Page struct {
	Docs []models.SearchDoc
	Next string // the cursor of the next page; empty at the end
}

// cursor is where a page ended.
type cursor struct {
	Query string       `json:"q"`
	Place models.Place `json:"p,omitzero"`
	Likes int64        `json:"l,omitempty"` // of the last post, when that is the order
}

func (c cursor) String() string {
	b, _ := json.Marshal(c) // plain data
	return base64.RawURLEncoding.EncodeToString(b)
}

// resume reads the cursor of q.
func resume(q models.SearchQuery) (cursor, error) {
	c := cursor{Query: q.Fingerprint()}
	if q.After == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.After)
	var got cursor
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	switch {
	case err != nil || got.Query == "" || got.Place.ID == "":
		return c, models.Faultf(models.Permanent, "reading: %.40q is no cursor: take the answer's next as it is", q.After)
	case got.Query != c.Query:
		return c, models.Faultf(models.Permanent, "reading: the cursor belongs to another query: only the page size and the facets may change between pages")
	}
	return got, nil
}

// Page answers q with one page. Pages by creation neither overlap nor leave gaps,
// whatever moves meanwhile; by likes they do as the likes themselves move.
func (r *Reader) Page(ctx context.Context, q models.SearchQuery) (Page, error) {
	if err := check(q); err != nil {
		return Page{}, err
	}
	c, err := resume(q)
	if err != nil {
		return Page{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	if q.Sort == "likes" {
		return r.mostLiked(ctx, q, c, limit)
	}
	p := Page{}
	for f, err := range r.Stream(ctx, q, c.Place, limit+1) {
		if err != nil {
			return Page{}, err
		}
		if len(p.Docs) == limit {
			c.Place = models.PlaceOf(p.Docs[limit-1].ID, p.Docs[limit-1].CreatedAt)
			p.Next = c.String()
			break
		}
		p.Docs = append(p.Docs, f.Doc)
	}
	return p, nil
}

// likesOf orders documents by likes; hidden ones are behind zero.
func likesOf(d *models.SearchDoc) int64 {
	if d.Counts.Likes == nil {
		return -1
	}
	return *d.Counts.Likes
}

func byLikes(a, b models.SearchDoc) int {
	return cmp.Or(cmp.Compare(likesOf(&b), likesOf(&a)), cmp.Compare(a.ID, b.ID))
}

// mostLiked is a page by likes: of the posts behind the watermark, all of which
// must be looked at, and of those before it, which search has in this order.
func (r *Reader) mostLiked(ctx context.Context, q models.SearchQuery, c cursor, limit int) (Page, error) {
	var p Page
	err := r.divided(ctx, q, func(old, recent models.SearchQuery) error {
		p = Page{}
		behind := func(d *models.SearchDoc) bool {
			return c.Place.ID == "" || likesOf(d) < c.Likes || likesOf(d) == c.Likes && d.ID > c.Place.ID
		}
		docs, err := r.likedRecently(ctx, recent, behind, limit+1)
		if err != nil {
			return err
		}
		for f, err := range r.drain(ctx, old) {
			if err != nil {
				return err
			}
			if behind(&f.Doc) {
				docs = append(docs, f.Doc)
			}
			if len(docs) > 4*(limit+1) {
				slices.SortFunc(docs, byLikes)
				docs = slices.Delete(docs, limit+1, len(docs))
			}
		}
		slices.SortFunc(docs, byLikes)
		if len(docs) > limit {
			docs = docs[:limit]
			last := &docs[limit-1]
			p.Next = cursor{Query: c.Query, Place: models.PlaceOf(last.ID, last.CreatedAt), Likes: likesOf(last)}.String()
		}
		p.Docs = docs
		return nil
	})
	return p, err
}

// likedRecently takes from search the first n that are behind where the last page ended.
func (r *Reader) likedRecently(ctx context.Context, q models.SearchQuery, behind func(*models.SearchDoc) bool, n int) ([]models.SearchDoc, error) {
	var docs []models.SearchDoc
	if empty(q) {
		return nil, nil
	}
	q.Sort, q.After, q.Limit, q.Facets = "likes", "", maxLimit, nil
	for {
		a, err := r.p.Search.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range a.Hits {
			if behind(&a.Hits[i]) {
				docs = append(docs, a.Hits[i])
			}
		}
		if a.Next == "" || len(docs) >= n {
			return docs, nil
		}
		q.After = a.Next
	}
}

// empty reports whether q's range holds no moment.
func empty(q models.SearchQuery) bool {
	return !q.Until.IsZero() && !floor(q.Since).Before(floor(q.Until))
}

// dividings is how often a query is begun anew because the watermark moved.
const dividings = 5

// divided calls do with q before the watermark (old: what may be at both ends)
// and behind it (recent: what search alone has). If the watermark moves
// meanwhile, posts may have left from behind it, and do is called again; and in
// the end with everything at the old end.
func (r *Reader) divided(ctx context.Context, q models.SearchQuery, do func(old, recent models.SearchQuery) error) error {
	for try := range dividings {
		mark, err := r.p.Documents.Watermark(ctx)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if try == dividings-1 {
			mark = models.Everything
		}
		old, recent := q, q
		if before := mark.Before(); q.Until.IsZero() || before.Before(q.Until) {
			old.Until = before
		}
		if before := mark.Before(); before.After(q.Since) {
			recent.Since = before
		}
		if err := do(old, recent); err != nil {
			return err
		}
		now, err := r.p.Documents.Watermark(ctx)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if now == mark || mark == models.Everything {
			return nil
		}
	}
	return errors.New("reading: unreachable") // the last try returns
}
