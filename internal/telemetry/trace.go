package telemetry

import (
	"context"
	"fmt"
	neturl "net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing makes spans and carries their context from process to process.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// NewTracing sets up tracing for the process named service. Spans are exported
// by OTLP over HTTP to endpoint, the collector's base URL. Without an endpoint
// nothing is recorded, but a trace that was begun elsewhere is still passed on.
//
// Exporting never holds up a step: when the collector is slow or gone, spans are
// dropped.
func NewTracing(ctx context.Context, service, endpoint string) (*Tracing, error) {
	if endpoint == "" {
		return &Tracing{provider: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))}, nil
	}
	url, err := neturl.JoinPath(endpoint, "v1", "traces")
	if err != nil {
		return nil, fmt.Errorf("set up tracing: endpoint: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url))
	if err != nil {
		return nil, fmt.Errorf("set up tracing: %w", err)
	}
	res, err := resource.Merge(resource.Default(), resource.NewSchemaless(attribute.String("service.name", service)))
	if err != nil {
		return nil, fmt.Errorf("set up tracing: %w", err)
	}
	return &Tracing{provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
	)}, nil
}

// Tracer returns the tracer for a package.
func (t *Tracing) Tracer(name string) trace.Tracer { return t.provider.Tracer(name) }

// Propagator carries a span's context in the headers of a task or a request
// (W3C traceparent and tracestate).
func (t *Tracing) Propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }

// Shutdown exports what is left, until ctx ends.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("shut down tracing: %w", err)
	}
	return nil
}

// Traceparent returns the W3C traceparent of ctx's span, empty without one. A
// run keeps it, so that its steps join the trace of its discovery.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// WithTraceparent returns ctx as a part of the trace that Traceparent told of.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}
