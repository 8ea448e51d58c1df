package duckdb

import (
	"context"
	"fmt"
	"testing"

	"weft/models"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/storagetest"
)

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	store, err := blobs.Open(t.Context(), "file://"+dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var parts []models.Part
	folders := map[string][]models.Row{}
	for _, r := range storagetest.NewestRows() {
		folders[r.Day()+r.Source] = append(folders[r.Day()+r.Source], r)
	}
	for _, rows := range folders {
		for i, some := range [][]models.Row{rows[:9], rows[9:]} { // a post's rows lie in several files
			part := models.Part{ID: fmt.Sprintf("p%d-%d", len(parts), i), Day: some[0].Day(), Source: some[0].Source, State: models.PartVerified}
			if _, err := parquet.New(store).Write(t.Context(), part, some); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
		}
	}
	h := open(t, dir)
	storagetest.Newest(t, func(ctx context.Context, scan models.HistoryScan) ([]models.Row, error) {
		return h.Newest(ctx, func(context.Context) ([]models.Part, error) { return parts, nil }, scan)
	})
}
