package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/api"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/sqlite"
	"weft/storage/storagetest"
)

// rig is the API over real HTTP, on search and documents in SQLite, with a key for each role.
type rig struct {
	url       string
	search    *sqlite.Search
	documents *sqlite.Documents
	log       *bytes.Buffer
	server    *httptest.Server
	keys      map[models.Role]string
	images    *blobs.Store

	mu       sync.Mutex
	observed []string
}

// told ends the server, after which all requests are in the log and the
// metrics, and returns what the log says.
func (r *rig) told() string {
	r.server.Close()
	return r.log.String()
}

func start(t *testing.T, change func(*api.Params)) *rig {
	t.Helper()
	r := &rig{log: &bytes.Buffer{}, keys: map[models.Role]string{}}
	var err error
	if r.search, err = sqlite.OpenSearch(t.Context(), filepath.Join(t.TempDir(), "search.db")); err != nil {
		t.Fatal(err)
	}
	if r.documents, err = sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db")); err != nil {
		t.Fatal(err)
	}
	if r.images, err = blobs.Open(t.Context(), "mem://"); err != nil {
		t.Fatal(err)
	}
	for _, role := range models.Roles() {
		r.keys[role] = r.key(t, string(role), role)
	}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	labels := newDesk(r.documents)
	p := api.Params{
		Search: r.search, Posts: r.documents, Keys: r.documents, Audit: r.documents, Requests: r.documents, Runs: r.documents, Forgetting: r.documents,
		Images: r.images, Desk: labels, Claims: labels, Leases: labels, Judgments: labels, Quality: labels, Pipeline: pipeline{r.documents},
		Both: both{r.search}, Trends: both{r.search}, Exports: files{r.documents, r.images},
		Profiles: library{r.documents}, Subjects: library{r.documents}, Books: r.documents, Campaigns: planner{}, Secret: bytes.Repeat([]byte{7}, 32), Log: log,
		Observe: func(route, method string, status int, _ time.Duration) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.observed = append(r.observed, strings.Join([]string{route, method, http.StatusText(status)}, " | "))
		},
	}
	if change != nil {
		change(&p)
	}
	if p.Guard, err = api.NewGuard(api.GuardParams{Keys: r.documents, Sessions: r.documents, Log: log, Now: p.Now}); err != nil {
		t.Fatal(err)
	}
	h, err := api.New(p)
	if err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewServer(h)
	r.url = r.server.URL
	t.Cleanup(func() {
		r.server.Close()
		if err := errors.Join(r.search.Close(), r.documents.Close(), r.images.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// key makes a key and returns what its holder sends.
func (r *rig) key(t *testing.T, name string, role models.Role) string {
	t.Helper()
	shown, k := api.NewKey(name, role, "", time.Now())
	if err := r.documents.AddKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return shown
}

type reply struct {
	status int
	header http.Header
	body   string
}

// into decodes the body, of which it wants every field known.
func (r reply) into(t *testing.T, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

// ask sends a request with the admin's key; edit may change it.
func (r *rig) ask(t *testing.T, method, path string, edit func(*http.Request)) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.keys[models.Admin])
	if edit != nil {
		edit(req)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (r *rig) get(t *testing.T, path string) reply {
	t.Helper()
	return r.ask(t, http.MethodGet, path, nil)
}

// page is what a search answers.
type page struct {
	Items      []api.Post                     `json:"items"`
	Total      int64                          `json:"total"`
	NextCursor string                         `json:"next_cursor"`
	Facets     map[string][]models.FacetCount `json:"facets"`
}

func (r *rig) fill(t *testing.T, n int) []models.SearchDoc {
	t.Helper()
	docs := storagetest.SearchDocs(n)
	for _, d := range docs {
		if err := r.search.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return docs
}

func hits(docs []models.SearchDoc) []string {
	out := []string{}
	for _, d := range docs {
		out = append(out, d.ID)
	}
	return out
}

func ids(posts []api.Post) []string {
	out := []string{}
	for _, p := range posts {
		out = append(out, p.ID)
	}
	return out
}

// More like this: the nearest first, narrowed as any search, and a reason when
// there are none.
func TestSearchLike(t *testing.T) {
	r := start(t, nil)
	docs := storagetest.SearchDocs(30)
	for i := range docs {
		if i%2 == 0 {
			docs[i].Embedding, docs[i].Space = models.PackVector([]float32{30, float32(i)}), "m@1"
		}
		if err := r.search.Put(t.Context(), docs[i]); err != nil {
			t.Fatal(err)
		}
	}
	found := func(query string) []string {
		t.Helper()
		a := r.get(t, "/v1/search?"+query)
		var got page
		a.into(t, &got)
		if a.status != 200 || got.NextCursor != "" || got.Total != int64(len(got.Items)) || strings.Contains(a.body, "embedding") {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
		return ids(got.Items)
	}
	if diff := cmp.Diff([]string{docs[2].ID, docs[4].ID, docs[6].ID}, found("limit=3&like="+docs[0].ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{docs[6].ID, docs[12].ID}, found("limit=2&source=instagram&like="+docs[0].ID)); diff != "" {
		t.Errorf("of instagram (-want +got):\n%s", diff)
	}
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"like=weibo.nobody":                   {404, "search has no such post"},
		"like=" + docs[1].ID:                  {422, `"location":"query.like"`},
		"like=no-id":                          {422, `"location":"query.like"`},
		"like=" + docs[0].ID + "&sort=newest": {422, `"location":"query.sort"`},
		"like=" + docs[0].ID + "&facet=color": {422, `"location":"query.facet"`},
		"like=" + docs[0].ID + "&cursor=x":    {422, `"location":"query.cursor"`},
		"region=Paris":                        {422, `"location":"query.region"`},
	} {
		if a := r.get(t, "/v1/search?"+query); a.status != want.status || !strings.Contains(a.body, want.text) {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := r.ask(t, "POST", "/v1/exports", body(`{"format":"csv","since":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z","regions":["Paris"]}`)); a.status != 422 || !strings.Contains(a.body, `"location":"body.regions"`) {
		t.Errorf("export of a region: %d %s", a.status, a.body)
	}
}

// Every filter arrives at the store as it was meant, the repeated ones in full.
func TestSearchFilters(t *testing.T) {
	r := start(t, nil)
	r.fill(t, 300)
	since := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for query, want := range map[string]models.SearchQuery{
		"":             {},
		"q=silk+dress": {Text: "silk dress"},
		"attribute=color:red&attribute=color:navy&min_confidence=0.5":  {Attributes: map[string][]string{"color": {"red", "navy"}}, MinConfidence: 0.5},
		"source=weibo&source=tumblr&language=en&language=zh":           {Sources: []string{"weibo", "tumblr"}, Languages: []string{"en", "zh"}},
		"country=FR&country=CN&profile=quality&profile=tendencies":     {Countries: []string{"FR", "CN"}, Profiles: []string{"quality", "tendencies"}},
		"region=FR-11&region=CN-SH":                                    {Regions: []string{"FR-11", "CN-SH"}},
		"since=2026-01-02T00:00:00Z&until=2026-01-03T01:00:00%2B01:00": {Since: since, Until: since.Add(24 * time.Hour)},
		"min_likes=40&sort=likes&limit=7":                              {MinLikes: 40, Sort: "likes", Limit: 7},
		"sort=oldest&facet=source&facet=color&limit=100":               {Sort: "oldest", Facets: []string{"source", "color"}, Limit: 100},
	} {
		t.Run(query, func(t *testing.T) {
			a := r.get(t, "/v1/search?"+query)
			if a.status != http.StatusOK {
				t.Fatalf("%d: %s", a.status, a.body)
			}
			var got page
			a.into(t, &got)
			answer, err := r.search.Search(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.Hits) == 0 || (query != "" && query[0] != 's' && answer.Total == 300) {
				t.Fatalf("%d of 300 fit: the case tells nothing", answer.Total)
			}
			if diff := cmp.Diff(hits(answer.Hits), ids(got.Items)); diff != "" || got.Total != answer.Total {
				t.Errorf("total %d, want %d (-want +got):\n%s", got.Total, answer.Total, diff)
			}
			if diff := cmp.Diff(answer.Facets["color"], got.Facets["color"]); diff != "" || len(got.Facets) != len(answer.Facets) {
				t.Errorf("facets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchPages(t *testing.T) {
	r := start(t, nil)
	docs := r.fill(t, 57)
	seen := map[string]bool{}
	path, pages := "/v1/search?limit=10", 0
	for next := path; next != "" && pages < 10; pages++ {
		var got page
		r.get(t, next).into(t, &got)
		for _, d := range got.Items {
			seen[d.ID] = true
		}
		if next = ""; got.NextCursor != "" {
			next = path + "&cursor=" + neturl.QueryEscape(got.NextCursor)
		}
	}
	if len(seen) != len(docs) || pages != 6 {
		t.Errorf("%d posts on %d pages; want %d on 6", len(seen), pages, len(docs))
	}
	var first page
	r.get(t, path).into(t, &first)
	for name, query := range map[string]string{"another query's": "q=dress&cursor=" + first.NextCursor, "an invented one": "cursor=abc"} {
		if a := r.get(t, "/v1/search?"+query); a.status != 422 || !strings.Contains(a.body, "next_cursor") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.get(t, "/v1/search?q=nothinglikeit"); !strings.Contains(a.body, `"items":[]`) || a.status != 200 {
		t.Errorf("no hits: %d %s", a.status, a.body)
	}
}

// A mistake is told by its place, never by its value.
func TestSearchRefuses(t *testing.T) {
	r := start(t, nil)
	for query, where := range map[string]string{
		"limit=0":                            "query.limit",
		"limit=101":                          "query.limit",
		"limit=canary":                       "query.limit",
		"sort=canary":                        "query.sort",
		"since=canary":                       "query.since",
		"min_confidence=2":                   "query.min_confidence",
		"min_likes=-1":                       "query.min_likes",
		"attribute=canary":                   "query.attribute",
		"attribute=Canary:x":                 "query.attribute",
		"colour=canary":                      "query.colour",
		"q=" + strings.Repeat("canary", 100): "query.q",
		"since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z": "query.until",
		"facet=canary" + strings.Repeat("&facet=canary", 20):    "query.facet",
	} {
		a := r.get(t, "/v1/search?"+query)
		var e struct {
			Title, Detail, Type string
			Status              int
			RequestID           string `json:"request_id"`
			Errors              []struct{ Message, Location string }
		}
		a.into(t, &e)
		if a.status != 422 || e.Status != 422 || len(e.Errors) == 0 || e.Errors[0].Location != where || e.Errors[0].Message == "" || e.RequestID != a.header.Get("X-Request-ID") {
			t.Errorf("%s: %d %s; want 422 with %s", query, a.status, a.body, where)
		}
		if strings.Contains(strings.ToLower(a.body), "canary") {
			t.Errorf("%s: the value comes back: %s", query, a.body)
		}
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type %s", query, got)
		}
	}
	words := neturl.QueryEscape(strings.TrimSpace(strings.Repeat("canary ", 65)))
	if a := r.get(t, "/v1/search?q="+words); a.status != 422 || strings.Contains(a.body, "canary") {
		t.Errorf("more words than search takes: %d %s", a.status, a.body)
	}
}

func TestGetPost(t *testing.T) {
	r := start(t, nil)
	doc := r.fill(t, 3)[0]
	doc.Unchecked, doc.Images, doc.Flags, doc.Version = []string{"quality"}, []string{"rendition/1"}, []models.Flag{models.NoPublic}, doc.Version+1
	if err := r.search.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	a := r.get(t, "/v1/posts/"+doc.ID)
	var got models.SearchDoc // of the same names, so nothing of it is lost
	a.into(t, &got)
	if diff := cmp.Diff(doc, got); diff != "" || a.status != 200 || a.header.Get("Link") != "" {
		t.Errorf("%d, header %v (-want +got):\n%s", a.status, a.header, diff)
	}
	post := models.Post{ID: "file.1", Source: "file", NativeID: "1", CreatedAt: time.Unix(1e9, 0).UTC(), Text: "t"}
	run := models.NewRun(post.ID, "catalog", "v1", models.Normal, time.Now(), time.Minute)
	if _, err := r.documents.Admit(t.Context(), []models.Admission{{Post: post, Run: run}}); err != nil {
		t.Fatal(err)
	}
	if a := r.get(t, "/v1/posts/file.1"); a.status != 404 {
		t.Errorf("a post that is under way: %d", a.status)
	}
	deletion := models.Deletion{Source: "file", NativeID: "1", Act: models.Delete, By: "author", At: time.Now()}
	if _, err := r.documents.Forget(t.Context(), []models.Deletion{deletion}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/v1/posts/file.1": 410, "/v1/posts/file.2": 404, "/v1/posts/canary": 422, "/v1/posts/": 404} {
		if a := r.get(t, path); a.status != want || strings.Contains(a.body, "canary") || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s; want %d", path, a.status, a.body, want)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	r := start(t, nil)
	var all []string
	for sent, kept := range map[string]bool{"abc-1.2_3": true, "": false, "a b": false, strings.Repeat("x", 65): false} {
		a := r.ask(t, http.MethodGet, "/v1/search", func(req *http.Request) { req.Header.Set("X-Request-ID", sent) })
		got := a.header.Get("X-Request-ID")
		if (got == sent) != kept || len(got) < 5 {
			t.Errorf("sent %q, got %q", sent, got)
		}
		all = append(all, got)
	}
	log := r.told()
	for _, id := range all {
		if !strings.Contains(log, "request="+id) {
			t.Errorf("the log knows nothing of %s", id)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		method, path string
		body         int64
		status       int
		allow        string
	}{
		{"GET", "/nothing", 0, 404, ""},
		{"GET", "/v1/posts/file.1/more", 0, 404, ""},
		{"POST", "/v1/search", 2, 405, "GET, HEAD"},
		{"DELETE", "/v1/posts/file.1", 0, 405, "GET, HEAD"},
		{"BREW", "/healthz", 0, 405, "GET, HEAD"},
		{"POST", "/v1/search", 1<<20 + 1, 413, ""},
		{"GET", "/schemas/SearchDoc.json", 0, 404, ""},
	} {
		a := r.ask(t, c.method, c.path, func(req *http.Request) {
			if c.body > 0 {
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", int(c.body)))), c.body
			}
		})
		if a.status != c.status || a.header.Get("Allow") != c.allow || a.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.body, `"detail"`) {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, a.status, a.header, a.body)
		}
	}
	r.get(t, "/v1/posts/file.1")
	r.told()
	want := []string{"none | GET | Not Found", "none | other | Method Not Allowed", "refused | POST | Request Entity Too Large", "GET /v1/posts/{id} | GET | Not Found"}
	for _, w := range want {
		if !slices.Contains(r.observed, w) {
			t.Errorf("the metrics were not told of %q, but of %q", w, r.observed)
		}
	}
}

// broken answers every question with err, or panics.
type broken struct{ err error }

func (b broken) Search(ctx context.Context, _ models.SearchQuery) (models.SearchAnswer, error) {
	if b.err == nil {
		<-ctx.Done()
		return models.SearchAnswer{}, ctx.Err()
	}
	return models.SearchAnswer{}, b.err
}

func (b broken) Get(context.Context, string) (models.SearchDoc, error) { panic(b.err) }

func TestStoreTrouble(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		after  string
	}{
		{models.Faultf(models.Unavailable, "dial 10.1.2.3: refused"), 503, "5"},
		{nil, 503, "5"}, // it hangs
		{models.Faultf(models.Retryable, "10.1.2.3 is odd"), 500, ""},
		{models.Faultf(models.Permanent, "10.1.2.3 refuses"), 422, ""},
	} {
		r := start(t, func(p *api.Params) { p.Search, p.Timeout = broken{c.err}, 50*time.Millisecond })
		a := r.get(t, "/v1/search")
		if a.status != c.status || a.header.Get("Retry-After") != c.after || strings.Contains(a.body, "10.1.2.3") {
			t.Errorf("%v gives %d after %q: %s", c.err, a.status, a.header.Get("Retry-After"), a.body)
		}
		if a = r.get(t, "/v1/posts/file.1"); a.status != 500 {
			t.Errorf("a panic gives %d: %s", a.status, a.body)
		}
		log := r.told()
		if !strings.Contains(log, "api: panic") || (c.err != nil && !strings.Contains(log, "error="+strconv.Quote(c.err.Error()))) {
			t.Errorf("%v: the log says only %s", c.err, log)
		}
	}
}

func TestReady(t *testing.T) {
	var away error
	r := start(t, func(p *api.Params) {
		p.Checks = []api.Check{
			{Name: "documents", Ask: func(context.Context) error { return nil }},
			{Name: "search", Ask: func(context.Context) error { return away }},
		}
	})
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, `{"status":"ready","stores":{"documents":"ready","search":"ready"}}`},
		{errors.New("dial 10.1.2.3"), 503, `{"status":"not ready","stores":{"documents":"ready","search":"away"}}`},
	} {
		away = c.err
		if a := r.get(t, "/readyz"); a.status != c.status || strings.TrimSpace(a.body) != c.body {
			t.Errorf("%v: %d %s", c.err, a.status, a.body)
		}
	}
	if a := r.get(t, "/healthz"); a.status != 200 {
		t.Errorf("healthz: %d, although the process is there", a.status)
	}
	if log := r.told(); !strings.Contains(log, "10.1.2.3") {
		t.Errorf("the log doesn't say why: %s", log)
	}
}

// The documentation loads nothing from elsewhere.
func TestDocsAreOurOwn(t *testing.T) {
	r := start(t, nil)
	if a := r.get(t, "/docs"); a.status/100 != 3 || a.header.Get("Location") != "/docs/" {
		t.Errorf("/docs gives %d to %s", a.status, a.header.Get("Location"))
	}
	a := r.get(t, "/docs/")
	if !strings.Contains(a.body, "/openapi.json") || regexp.MustCompile(`(src|href|url)\s*[=:(]\s*["']?(https?:)?//`).MatchString(a.body) {
		t.Errorf("the page is\n%s", a.body)
	}
	for _, file := range []string{"swagger-ui-bundle.js", "swagger-ui.css"} {
		if !strings.Contains(a.body, "/docs/"+file) {
			t.Errorf("the page doesn't load %s", file)
		}
		if got := r.get(t, "/docs/"+file); got.status != 200 || len(got.body) < 10_000 {
			t.Errorf("%s: %d, %d bytes", file, got.status, len(got.body))
		}
	}
}

var update = flag.Bool("update", false, "write openapi.json")

// The description is what openapi.json says: a change of the API shows in the review.
func TestOpenAPI(t *testing.T) {
	r := start(t, nil)
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(r.get(t, "/openapi.json").body), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile("openapi.json", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the API has changed; if that is meant: go test ./api -run TestOpenAPI -update (-want +got)\n%s", diff)
	}
	for _, w := range []string{`"openapi": "3.1.0"`, `"explode": true`, `"bearer"`} {
		if !strings.Contains(got.String(), w) {
			t.Errorf("%s is not in it", w)
		}
	}
	if strings.Contains(got.String(), "$schema") || strings.Contains(got.String(), "127.0.0.1") {
		t.Error("it names this machine, or schemas by URL")
	}
}
