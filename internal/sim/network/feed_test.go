package network_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
)

// TestFeedAnswersNotModified, until something happens.
func TestFeedAnswersNotModified(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 50, Tag: "ootd", Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Images: 3, Removals: 0.3})
	w.Advance(40)
	h := w.Feed(network.FeedOptions{Page: 10})
	ask := func(path, tag string) (*http.Response, string) {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("If-None-Match", tag)
		h.ServeHTTP(rec, r)
		body, err := io.ReadAll(rec.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return rec.Result(), string(body)
	}
	for _, path := range []string{"/rss", "/json"} {
		first, body := ask(path, "")
		if !strings.Contains(body, "before=") || !strings.Contains(body, network.FeedID(0)[:20]) {
			t.Errorf("%s has no next page: %.200s", path, body)
		}
		if again, _ := ask(path, first.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s unchanged: %d", path, again.StatusCode)
		}
	}
	w.Finish()
	if _, body := ask("/atom", ""); !strings.Contains(body, "at:deleted-entry") {
		t.Errorf("no deleted entries: %.300s", body)
	}
}
