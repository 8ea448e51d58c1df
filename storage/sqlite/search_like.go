package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"weft/models"
)

// neighbour is a document and the cosine of the angle to what was asked about.
type neighbour struct {
	n      int64
	id     string
	cosine float64
}

// like answers with the documents that look most like one, as of one moment. It
// reads every vector of the space that the conditions leave: 100,000 of 1,280
// dimensions are 128 MB, and take a second.
func (s *Search) like(ctx context.Context, p *searchPlan, id string) (models.SearchAnswer, error) {
	answer := p.empty()
	tx, err := s.handles.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return answer, err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	var space *string
	var vector []byte
	err = tx.QueryRowContext(ctx, `SELECT v.space, v.vector FROM search_docs d LEFT JOIN search_vectors v ON v.n = d.n WHERE d.id = ? AND d.deleted = 0`, id).Scan(&space, &vector)
	if err != nil {
		return answer, absent(err)
	}
	if space == nil {
		return answer, models.Faultf(models.Permanent, "%s: %w", id, models.ErrNoEmbedding)
	}
	nearest, err := p.nearest(ctx, tx, *space, vector, id)
	if err != nil {
		return answer, err
	}
	for _, near := range nearest {
		var body []byte
		if err := tx.QueryRowContext(ctx, `SELECT doc FROM search_docs WHERE n = ?`, near.n).Scan(&body); err != nil {
			return answer, err
		}
		var doc models.SearchDoc
		if err := json.Unmarshal(body, &doc); err != nil {
			return answer, fmt.Errorf("document %s: %w", near.id, err)
		}
		answer.Hits = append(answer.Hits, doc)
	}
	answer.Total = int64(len(answer.Hits))
	return answer, nil
}

// nearest scans the vectors, and keeps a page of the nearest.
func (p *searchPlan) nearest(ctx context.Context, tx *sql.Tx, space string, to []byte, but string) ([]neighbour, error) {
	where, args := p.conditions()
	args = append(slices.Clone(args), space, but)
	rows, err := tx.QueryContext(ctx, "SELECT d.n, d.id, v.vector FROM search_vectors v JOIN search_docs d ON d.n = v.n WHERE "+where+" AND v.space = ? AND d.id <> ?", args...)
	var best []neighbour
	nearer := func(a, b neighbour) int { return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.id, b.id)) }
	var vector sql.RawBytes
	err = drain(rows, err, func(scan scanner) error {
		var near neighbour
		if err := scan(&near.n, &near.id, &vector); err != nil {
			return err
		}
		near.cosine = cosine(to, vector)
		if at, _ := slices.BinarySearchFunc(best, near, nearer); at < p.limit {
			best = slices.Insert(best, at, near)
			best = best[:min(len(best), p.limit)]
		}
		return nil
	})
	return best, err
}

// cosine compares two packed vectors (models.Vector). Those of unequal length
// have nothing in common.
func cosine(a, b []byte) float64 {
	if len(a) != len(b) {
		return -1
	}
	var dot, squaresA, squaresB int64
	for i, x := range a {
		x, y := int64(int8(x)), int64(int8(b[i]))
		dot += x * y
		squaresA += x * x
		squaresB += y * y
	}
	if squaresA == 0 || squaresB == 0 {
		return -1
	}
	return float64(dot) / math.Sqrt(float64(squaresA)*float64(squaresB))
}
