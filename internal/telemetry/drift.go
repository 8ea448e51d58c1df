package telemetry

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Drift says how far an attribute of a profile is from its reference.
type Drift struct {
	Profile, Attribute string
	Index              float64 // population stability index, less what chance alone makes
	Confidence         float64 // change of the mean confidence
	Beyond             bool
}

// DriftFunc tells what the newest look found.
type DriftFunc func(ctx context.Context) ([]Drift, error)

// drift makes what tells of drift.
func (m *Metrics) drift() {
	labels := []string{"profile", "attribute"}
	m.drifts = &driftCollector{
		index:      prometheus.NewDesc("weft_drift", "How far last week's values of an attribute are from the reference: population stability index, less what chance makes of it.", labels, nil),
		confidence: prometheus.NewDesc("weft_drift_confidence", "Change of an attribute's mean confidence from the reference to last week.", labels, nil),
		beyond:     prometheus.NewDesc("weft_drift_beyond", "1 if an attribute's drift is beyond the threshold.", labels, nil),
	}
	m.registry.MustRegister(m.drifts) // names are constant: it can't fail
}

// Drifts makes every scrape ask f.
func (m *Metrics) Drifts(f DriftFunc) {
	if m == nil {
		return
	}
	m.drifts.mu.Lock()
	defer m.drifts.mu.Unlock()
	m.drifts.ask = f
}

// driftCollector asks at each scrape: one process looks, and all tell.
type driftCollector struct {
	index, confidence, beyond *prometheus.Desc

	mu  sync.Mutex
	ask DriftFunc
}

// Describe sends what Collect tells of.
func (c *driftCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.index
	ch <- c.confidence
	ch <- c.beyond
}

// Collect asks.
func (c *driftCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	ask := c.ask
	c.mu.Unlock()
	if ask == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	all, err := ask(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.index, err)
		return
	}
	for _, d := range all {
		beyond := 0.0
		if d.Beyond {
			beyond = 1
		}
		for desc, v := range map[*prometheus.Desc]float64{c.index: d.Index, c.confidence: d.Confidence, c.beyond: beyond} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, d.Profile, d.Attribute)
		}
	}
}
