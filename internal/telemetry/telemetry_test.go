package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/config"
	"weft/internal/telemetry"
)

// scrape returns what Prometheus would read.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Step("fetch", "quality", "advance", 0.02, 0.5)
	m.Step("fetch", "quality", "advance", 2, 0.25)
	m.Step("index", "quality", "done", 0.01, -1)
	m.QueueDepths("redis", func(context.Context) (map[string]int, error) { return map[string]int{"fetch": 7}, nil })
	got := scrape(t, m)
	for _, line := range []string{
		`weft_step_total{outcome="advance",profile="quality",step="fetch"} 2`,
		`weft_step_seconds_bucket{outcome="advance",profile="quality",step="fetch",le="0.025"} 1`,
		`weft_step_seconds_sum{outcome="advance",profile="quality",step="fetch"} 2.02`,
		`weft_step_cost_seconds_total{outcome="advance",profile="quality",step="fetch"} 0.75`,
		`weft_queue_depth{queue="fetch"} 7`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, "\n"+line) {
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(got, `weft_step_cost_seconds_total{outcome="done"`) {
		t.Error("a negative cost was counted")
	}
}

func TestMetricsWithoutRedis(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Step("fetch", "quality", "advance", 1, 1)
	m.QueueDepths("redis", func(context.Context) (map[string]int, error) { return nil, errors.New("refused") })
	if got := scrape(t, m); !strings.Contains(got, "weft_step_total{") {
		t.Errorf("a lost Redis hides the other metrics:\n%s", got)
	}
}

func TestNilMetrics(t *testing.T) {
	var m *telemetry.Metrics
	m.Step("fetch", "quality", "advance", 1, 1) // a nil dereference would fail the test
	m.QueueDepths("redis", nil)
}

func TestLogger(t *testing.T) {
	tracing, err := telemetry.NewTracing(t.Context(), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tracing.Tracer("test").Start(t.Context(), "work")
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, config.Log{Level: slog.LevelInfo, Format: "json"}).With("step", "fetch")
	log.DebugContext(ctx, "hidden")
	log.InfoContext(ctx, "shown")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one line of JSON: %v\n%s", err, &out)
	}
	if line["msg"] != "shown" || line["step"] != "fetch" || line["trace_id"] != span.SpanContext().TraceID().String() {
		t.Errorf("got %v", line)
	}
	out.Reset()
	telemetry.NewLogger(&out, config.Log{Format: "text"}).Info("plain")
	if got := out.String(); !strings.Contains(got, "level=INFO msg=plain\n") {
		t.Errorf("got %q", got)
	}
}

func TestTracingExports(t *testing.T) {
	bodies := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/base/v1/traces" {
			t.Errorf("request to %s: %v", r.URL.Path, err)
		}
		bodies <- body
	}))
	defer collector.Close()
	tracing, err := telemetry.NewTracing(t.Context(), "weft-test", collector.URL+"/base")
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracing.Tracer("test").Start(t.Context(), "step fetch")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tracing.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-bodies:
		if !bytes.Contains(body, []byte("step fetch")) || !bytes.Contains(body, []byte("weft-test")) {
			t.Errorf("the export holds neither span nor service: %q", body)
		}
	default:
		t.Error("nothing was exported")
	}
}

func TestTraceparent(t *testing.T) {
	const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tracing, err := telemetry.NewTracing(t.Context(), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := telemetry.Traceparent(t.Context()); got != "" {
		t.Errorf("a context without a span gives %q", got)
	}
	ctx := telemetry.WithTraceparent(t.Context(), remote)
	if got := telemetry.Traceparent(ctx); got != remote {
		t.Errorf("got %q, want %q", got, remote)
	}
	ctx, _ = tracing.Tracer("test").Start(ctx, "step")
	if got := telemetry.Traceparent(ctx); !strings.HasPrefix(got, remote[:36]) || got == remote {
		t.Errorf("a span's child has %q, want the trace of %q and a span of its own", got, remote)
	}
	if got := telemetry.Traceparent(telemetry.WithTraceparent(t.Context(), "nonsense")); got != "" {
		t.Errorf("nonsense gives %q", got)
	}
}
