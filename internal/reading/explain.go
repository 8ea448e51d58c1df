package reading

import (
	"context"
	"fmt"

	"weft/models"
)

// Explanation says where a query looks, and at how much.
type Explanation struct {
	Search    bool             // it asks search
	History   bool             // it asks the history
	Watermark models.Watermark // what was created at this day or later is in search
	Cost      Cost             // of the history
	Recent    int64            // posts in search that fit
}

// Cost is what of the history a query looks at, if it looks at all of its range.
type Cost struct {
	Days  int
	Parts int
	Rows  int64
	Bytes int64
	By    string // what says how many bytes: "files" (their sizes), or "dry run"
}

// Explain says what q would look at, and asks no more than that.
func (r *Reader) Explain(ctx context.Context, q models.SearchQuery) (Explanation, error) {
	if err := check(q); err != nil {
		return Explanation{}, err
	}
	var e Explanation
	var err error
	if e.Watermark, err = r.p.Documents.Watermark(ctx); err != nil {
		return e, fmt.Errorf("reading: %w", err)
	}
	if e.Cost, err = r.cost(ctx, q); err != nil {
		return e, err
	}
	e.Search, e.History = !empty(q), e.Cost.Parts > 0
	if estimator, ok := r.p.History.(Estimator); ok && e.History {
		bytes, err := estimator.EstimateNewest(ctx, r.whole(newFilter(q), e.Watermark))
		if err != nil {
			return e, err
		}
		e.Cost.Bytes, e.Cost.By = bytes, "dry run"
	}
	if e.Search {
		q.After, q.Limit, q.Facets = "", 1, nil
		a, err := r.p.Search.Search(ctx, q)
		if err != nil {
			return e, err
		}
		e.Recent = a.Total
	}
	return e, nil
}

// cost adds up the parts that q looks at.
func (r *Reader) cost(ctx context.Context, q models.SearchQuery) (Cost, error) {
	c := Cost{By: "files"}
	mark, err := r.p.Documents.Watermark(ctx)
	if err != nil {
		return c, fmt.Errorf("reading: %w", err)
	}
	scan := r.whole(newFilter(q), mark)
	if !scan.Since.IsZero() && !scan.Since.Before(scan.Until) {
		return c, nil
	}
	parts, err := r.parts(ctx, scan)
	if err != nil {
		return c, err
	}
	days := map[string]bool{}
	for i := range parts {
		days[parts[i].Day] = true
		c.Rows += int64(parts[i].Rows)
		c.Bytes += parts[i].Bytes
	}
	c.Days, c.Parts = len(days), len(parts)
	return c, nil
}
