package bigquery

import (
	"context"

	"weft/models"
	"weft/storage/newest"
)

// dialect is how BigQuery writes the query for the newest rows.
func dialect() newest.Dialect {
	return newest.Dialect{
		Days: "dt BETWEEN ? AND ?", Day: func(day string) any { return Day(day) },
		Millis: "UNIX_MILLIS(created_at)", Body: "body", Mentions: "STRPOS(body, ?) > 0",
	}
}

// Newest returns posts of the history that scan asks for, each as its newest row
// of any profile, in the order asked for. It is billed for the narrow columns
// and the bodies of the days asked for. Forgotten and hidden posts are among the
// answer: who asks knows where each post stands.
func (w *Warehouse) Newest(ctx context.Context, scan models.HistoryScan) ([]models.Row, error) {
	query, args := newest.Query(dialect(), scan)
	_, rows, err := w.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return newest.Rows(rows)
}

// EstimateNewest says how many bytes Newest would read at most, without reading them.
func (w *Warehouse) EstimateNewest(ctx context.Context, scan models.HistoryScan) (int64, error) {
	query, args := newest.Query(dialect(), scan)
	return w.Estimate(ctx, query, args...)
}
