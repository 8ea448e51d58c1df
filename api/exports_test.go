package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"weft/api"
	"weft/models"
	"weft/storage/storagetest"
)

const wholeYear = "since=2025-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"

func TestHistoryPages(t *testing.T) {
	r := start(t, nil)
	for _, d := range storagetest.SearchDocs(12) {
		if err := r.search.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	var page struct {
		Items      []api.Post
		Total      *int64                         `json:"total"`
		NextCursor string                         `json:"next_cursor"`
		Facets     map[string][]models.FacetCount `json:"facets"`
		Explain    *api.Explanation               `json:"explain"`
	}
	path := "/v1/history?" + wholeYear + "&limit=5"
	seen := map[string]bool{}
	for cursor := ""; ; {
		page.NextCursor = ""
		a := r.ask(t, "GET", path+"&cursor="+cursor, nil)
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		a.into(t, &page)
		for _, p := range page.Items {
			seen[p.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		if a := r.ask(t, "GET", path+"&q=silk&cursor="+cursor, nil); a.status != 422 {
			t.Errorf("the cursor of another query: %d %s", a.status, a.body)
		}
	}
	if len(seen) != 12 || page.Total != nil {
		t.Errorf("%d posts, total %v", len(seen), page.Total)
	}
	r.ask(t, "GET", path+"&count=true&facet=source", nil).into(t, &page)
	if page.Total == nil || *page.Total != 12 || len(page.Facets["source"]) != 3 {
		t.Errorf("counted %+v", page)
	}
	r.ask(t, "GET", path+"&explain=true", nil).into(t, &page)
	if page.Explain == nil || page.Explain.Ends[0] != "search" {
		t.Errorf("explained %+v", page.Explain)
	}
	for bad, where := range map[string]string{
		"": "query.since",
		"since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z": "query.until",
		wholeYear + "&attribute=x":                              "query.attribute",
		wholeYear + "&sort=relevance":                           "query.sort",
	} {
		if a := r.ask(t, "GET", "/v1/history?"+bad, nil); a.status != 422 || !strings.Contains(a.body, where) {
			t.Errorf("%q: %d %s, want a word on %s", bad, a.status, a.body, where)
		}
	}
}

func TestTrend(t *testing.T) {
	r := start(t, nil)
	path := "/v1/trends?" + wholeYear + "&profile=catalog&bucket=month&name=color&value="
	if a := r.ask(t, "GET", path+"navy", nil); a.status != 200 || !strings.Contains(a.body, "not enough labels") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.ask(t, "GET", path+url.QueryEscape("too much"), nil); a.status != 422 || !strings.Contains(a.body, "shorter range") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestExportIsItsOwners: an export and its files are for who asked for it, for
// operators, and for who has a link, for an hour.
func TestExportIsItsOwners(t *testing.T) {
	now := time.Now()
	r := start(t, func(p *api.Params) { p.Now = func() time.Time { return now } })
	a := r.ask(t, "POST", "/v1/exports", body(`{"format":"csv","since":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}`, r.as(models.Analyst)))
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var e api.Export
	a.into(t, &e)
	stored, err := r.documents.Export(t.Context(), e.ID)
	if err != nil || stored.Owner != "analyst" || stored.Query.Since.IsZero() {
		t.Fatalf("%+v, %v", stored, err)
	}
	if err := r.images.Put(t.Context(), "exports/x", "text/csv", []byte("id\n1\n")); err != nil {
		t.Fatal(err)
	}
	stored.Rev, stored.State = 2, models.ExportDone
	stored.Files = []models.ExportFile{{Key: "exports/x", Name: "x.csv", Rows: 1, Bytes: 5, SHA256: "abc"}}
	if err := r.documents.PutExport(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	other := r.key(t, "other", models.Analyst)
	if a := r.ask(t, "GET", "/v1/exports/"+e.ID, func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+other) }); a.status != 404 {
		t.Errorf("another analyst: %d %s", a.status, a.body)
	}
	a = r.ask(t, "GET", "/v1/exports/"+e.ID, r.as(models.Analyst))
	a.into(t, &e)
	if a.status != 200 || len(e.Files) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	nobody := func(q *http.Request) { q.Header.Del("Authorization") }
	if a := r.ask(t, "GET", e.Files[0].URL, nobody); a.status != 200 || a.body != "id\n1\n" || !strings.Contains(a.header.Get("Content-Disposition"), "x.csv") {
		t.Errorf("by the link: %d %s %v", a.status, a.body, a.header)
	}
	for _, c := range []struct {
		ask, ifRange string
		status       int
		body, part   string
	}{
		{"bytes=2-", "", 206, "\n1\n", "bytes 2-4/5"}, {"bytes=2-", `"abc"`, 206, "\n1\n", "bytes 2-4/5"}, {"bytes=0-0", "", 206, "i", "bytes 0-0/5"},
		{"bytes=-2", "", 206, "1\n", "bytes 3-4/5"}, {"bytes=-99", "", 206, "id\n1\n", "bytes 0-4/5"},
		{"bytes=2-", `"other"`, 200, "id\n1\n", ""}, {"bytes=9-", `"other"`, 200, "id\n1\n", ""},
		{"bytes=3-2", "", 200, "id\n1\n", ""}, {"bytes=0-0,2-3", "", 200, "id\n1\n", ""}, {"lines=1-", "", 200, "id\n1\n", ""}, {"bytes=-0", "", 200, "id\n1\n", ""},
		{"bytes=5-", "", 416, "", "bytes */5"},
	} {
		a := r.ask(t, "GET", e.Files[0].URL, func(q *http.Request) {
			nobody(q)
			q.Header.Set("Range", c.ask)
			if c.ifRange != "" {
				q.Header.Set("If-Range", c.ifRange)
			}
		})
		if a.status != c.status || a.header.Get("Content-Range") != c.part || (c.body != "" && (a.body != c.body || a.header.Get("ETag") != `"abc"`)) ||
			(c.status == 416 && a.header.Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s if %s: %d %q %v", c.ask, c.ifRange, a.status, a.body, a.header)
		}
	}
	for _, bad := range []string{
		strings.Replace(e.Files[0].URL, "/files/1", "/files/2", 1), strings.Replace(e.Files[0].URL, "expires=", "expires=9", 1), e.Files[0].URL + "x",
	} {
		if a := r.ask(t, "GET", bad, nobody); a.status != 403 {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
	now = now.Add(time.Hour)
	if a := r.ask(t, "GET", e.Files[0].URL, nobody); a.status != 403 {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "DELETE", "/v1/exports/"+e.ID, r.as(models.Operator)); a.status != 204 {
		t.Errorf("an operator deletes: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "GET", "/v1/exports", r.as(models.Analyst)); a.status != 200 || !strings.Contains(a.body, `"state":"cancelled"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
