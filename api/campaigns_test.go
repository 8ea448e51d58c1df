package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"weft/api"
	"weft/models"
)

func TestCampaigns(t *testing.T) {
	r := start(t, nil)
	a := r.ask(t, "POST", "/v1/campaigns", body(`{"profile":"catalog","dry_run":true}`))
	var c api.Campaign
	a.into(t, &c)
	if a.status != 200 || c.ID != "" || c.Taken.Posts != 7 || c.Taken.Cost != 1.5 {
		t.Errorf("dry run: %d %s", a.status, a.body)
	}
	if all, err := r.documents.Campaigns(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("a dry run left %+v, %v", all, err)
	}
	for ask, where := range map[string]string{
		`{"profile":"catalog","since":"2026-02-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}`: "body.until",
		`{"profile":"catalog","where":"lieks > 3"}`:                                           "body.where",
		`{"where":"likes > 3"}`: `body`,
	} {
		if a := r.ask(t, "POST", "/v1/campaigns", body(ask)); a.status != 422 || !strings.Contains(a.body, `"`+where+`"`) {
			t.Errorf("%s: %d %s", ask, a.status, a.body)
		}
	}
	if a := r.ask(t, "POST", "/v1/campaigns", body(`{"profile":"nosuch"}`)); a.status != 404 {
		t.Errorf("no such profile: %d %s", a.status, a.body)
	}
	a = r.ask(t, "POST", "/v1/campaigns", body(`{"profile":"catalog","where":"likes > 3"}`, r.as(models.Operator)))
	a.into(t, &c)
	if a.status != 201 || c.State != models.CampaignRunning || c.By != "operator" || a.header.Get("ETag") != `"1"` {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	path := "/v1/campaigns/" + c.ID
	for _, step := range []struct {
		verb, match string
		status      int
		state       models.CampaignState
	}{
		{"resume", "", 409, ""},
		{"pause", `"7"`, 412, ""},
		{"pause", `"1"`, 200, models.CampaignPaused},
		{"pause", "", 409, ""},
		{"resume", "", 200, models.CampaignRunning},
		{"cancel", `"3"`, 200, models.CampaignCancelled},
		{"resume", "", 409, ""},
	} {
		a := r.ask(t, "POST", path+"/"+step.verb, func(req *http.Request) {
			if step.match != "" {
				req.Header.Set("If-Match", step.match)
			}
		})
		if a.status != step.status || (step.state != "" && !strings.Contains(a.body, `"state":"`+string(step.state)+`"`)) {
			t.Errorf("%s: %d %s, want %d", step.verb, a.status, a.body, step.status)
		}
	}
	got := r.get(t, path)
	got.into(t, &c)
	if got.header.Get("ETag") != `"4"` || c.State != models.CampaignCancelled || c.Where != "likes > 3" {
		t.Errorf("campaign: %v %s", got.header, got.body)
	}
	var changes api.Changes
	r.get(t, path+"/changes").into(t, &changes)
	color := changes.Attributes["color"]
	if changes.Posts != 3 || changes.Changed != 1 || changes.New != 1 || color.Posts != 1 || color.Added["navy"] != 1 || color.Removed["red"] != 1 || changes.Attributes["brand"].Removed["acme"] != 1 {
		text, _ := json.Marshal(changes)
		t.Errorf("changes: %s", text)
	}
	for _, path := range []string{"/v1/campaigns/nosuch", "/v1/campaigns/nosuch/changes"} {
		if a := r.get(t, path); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
