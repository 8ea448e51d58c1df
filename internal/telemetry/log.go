package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"weft/internal/config"
)

// NewLogger returns a logger that writes to w. Lines that are logged with the
// context of a span carry its trace_id and span_id.
func NewLogger(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if c.Format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(&traced{h})
}

// traced adds the ids of the context's span to each line.
type traced struct{ slog.Handler }

func (t *traced) Handle(ctx context.Context, r slog.Record) error {
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		r.AddAttrs(slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t *traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &traced{t.Handler.WithAttrs(attrs)}
}
func (t *traced) WithGroup(name string) slog.Handler { return &traced{t.Handler.WithGroup(name)} }
