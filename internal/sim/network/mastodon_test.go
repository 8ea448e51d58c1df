package network_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
)

type mastodonStatus struct {
	ID  string `json:"id"`
	URI string `json:"uri"`
}

func readStatuses(t *testing.T, address string) ([]mastodonStatus, http.Header) {
	t.Helper()
	resp, err := http.Get(address) //nolint:noctx // a test's server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []mastodonStatus
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list, resp.Header
}

// TestMastodonPagesAsTheRealOneDoes: max_id goes down, min_id gives what is
// right above, since_id the newest above, and the Link header forgets `remote`.
func TestMastodonPagesAsTheRealOneDoes(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 100, Tag: "ootd", Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Images: 3})
	w.Finish()
	srv := httptest.NewServer(w.Mastodon(network.MastodonOptions{}))
	defer srv.Close()
	base := srv.URL + "/api/v1/timelines/tag/ootd?limit=10"
	first, h := readStatuses(t, base+"&none[]=nothing")
	if len(first) != 10 || first[0].URI != network.MastodonID(99) {
		t.Fatalf("the first page is %v", first)
	}
	m := regexp.MustCompile(`<([^>]+)>; rel="next"`).FindStringSubmatch(h.Get("Link"))
	if len(m) < 2 || strings.Contains(m[1], "none") {
		t.Fatalf("the Link header is %q", h.Get("Link"))
	}
	if second, _ := readStatuses(t, m[1]); len(second) != 10 || second[0].URI != network.MastodonID(89) {
		t.Errorf("the second page is %v", second)
	}
	oldest, _ := readStatuses(t, base+"&limit=3&min_id="+first[9].ID)
	if len(oldest) == 0 || oldest[len(oldest)-1].URI != network.MastodonID(91) {
		t.Errorf("above %s with min_id: %v", first[9].ID, oldest)
	}
	if newest, _ := readStatuses(t, base+"&since_id="+first[1].ID); len(newest) != 1 || newest[0].URI != network.MastodonID(99) {
		t.Errorf("above %s with since_id: %v", first[1].ID, newest)
	}
	if h.Get("X-Ratelimit-Limit") != "300" || h.Get("X-Ratelimit-Reset") == "" {
		t.Errorf("rate headers: %v", h)
	}
}
