package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/api"
	"weft/models"
)

func TestActivity(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 30, 0, 0, time.UTC)
	r := start(t, func(p *api.Params) { p.Now = func() time.Time { return now } })
	hour := func(back int) time.Time { return now.Truncate(time.Hour).Add(time.Duration(-back) * time.Hour) }
	var kept []models.Activity
	for _, back := range []int{300, 25, 24, 1, 0} {
		kept = append(kept, models.Activity{Hour: hour(back), Profile: "catalog", Step: models.Fetch, Outcome: models.OutAdvance, N: int64(1 + back), Cost: .5})
	}
	kept = append(kept, models.Activity{Hour: hour(0), Profile: "quality", Step: models.Index, Outcome: models.OutFailed, N: 7})
	if err := r.documents.AddActivity(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]models.Activity{
		"":                            kept[2:],
		"?profile=quality":            kept[5:],
		"?profile=tendencies":         {},
		"?since=2026-03-04T04:59:59Z": kept[3:],
		"?until=2026-03-04T05:00:00Z": kept[2:4], // the hour of 5 begins then
		"?since=2026-03-03T01:00:00Z&until=2026-03-03T04:30:00Z":                 kept[1:2],
		"?since=2026-02-19T17:00:00Z&until=2026-02-26T17:00:00Z":                 kept[:1],
		"?since=2026-02-19T17:59:00Z&until=2026-02-26T17:59:00Z&profile=catalog": kept[:1],
		"?since=2026-03-04T06:00:00%2B01:00&until=2026-03-04T06:20:00%2B01:00":   kept[4:],
	} {
		var got struct{ Items []models.Activity }
		r.get(t, "/v1/activity"+path).into(t, &got)
		if diff := cmp.Diff(want, got.Items); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for path, want := range map[string]string{
		"?since=2026-03-04T06:00:00Z":                            "expected a time after since",
		"?since=2026-03-04T05:00:00Z&until=2026-03-04T05:00:00Z": "expected a time after since",
		"?since=2026-02-19T17:00:00Z&until=2026-02-26T18:00:01Z": "at most 168 hours",
		"?since=2026-01-01T00:00:00Z":                            "at most 168 hours",
		"?since=yesterday":                                       "query.since",
	} {
		if a := r.get(t, "/v1/activity"+path); a.status != 422 || !strings.Contains(a.body, want) || !strings.Contains(a.body, "query.") {
			t.Errorf("%s: %d %s, want 422 and %q", path, a.status, a.body, want)
		}
	}
}
