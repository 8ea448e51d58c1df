package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weft/internal/telemetry"
)

func TestCrawlMetrics(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Collected("ootd", 3, 1)
	m.Collected("ootd", 2, 0)
	m.Failed("ootd", "throttled")
	m.Limits(func(context.Context) ([]telemetry.Limit, error) {
		return []telemetry.Limit{{Source: "reddit", Account: "app", Host: "oauth.reddit.com", Left: 0.25}}, nil
	})
	scrape := func() string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	text := scrape()
	for _, want := range []string{
		`weft_crawl_posts_total{query="ootd"} 5`, `weft_crawl_deletions_total{query="ootd"} 1`,
		`weft_crawl_failures_total{kind="throttled",query="ootd"} 1`, `weft_limit_left{account="app",host="oauth.reddit.com",source="reddit"} 0.25`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	m.Limits(func(context.Context) ([]telemetry.Limit, error) { return nil, errors.New("no redis") })
	if text := scrape(); !strings.Contains(text, "weft_crawl_posts_total") || strings.Contains(text, "weft_limit_left{") {
		t.Error("a lost Redis hides the rest, or leaves old limits")
	}
	var none *telemetry.Metrics
	none.Collected("q", 1, 1)
	none.Failed("q", "x")
	none.Limits(nil)
}
