package telemetry

import "github.com/prometheus/client_golang/prometheus"

// shadow makes what counts the models that run beside others.
func (m *Metrics) shadow() {
	m.shadows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_shadow_total", Help: "Posts that a shadow model was to see: seen, failed, or skipped because it was too slow.",
	}, []string{"model", "outcome"})
	m.shadowCost = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_shadow_cost_seconds_total", Help: "CPU seconds that shadow models cost. They are in no step's cost, and in no profile's budget.",
	}, []string{"model"})
	m.registry.MustRegister(m.shadows, m.shadowCost) // names are constant: it can't fail
}

// Shadow counts one post that a shadow model was to see.
func (m *Metrics) Shadow(model, outcome string, cost float64) {
	if m == nil {
		return
	}
	m.shadows.WithLabelValues(model, outcome).Inc()
	if cost > 0 { // see Step
		m.shadowCost.WithLabelValues(model).Add(cost)
	}
}
