package app_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/api"
	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/sim/idp"
	"weft/models"
)

type searchStore = app.Search

// slowSearch answers when the test lets it, or when it is gone.
type slowSearch struct {
	searchStore
	asked, answer chan struct{}
}

func (s *slowSearch) Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error) {
	if s.asked != nil {
		s.asked <- struct{}{}
		<-s.answer
	}
	return s.searchStore.Search(ctx, q)
}

// openAPI opens an app on embedded stores, without a queue, as cmd/api does.
func openAPI(t *testing.T, search *slowSearch, more ...config.Override) *app.App {
	t.Helper()
	cfg, err := config.Load("", nil, append(more, config.Override{Key: "data", Value: filepath.Join(t.TempDir(), "data")},
		config.Override{Key: "api.listen", Value: "127.0.0.1:0"}, config.Override{Key: "metrics.listen", Value: "127.0.0.1:0"})...)
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, app.Options{Service: "test", NoQueue: true, Log: slog.New(slog.DiscardHandler), Search: func(s app.Search) app.Search {
		search.searchStore = s
		return search
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // the test may have closed it
	return a
}

// get asks with the key, if there is one.
func get(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// A request that is under way when the process is to end gets its answer; a new
// one finds nobody.
func TestServeAPIFinishesWhatItBegan(t *testing.T) {
	search := &slowSearch{asked: make(chan struct{}), answer: make(chan struct{})}
	a := openAPI(t, search)
	key := firstKey(t, a)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	urls, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- a.ServeAPI(ctx, func(url string) { urls <- url }) }()
	url := <-urls
	if status, body := get(t, url+"/readyz", ""); status != http.StatusOK || !strings.Contains(body, `"search":"ready"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, url+"/v1/search", key)
		answered <- status
	}()
	<-search.asked
	stop()
	closed := func() bool {
		conn, err := http.DefaultTransport.(*http.Transport).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}
	for !closed() {
		select {
		case <-t.Context().Done():
			t.Fatal("it still takes requests")
		case err := <-ended:
			t.Fatalf("it ended before the answer: %v", err)
		default:
		}
	}
	close(search.answer)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request under way: %d", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Without a queue there are no depths to tell, and the rest is told.
func TestAPICountsRequests(t *testing.T) {
	a := openAPI(t, &slowSearch{})
	h, err := a.API(t.Context(), guardOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	get(t, server.URL+"/v1/posts/file.1", firstKey(t, a))
	server.Close() // after this all requests are counted
	w := httptest.NewRecorder()
	a.Metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if want := `weft_http_seconds_count{method="GET",route="GET /v1/posts/{id}",status="404"} 1`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s is not among\n%s", want, w.Body)
	}
}

// The configuration alone makes that people log in at a provider, and get the role
// that their group has.
func TestLoginAtTheConfiguredProvider(t *testing.T) {
	keys, err := idp.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	people := idp.Start(keys, time.Now)
	defer people.Close()
	people.Claims = map[string]any{"sub": "u-1", "email": "ana@example.org", "email_verified": true, "teams": []string{"a=b"}}
	mux := &http.ServeMux{}
	server := httptest.NewServer(mux)
	defer server.Close()
	people.Redirect = server.URL + "/v1/sessions/oidc/callback"
	var set []config.Override
	for key, value := range map[string]string{
		"issuer": people.Issuer(), "client_id": people.ClientID, "client_secret": people.Secret, "redirect_url": people.Redirect, "claim": "teams", "roles": "a=b=operator",
	} {
		set = append(set, config.Override{Key: "api.oidc." + key, Value: value})
	}
	a := openAPI(t, &slowSearch{}, set...)
	h, err := a.API(t.Context(), guardOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", h)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar} // follows where it is sent
	open := func(path, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d %s, %v", path, resp.StatusCode, text, err)
		}
	}
	open("/v1/sessions/oidc", "You are logged in.")
	open("/v1/me", `"name":"ana@example.org","role":"operator"`)
}

// What is away is named, and the process is still there.
func TestAPIIsNotReadyWithoutItsStores(t *testing.T) {
	a := openAPI(t, &slowSearch{})
	h, err := a.API(t.Context(), guardOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	key := firstKey(t, a)
	if status, body := get(t, server.URL+"/v1/me", key); status != http.StatusOK || !strings.Contains(body, `"role":"admin"`) {
		t.Errorf("me: %d %s", status, body)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/v1/search": 503} {
		status, body := get(t, server.URL+path, key)
		if status != want || (want == 503 && strings.Contains(body, "sql")) {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if path == "/readyz" && !strings.Contains(body, `"documents":"away","search":"away"`) {
			t.Errorf("readyz: %s", body)
		}
	}
}

func guardOf(t *testing.T, a *app.App) *api.Guard {
	t.Helper()
	g, err := a.Guard()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// firstKey is the key of the first start, of which there is no second.
func firstKey(t *testing.T, a *app.App) string {
	t.Helper()
	key, err := a.FirstKey(t.Context())
	if err != nil || key == "" {
		t.Fatalf("first key %q, %v", key, err)
	}
	if again, err := a.FirstKey(t.Context()); err != nil || again != "" {
		t.Errorf("second key %q, %v", again, err)
	}
	return key
}
