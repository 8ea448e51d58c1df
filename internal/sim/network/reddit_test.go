package network_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weft/internal/sim/network"
)

type redditPage struct {
	Token string `json:"access_token"`
	Data  struct {
		After    string `json:"after"`
		Children []struct {
			Data struct {
				Name    string `json:"name"`
				Author  string `json:"author"`
				Removed string `json:"removed_by_category"`
			} `json:"data"`
		} `json:"children"`
	} `json:"data"`
}

func callReddit(t *testing.T, srv *httptest.Server, method, path, token string) (redditPage, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if method == http.MethodPost {
		req.SetBasicAuth("app", "secret")
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p redditPage
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p, resp
}

func TestRedditPagesAndDeletions(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 400, Tag: "ootd", Removals: 0.2})
	w.Finish()
	srv := httptest.NewServer(w.Reddit(network.RedditOptions{ID: "app", Secret: "secret", Ceiling: 250}))
	defer srv.Close()
	if _, resp := callReddit(t, srv, http.MethodGet, "/r/streetwear/new", "none"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
	grant, _ := callReddit(t, srv, http.MethodPost, "/api/v1/access_token", "")
	seen, after := map[string]bool{}, ""
	for range 10 {
		p, resp := callReddit(t, srv, http.MethodGet, "/r/streetwear/new?limit=100&after="+after, grant.Token)
		if !strings.HasSuffix(resp.Header.Get("X-Ratelimit-Remaining"), ".0") {
			t.Errorf("remaining %q", resp.Header.Get("X-Ratelimit-Remaining"))
		}
		for _, c := range p.Data.Children {
			seen[c.Data.Name] = true
		}
		if after = p.Data.After; after == "" {
			break
		}
	}
	if len(seen) != 250 || after != "" {
		t.Errorf("%d posts under a ceiling of 250, then %q", len(seen), after)
	}
	for _, tr := range w.Truths() {
		name := network.RedditID(tr.N)
		if tr.Gone && seen[name] {
			t.Errorf("%s is removed, but listed", name)
		}
		if !tr.Gone || tr.N > 100 {
			continue
		}
		p, _ := callReddit(t, srv, http.MethodGet, "/api/info?id="+name, grant.Token)
		if len(p.Data.Children) != 1 || p.Data.Children[0].Data.Author != "[deleted]" || p.Data.Children[0].Data.Removed == "" {
			t.Errorf("%s is removed: %+v", name, p)
		}
	}
}
