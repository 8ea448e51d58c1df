package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// depthTimeout bounds a scrape when Redis is slow: the other metrics are still told.
const depthTimeout = 2 * time.Second

// Metrics counts what the steps do. All methods may be called from many
// goroutines, and do nothing on a nil *Metrics.
type Metrics struct {
	registry *prometheus.Registry
	total    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	cost     *prometheus.CounterVec
	depth    *depthCollector

	posts, deletions *prometheus.CounterVec
	failures         *prometheus.CounterVec
	limits           *limitCollector

	requests *prometheus.HistogramVec

	shadows, shadowCost *prometheus.CounterVec
	drifts              *driftCollector
}

// NewMetrics returns metrics with a registry of their own, which also tells of
// the Go runtime and the process.
func NewMetrics() *Metrics {
	labels := []string{"step", "profile", "outcome"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_step_total", Help: "Deliveries that a step ended, by what came of them.",
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_step_seconds", Help: "How long a step took, in seconds.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, labels),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_step_cost_seconds_total", Help: "CPU seconds that a step cost.",
		}, labels),
		depth: &depthCollector{
			desc:  prometheus.NewDesc("weft_queue_depth", "Tasks in a queue that wait or are worked on.", []string{"queue"}, nil),
			count: map[string]DepthFunc{},
		},
	}
	m.crawl()
	m.http()
	m.shadow()
	m.drift()
	m.registry.MustRegister(m.total, m.seconds, m.cost, m.depth, m.posts, m.deletions, m.failures, m.limits, m.requests, // names are constant: it can't fail
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Step counts one delivery that a step ended: how long it took and the CPU
// seconds it cost.
func (m *Metrics) Step(step, profile, outcome string, seconds, cost float64) {
	if m == nil {
		return
	}
	m.total.WithLabelValues(step, profile, outcome).Inc()
	m.seconds.WithLabelValues(step, profile, outcome).Observe(seconds)
	if cost > 0 { // a counter panics below zero, and a clock that was set back must not end the process
		m.cost.WithLabelValues(step, profile, outcome).Add(cost)
	}
}

// DepthFunc tells how many tasks are in each queue.
type DepthFunc func(ctx context.Context) (map[string]int, error)

// QueueDepths makes every scrape ask f. A later f under the same name takes the
// place of the earlier.
func (m *Metrics) QueueDepths(name string, f DepthFunc) {
	if m == nil {
		return
	}
	m.depth.mu.Lock()
	defer m.depth.mu.Unlock()
	m.depth.count[name] = f
}

// Handler serves the metrics to Prometheus. What can't be asked is left out, so
// that a lost Redis doesn't hide the rest.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// depthCollector asks at each scrape instead of keeping a gauge that goes stale.
type depthCollector struct {
	desc  *prometheus.Desc
	mu    sync.Mutex
	count map[string]DepthFunc
}

func (c *depthCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *depthCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := map[string]int{}
	for name, f := range c.count {
		depths, err := f(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(c.desc, fmt.Errorf("queue depths of %s: %w", name, err))
		}
		for queue, n := range depths {
			sums[queue] += n
		}
	}
	for queue, n := range sums {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), queue)
	}
}
