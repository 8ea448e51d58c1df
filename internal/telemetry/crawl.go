package telemetry

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// crawl makes what counts the collection of posts.
func (m *Metrics) crawl() {
	m.posts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_crawl_posts_total", Help: "Posts that a query read, known ones among them.",
	}, []string{"query"})
	m.deletions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_crawl_deletions_total", Help: "Deletions that a query read.",
	}, []string{"query"})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_crawl_failures_total", Help: "Passes of a query that broke off, by what it was: throttled, stopped (a person has to help), or the fault's class.",
	}, []string{"query", "kind"})
	m.limits = &limitCollector{
		desc: prometheus.NewDesc("weft_limit_left", "Share of a network's limit that is left, 0 to 1, as it told last.", []string{"source", "account", "host"}, nil),
	}
}

// Collected counts what a batch of a query brought.
func (m *Metrics) Collected(query string, posts, deletions int) {
	if m == nil {
		return
	}
	m.posts.WithLabelValues(query).Add(float64(posts))
	m.deletions.WithLabelValues(query).Add(float64(deletions))
}

// Failed counts a pass of a query that broke off.
func (m *Metrics) Failed(query, kind string) {
	if m == nil {
		return
	}
	m.failures.WithLabelValues(query, kind).Inc()
}

// Limit is how much of a network's limit is left.
type Limit struct {
	Source, Account, Host string
	Left                  float64
}

// LimitFunc tells what is known of the networks' limits.
type LimitFunc func(ctx context.Context) ([]Limit, error)

// Limits makes every scrape ask f.
func (m *Metrics) Limits(f LimitFunc) {
	if m == nil {
		return
	}
	m.limits.mu.Lock()
	defer m.limits.mu.Unlock()
	m.limits.ask = f
}

// limitCollector asks at each scrape: processes share the limits, and any of
// them may have been told the newest.
type limitCollector struct {
	desc *prometheus.Desc
	mu   sync.Mutex
	ask  LimitFunc
}

// Describe sends what Collect tells of.
func (c *limitCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect asks.
func (c *limitCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	ask := c.ask
	c.mu.Unlock()
	if ask == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	limits, err := ask(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for _, l := range limits {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, l.Left, l.Source, l.Account, l.Host)
	}
}
