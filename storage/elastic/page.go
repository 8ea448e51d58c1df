package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// viewLasts is how long a view is kept for the next page. A reader who comes
// later goes on in a new view, where documents may have moved meanwhile.
const viewLasts = "2m"

// Search answers q: a page of hits, how many there are in all, and what they
// have in common.
func (s *Search) Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error) {
	p, err := s.plan(q)
	if err != nil {
		return models.SearchAnswer{}, models.Faultf(models.Permanent, "search: %w", err)
	}
	if s.closed.Load() {
		return models.SearchAnswer{}, fault("search", errClosed)
	}
	if p.nothing {
		return p.empty(), nil
	}
	if err := s.refresh(ctx); err != nil {
		return models.SearchAnswer{}, fault("search", err)
	}
	if q.Like != "" {
		answer, err := s.like(ctx, p, q.Like)
		return answer, fault("search for what looks like "+q.Like, err)
	}
	view := ""
	if p.after != nil {
		view = p.after.View
	}
	answer, err := s.page(ctx, p, view)
	if view != "" && (refused(err, "search_context_missing_exception") || noMonth(err)) { // nobody came for longer than it lasts, or a month was dropped
		answer, err = s.page(ctx, p, "")
	}
	var no *refusal
	if view != "" && errors.As(err, &no) && no.class() == models.Permanent { // the query itself was checked before
		err = models.Faultf(models.Permanent, "%.40q is no cursor: take the answer's next as it is (%w)", q.After, err)
	}
	return answer, fault("search", err)
}

// found is a hit.
type found struct {
	Score  float64           `json:"_score"`
	Source models.SearchDoc  `json:"_source"`
	Sort   []json.RawMessage `json:"sort"`
}

// searched is what a search is answered.
type searched struct {
	View string `json:"pit_id"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []found `json:"hits"`
	} `json:"hits"`
	Facets facetAnswer `json:"aggregations"`
}

// page answers in the given view, in a new one, or in none if the sort needs none.
func (s *Search) page(ctx context.Context, p *plan, view string) (models.SearchAnswer, error) {
	answer := p.empty()
	var err error
	if view == "" && p.moves() {
		if view, err = s.openView(ctx); err != nil {
			return answer, err
		}
	}
	got, err := s.ask(ctx, p.request(), view, p.sort == "relevance")
	if err != nil {
		s.closeView(ctx, view)
		return answer, err
	}
	if got.View != "" {
		view = got.View
	}
	answer.Total = got.Hits.Total.Value
	if err := s.facets(ctx, p, view, got.Facets, &answer); err != nil {
		return answer, err
	}
	hits := got.Hits.Hits
	if len(hits) > p.limit { // the one more that was asked for: there is a next page
		hits = hits[:p.limit]
		answer.Next = cursor{Query: p.print, View: view, Sort: hits[len(hits)-1].Sort[:sortKeys]}.String()
	} else {
		s.closeView(ctx, view)
	}
	for _, h := range hits {
		answer.Hits = append(answer.Hits, h.Source)
	}
	return answer, nil
}

// ask sends a search. An answer that lacks a part of the data is refused: a
// missing shard would be taken for missing documents.
func (s *Search) ask(ctx context.Context, request object, view string, relevance bool) (searched, error) {
	partial := false
	req := esapi.SearchRequest{AllowPartialSearchResults: &partial}
	if relevance { // rare words are rare in all months together
		req.SearchType = "dfs_query_then_fetch"
	}
	if view == "" {
		req.Index, req.IgnoreUnavailable = []string{s.prefix}, yes()
	} else {
		request["pit"] = object{"id": view, "keep_alive": viewLasts}
	}
	encoded, err := json.Marshal(request)
	if err != nil {
		return searched{}, models.Faultf(models.Permanent, "%w", err)
	}
	req.Body = bytes.NewReader(encoded)
	var got searched
	err = s.client.do(ctx, req, &got)
	return got, err
}

// facets fills in the facets, asking again for those with too many values.
func (s *Search) facets(ctx context.Context, p *plan, view string, first facetAnswer, answer *models.SearchAnswer) error {
	unsure := first.fill(p.facets, answer.Facets)
	if len(unsure) == 0 {
		return nil
	}
	request := p.request()
	delete(request, "search_after")
	delete(request, "sort")
	request["size"], request["aggs"] = 0, p.aggregations(unsure, facetDepths)
	got, err := s.ask(ctx, request, view, false)
	if err == nil {
		got.Facets.fill(unsure, answer.Facets)
	}
	return err
}

// openView keeps the data as they are now for the pages to come.
func (s *Search) openView(ctx context.Context) (string, error) {
	var got struct {
		ID string `json:"id"`
	}
	req := esapi.OpenPointInTimeRequest{Index: []string{s.prefix}, IgnoreUnavailable: yes(), KeepAlive: viewLasts}
	err := s.client.do(ctx, req, &got)
	return got.ID, err
}

// closeView lets a view go. If that goes wrong, it ends by itself.
func (s *Search) closeView(ctx context.Context, view string) {
	if view != "" {
		_ = s.client.do(ctx, esapi.ClosePointInTimeRequest{Body: body(object{"id": view})}, nil)
	}
}
