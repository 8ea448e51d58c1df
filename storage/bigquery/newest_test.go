package bigquery_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"weft/models"
	"weft/storage/storagetest"
)

// TestNewest: the emulator answers the query for the newest rows as the embedded
// engine does. Its dry runs read nothing, so prices aren't shown.
func TestNewest(t *testing.T) {
	b := emulator(t)
	var parts []models.Part
	folders := map[string][]models.Row{}
	for _, r := range storagetest.NewestRows() {
		folders[r.Day()+r.Source] = append(folders[r.Day()+r.Source], r)
	}
	for _, rows := range folders {
		for i, some := range [][]models.Row{rows[:9], rows[9:]} {
			part := models.Part{
				ID: fmt.Sprintf("p%d-%d", len(parts), i), Day: some[0].Day(), Source: some[0].Source, Rows: len(some), Checksum: models.Checksum(some),
			}
			ask(t, http.MethodPost, b.gcs+"/upload/storage/v1/b/"+b.bucket+"/o?uploadType=media&name="+url.QueryEscape("history/"+part.Path()), string(file(t, part, some)))
			parts = append(parts, part)
		}
	}
	if err := b.w.Load(t.Context(), "newest", parts); err != nil {
		t.Fatal(err)
	}
	storagetest.Newest(t, b.w.Newest)
	if _, err := b.w.EstimateNewest(t.Context(), models.HistoryScan{From: "2026-03-14", To: "2026-03-15"}); err != nil {
		t.Error(err)
	}
}
