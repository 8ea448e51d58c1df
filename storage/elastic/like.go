package elastic

import (
	"context"
	"slices"

	"weft/models"
)

// leastCandidates is how many documents of each shard are compared at least:
// with fewer, too many neighbours are missed.
const leastCandidates = 100

// like answers with the documents that look most like one. It compares the most
// promising candidates of each month alone, as any search of this kind does, so
// it may miss one.
func (s *Search) like(ctx context.Context, p *plan, id string) (models.SearchAnswer, error) {
	answer := p.empty()
	of, err := s.Get(ctx, id)
	if err != nil {
		return answer, err
	}
	vector, err := of.Embedding.Unpack()
	if err != nil {
		return answer, models.Faultf(models.Permanent, "%s: %w", id, err)
	}
	switch {
	case len(vector) == 0:
		return answer, models.Faultf(models.Permanent, "%s: %w", id, models.ErrNoEmbedding)
	case len(vector) != s.options.Dims:
		return answer, models.Faultf(models.Permanent, "%s has an embedding of %d dimensions, and this index compares those of %d (analysis.embedding, `weft reindex`)", id, len(vector), s.options.Dims)
	}
	got, err := s.ask(ctx, object{
		"knn": object{
			"field": "vector", "query_vector": vector, "k": p.limit, "num_candidates": max(leastCandidates, 2*p.limit),
			"filter": object{"bool": object{
				"filter":   slices.Concat(p.filter, p.must, []object{{"term": object{"space": of.Space}}}),
				"must_not": object{"term": object{"id": id}},
			}},
		},
		"size": p.limit,
	}, "", false)
	if err != nil {
		return answer, err
	}
	for _, h := range got.Hits.Hits {
		answer.Hits = append(answer.Hits, h.Source)
	}
	answer.Total = int64(len(answer.Hits))
	return answer, nil
}
