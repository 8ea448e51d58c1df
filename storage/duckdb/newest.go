package duckdb

import (
	"context"
	"slices"

	"weft/models"
	"weft/storage/newest"
)

// Newest returns posts of the history that scan asks for, each as its newest row
// of any profile, in the order asked for. manifest says which parts are the
// history; only files of the days asked for are opened. Forgotten and hidden
// posts are among the answer: who asks knows where each post stands.
func (h *History) Newest(ctx context.Context, manifest func(context.Context) ([]models.Part, error), scan models.HistoryScan) ([]models.Row, error) {
	query, args := newest.Query(newest.Dialect{
		Days: "dt BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)", Day: func(day string) any { return day },
		Millis: "epoch_ms(created_at)", Body: "CAST(body AS VARCHAR)", Mentions: "contains(CAST(body AS VARCHAR), ?)",
	}, scan)
	_, rows, err := h.QueryBy(ctx, func(ctx context.Context) ([]models.Part, []string, error) {
		parts, err := manifest(ctx)
		return slices.DeleteFunc(slices.Clone(parts), func(p models.Part) bool { return p.Day < scan.From || p.Day > scan.To }), nil, err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return newest.Rows(rows)
}
