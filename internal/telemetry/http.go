package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// http makes what counts the API's requests.
func (m *Metrics) http() {
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "weft_http_seconds", Help: "How long the API took to answer, in seconds.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "method", "status"})
}

// Request counts one request to the API. The route is a pattern, never a path:
// each becomes a time series.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
