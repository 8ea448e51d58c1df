package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/api"
	"weft/models"
)

// posted is a post with an image, a run with results, and a question about it.
func (r *rig) posted(t *testing.T) (models.Post, models.Item) {
	t.Helper()
	post := models.Post{
		ID: "file.1", Source: "file", NativeID: "1", CreatedAt: time.Unix(1e9, 0).UTC(), Text: "t",
		Media: []models.Media{{URL: "https://x.example/1.jpg", State: models.MediaPending}, {URL: "https://x.example/2.jpg", State: models.MediaPending}},
	}
	run := models.NewRun(post.ID, "catalog", "v1", models.Normal, time.Now(), time.Minute)
	if _, err := r.documents.Admit(t.Context(), []models.Admission{{Post: post, Run: run}}); err != nil {
		t.Fatal(err)
	}
	m := run.Advance(models.AnalyzeLight, "fetched", time.Now(), time.Minute)
	m.Entry.Cost, m.Entry.Models = 0.25, []string{"color@2"}
	ok := post.Media[0]
	ok.State, ok.SHA256, ok.Rendition, ok.Type = models.MediaOK, strings.Repeat("ab12", 16), "renditions/ab12.jpg", "image/png"
	m.Change.Media = []models.Media{ok}
	if err := r.documents.Move(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := r.images.Put(t.Context(), ok.Rendition, "image/jpeg", []byte("\xff\xd8jpeg")); err != nil {
		t.Fatal(err)
	}
	it := models.Item{
		ID: models.ItemID(post.ID, "catalog", "1"), Rev: 1, Post: post.ID, Profile: "catalog", Taxonomy: "1", State: models.ItemOpen, Wanted: 2, Reason: "unsure",
		Questions: []models.Question{{Attribute: "color", Options: []string{"red", "navy"}}, {Attribute: "brand"}}, OpenedAt: time.Unix(1e9, 0).UTC(),
	}
	if err := r.documents.PutItem(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	return post, it
}

func TestTimeline(t *testing.T) {
	r := start(t, nil)
	r.posted(t)
	a := r.get(t, "/v1/posts/file.1/timeline")
	var got struct {
		Runs []api.Passage `json:"runs"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || len(got.Runs) != 1 {
		t.Fatalf("timeline: %d %s", a.status, a.body)
	}
	run := got.Runs[0]
	moves := run.Timeline
	if run.State != models.Queued || run.Step != models.AnalyzeLight || len(moves) == 0 {
		t.Fatalf("run %+v", run)
	}
	last := moves[len(moves)-1]
	if diff := cmp.Diff([]any{"fetched", []string{"color@2"}, 0.25, models.AnalyzeLight}, []any{last.Reason, last.Models, last.Cost, last.Next}); diff != "" {
		t.Errorf("the last move (-want +got):\n%s", diff)
	}
	for path, want := range map[string]int{"/v1/posts/file.9/timeline": 404, "/v1/posts/canary/timeline": 422, "/v1/posts/file.9/attributes": 404} {
		if a := r.get(t, path); a.status != want || strings.Contains(a.body, "canary") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// What a generation published stays to be seen when the next one replaces it.
func TestAttributesAndTheirPast(t *testing.T) {
	r := start(t, nil)
	r.posted(t)
	for gen, color := range []string{"red", "navy", "navy"} {
		pub := models.Publication{Generation: gen + 1, Version: fmt.Sprintf("v%d", gen+1), At: time.Unix(int64(1e9+gen), 0).UTC(),
			Attributes: []models.Attribute{{Name: "color", Value: color, Confidence: 0.9, Evidence: models.FromImage, Model: "color", Version: "2"}}}
		if _, err := r.documents.Update(t.Context(), "file.1", models.Change{Publish: &pub, Profile: "catalog"}); err != nil {
			t.Fatal(err)
		}
	}
	label := models.Label{Attribute: "brand", Values: []string{"acme"}, By: []string{"ana", "bo"}, Taxonomy: "1", At: time.Unix(1e9, 0).UTC()}
	if _, err := r.documents.Update(t.Context(), "file.1", models.Change{Labels: []models.Label{label}}); err != nil {
		t.Fatal(err)
	}
	a := r.get(t, "/v1/posts/file.1/attributes")
	var got struct {
		Effective []models.Attribute `json:"effective"`
		Published []api.Published    `json:"published"`
		Labels    []api.Answered     `json:"labels"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || len(got.Published) != 1 {
		t.Fatalf("attributes: %d %s", a.status, a.body)
	}
	p := got.Published[0]
	want := []models.Revision{
		{Generation: 2, Version: "v2", At: time.Unix(1e9+1, 0).UTC(), Values: map[string][]string{"color": {"navy"}}},
		{Generation: 1, Version: "v1", At: time.Unix(1e9, 0).UTC(), Values: map[string][]string{"color": {"red"}}},
	}
	if diff := cmp.Diff(want, p.Before); diff != "" || p.Generation != 3 || p.Attributes[0].Model != "color" {
		t.Errorf("generation %d (-want +got):\n%s", p.Generation, diff)
	}
	if len(got.Effective) != 2 || got.Labels[0].Answers != 2 || strings.Contains(a.body, "bo") && strings.Contains(a.body, "ana") {
		t.Errorf("the answers, without those who gave them: %s", a.body)
	}
}

// A post that is under way is for labelers, who are asked about it.
func TestImages(t *testing.T) {
	r := start(t, nil)
	r.posted(t)
	for _, path := range []string{"/v1/posts/file.1/images", "/v1/posts/file.1/images/0"} {
		if a := r.ask(t, "GET", path, r.as(models.Viewer)); a.status != 404 {
			t.Errorf("%s as viewer: %d", path, a.status)
		}
	}
	labeler := r.as(models.Labeler)
	a := r.ask(t, "GET", "/v1/posts/file.1/images", labeler)
	if a.status != 200 || !strings.Contains(a.body, `"path":"/v1/posts/file.1/images/0"`) || strings.Contains(a.body, "renditions/") {
		t.Errorf("images: %d %s", a.status, a.body)
	}
	a = r.ask(t, "GET", "/v1/posts/file.1/images/0", labeler)
	if a.status != 200 || a.body != "\xff\xd8jpeg" || a.header.Get("Content-Type") != "image/jpeg" || a.header.Get("ETag") != `"`+strings.Repeat("ab12", 16)+`"` {
		t.Errorf("image: %d %v %q", a.status, a.header, a.body)
	}
	a = r.ask(t, "GET", "/v1/posts/file.1/images/0", func(req *http.Request) {
		labeler(req)
		req.Header.Set("If-None-Match", `"`+strings.Repeat("ab12", 16)+`"`)
	})
	if a.status != 304 || a.body != "" {
		t.Errorf("the same again: %d %q", a.status, a.body)
	}
	for path, want := range map[string]int{"/v1/posts/file.1/images/1": 404, "/v1/posts/file.1/images/7": 404, "/v1/posts/file.1/images/x": 422} {
		if a := r.ask(t, "GET", path, labeler); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestLabels(t *testing.T) {
	r := start(t, nil)
	_, it := r.posted(t)
	path := "/v1/labels/" + it.ID
	var list struct{ Items []api.Item }
	r.ask(t, "GET", "/v1/labels?profile=catalog", r.as(models.Labeler)).into(t, &list)
	if len(list.Items) != 1 || list.Items[0].ID != it.ID || list.Items[0].Wanted != 2 {
		t.Fatalf("open: %+v", list)
	}
	for text, where := range map[string]string{
		`{}`:                           `"body"`,
		`{"values":{"color":["red"]}}`: `"body.values.brand"`,
		`{"values":{"color":["canary"],"brand":[]}}`:     `"body.values.color[0]"`,
		`{"values":{"color":[],"brand":[],"canary":[]}}`: `"body.values"`,
		`{"values":{"color":[]},"skip":"dark"}`:          `"body"`,
	} {
		a := r.ask(t, "POST", path+"/answers", body(text))
		if a.status != 422 || !strings.Contains(a.body, `"location":`+where) || strings.Contains(a.body, "canary") {
			t.Errorf("%s: %d %s, want %s", text, a.status, a.body, where)
		}
	}
	tag := r.get(t, path).header.Get("ETag")
	match := func(role models.Role) func(*http.Request) {
		return func(req *http.Request) { r.as(role)(req); req.Header.Set("If-Match", tag) }
	}
	const answer = `{"values":{"color":["red"],"brand":[]}}`
	if a := r.ask(t, "POST", path+"/answers", body(answer, match(models.Labeler))); a.status != 200 || a.header.Get("ETag") == tag || !strings.Contains(a.body, `"given":1`) {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "POST", path+"/answers", body(answer, match(models.Analyst))); a.status != 412 {
		t.Errorf("an answer to what has changed: %d %s", a.status, a.body)
	}
	// whoever still answers doesn't see what others said
	if a := r.ask(t, "GET", path, r.as(models.Labeler)); !strings.Contains(a.body, `"mine"`) || strings.Contains(a.body, `"answers"`) {
		t.Errorf("as the labeler: %s", a.body)
	}
	second := r.key(t, "second", models.Labeler)
	as := func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+second) }
	if a := r.ask(t, "GET", path, as); strings.Contains(a.body, `"red"]`) && strings.Contains(a.body, `"mine"`) {
		t.Errorf("as another labeler: %s", a.body)
	}
	if a := r.ask(t, "GET", path, r.as(models.Analyst)); !strings.Contains(a.body, `"answers":[{"by":"labeler"`) {
		t.Errorf("as an analyst: %s", a.body)
	}
	if a := r.ask(t, "POST", path+"/answers", body(answer, as)); a.status != 200 || !strings.Contains(a.body, `"verdict":"settled"`) {
		t.Errorf("second answer: %d %s", a.status, a.body)
	}
	for _, method := range []string{"GET /v1/labels/inosuch", "POST /v1/labels/inosuch/answers"} {
		verb, path, _ := strings.Cut(method, " ")
		if a := r.ask(t, verb, path, body(answer)); a.status != 404 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
}

func TestRuns(t *testing.T) {
	r := start(t, nil)
	for i := range 5 {
		id := fmt.Sprintf("file.%d", i)
		run := models.NewRun(id, "catalog", "v1", models.Normal, time.Now(), time.Minute)
		if _, err := r.documents.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: id, Source: "file", NativeID: id, CreatedAt: time.Now().UTC()}, Run: run}}); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			m := run.End(models.Failed, "gave up", time.Now())
			m.Run.Error = "refused by x"
			if err := r.documents.Move(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen, cursor := []string{}, ""
	for range 9 {
		var got struct {
			Items      []api.Run `json:"items"`
			NextCursor string    `json:"next_cursor"`
		}
		r.get(t, "/v1/runs?limit=2&error=refused"+cursor).into(t, &got)
		for _, run := range got.Items {
			seen = append(seen, run.Post)
		}
		if got.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + got.NextCursor
	}
	if diff := cmp.Diff([]string{"file.1", "file.2", "file.3", "file.4"}, seen); diff != "" {
		t.Errorf("failed runs (-want +got):\n%s", diff)
	}
	if a := r.get(t, "/v1/runs?limit=2&error=other"+cursor); a.status != 422 || !strings.Contains(a.body, "query.cursor") {
		t.Errorf("the cursor of another filter: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "POST", "/v1/runs/replay", body(`{"error":"refused","dry_run":true}`)); a.status != 200 || strings.TrimSpace(a.body) != `{"runs":4,"moved":0,"dry_run":true}` {
		t.Errorf("replay: %d %s", a.status, a.body)
	}
	if a := r.get(t, "/v1/runs/counts"); !strings.Contains(a.body, `"state":"failed"`) {
		t.Errorf("counts: %s", a.body)
	}
	if a := r.get(t, "/v1/queues"); !strings.Contains(a.body, `"pending":3`) || !strings.Contains(a.body, `"paused":true`) {
		t.Errorf("queues: %s", a.body)
	}
}

func TestProfiles(t *testing.T) {
	r := start(t, nil)
	var got api.Profile
	a := r.get(t, "/v1/profiles/catalog")
	a.into(t, &got)
	if a.status != 200 || !got.Current || !strings.Contains(got.Body, "name: catalog") {
		t.Errorf("catalog: %d %s", a.status, a.body)
	}
	if a := r.get(t, "/v1/profiles/nosuch"); a.status != 404 {
		t.Errorf("no such profile: %d", a.status)
	}
	ask := func(path string, v any) reply {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return r.ask(t, "POST", path, body(string(text)))
	}
	bad := map[string]string{"body": "name: x\nanalyze-light: {models: [colr]}\nlabl: {}\n"}
	a = ask("/v1/profiles/check", bad)
	if a.status != 200 || !strings.Contains(a.body, `"ok":false`) || !strings.Contains(a.body, `"line":2`) || !strings.Contains(a.body, `"line":3`) {
		t.Errorf("check: %d %s", a.status, a.body)
	}
	if a := ask("/v1/profiles/check", map[string]string{"body": got.Body}); !strings.Contains(a.body, `"ok":true`) || !strings.Contains(a.body, got.Version) {
		t.Errorf("check of a good one: %s", a.body)
	}
	if a := ask("/v1/profiles/simulate", map[string]any{"profile": map[string]string{"name": "catalog"}}); a.status != 200 || !strings.Contains(a.body, `"profile":"catalog"`) {
		t.Errorf("simulate: %d %s", a.status, a.body)
	}
	if a := ask("/v1/profiles/simulate", map[string]any{"profile": bad}); a.status != 422 || !strings.Contains(a.body, "body.profile.body") {
		t.Errorf("simulate a bad one: %d %s", a.status, a.body)
	}
	if a := ask("/v1/profiles/diff", map[string]any{"before": map[string]string{"name": "catalog"}, "after": map[string]string{}}); a.status != 422 || !strings.Contains(a.body, "body.after") {
		t.Errorf("diff: %d %s", a.status, a.body)
	}
}
