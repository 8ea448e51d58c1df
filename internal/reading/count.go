package reading

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"weft/models"
)

// Count is how many posts fit a query, and what they have in common.
type Count struct {
	Total  int64
	Facets map[string][]models.FacetCount // the 20 most frequent values each, most frequent first, ties by value
}

const (
	facetValues = 20
	maxFacets   = 20
)

// Count counts the posts that fit q, and their values in q.Facets. Behind the
// watermark search counts them. Before it they are looked at one by one, so that
// none counts twice.
func (r *Reader) Count(ctx context.Context, q models.SearchQuery) (Count, error) {
	q.Sort = "oldest" // which any history knows
	if err := check(q); err != nil {
		return Count{}, err
	}
	if len(q.Facets) > maxFacets {
		return Count{}, models.Faultf(models.Permanent, "reading: %d facets; allowed: up to %d", len(q.Facets), maxFacets)
	}
	var c Count
	err := r.divided(ctx, q, func(old, recent models.SearchQuery) error {
		t := newTally(q.Facets)
		for f, err := range r.drain(ctx, old) {
			if err != nil {
				return err
			}
			t.add(&f.Doc)
		}
		if !empty(recent) {
			recent.After, recent.Limit = "", 1
			a, err := r.p.Search.Search(ctx, recent)
			if err != nil {
				return err
			}
			if !t.join(&a) { // search names the most frequent values alone
				if err := r.tallyAll(ctx, recent, t); err != nil {
					return err
				}
			}
		}
		c = t.count()
		return nil
	})
	return c, err
}

// tallyAll counts what search has by looking at each.
func (r *Reader) tallyAll(ctx context.Context, q models.SearchQuery, t *tally) error {
	for f, err := range r.drain(ctx, q) {
		if err != nil {
			return err
		}
		t.add(&f.Doc)
	}
	return nil
}

// drain streams all of q, if the history isn't asked for too much.
func (r *Reader) drain(ctx context.Context, q models.SearchQuery) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		if empty(q) {
			return
		}
		if q.Sort == "likes" {
			q.Sort = "oldest"
		}
		cost, err := r.cost(ctx, q)
		if err == nil && cost.Rows > r.p.ScanRows {
			err = models.Faultf(models.Permanent, "reading: %d rows of the history would have to be looked at, and %d are allowed: narrow the time range, or make an export", cost.Rows, r.p.ScanRows)
		}
		if err != nil {
			yield(Found{}, err)
			return
		}
		r.Stream(ctx, q, models.Place{}, 0)(yield)
	}
}

// tally counts documents by their values.
type tally struct {
	facets []string
	total  int64
	values map[string]map[string]int64
}

func newTally(facets []string) *tally {
	t := &tally{facets: facets, values: map[string]map[string]int64{}}
	for _, f := range facets {
		t.values[f] = map[string]int64{}
	}
	return t
}

func (t *tally) add(d *models.SearchDoc) {
	t.total++
	for f, n := range t.values {
		for _, v := range Values(d, f) {
			n[v]++
		}
	}
}

// join adds what search counted, unless that may not be all: search names 20
// values, and one that it doesn't name could be among the first of both.
func (t *tally) join(a *models.SearchAnswer) bool {
	for f, counts := range a.Facets {
		if len(counts) == facetValues && len(t.values[f]) > 0 {
			return false
		}
	}
	t.total += a.Total
	for f, counts := range a.Facets {
		for _, c := range counts {
			t.values[f][c.Value] += c.N
		}
	}
	return true
}

func (t *tally) count() Count {
	c := Count{Total: t.total, Facets: map[string][]models.FacetCount{}}
	for f, n := range t.values {
		var counts []models.FacetCount
		for v, n := range n {
			counts = append(counts, models.FacetCount{Value: v, N: n})
		}
		slices.SortFunc(counts, func(a, b models.FacetCount) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
		c.Facets[f] = counts[:min(len(counts), facetValues)]
	}
	return c
}
