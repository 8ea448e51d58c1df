package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

const (
	logSaysWhy = "something is wrong here; the log says what, under the request id"
	// retryAfter is in seconds: stores that restart are back after about as long.
	retryAfter = "5"
)

// withoutValues takes out of an error what the caller sent: huma repeats it.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if e, ok := v.(*huma.ErrorModel); ok {
		for _, d := range e.Errors {
			d.Value = nil
		}
	}
	return v, nil
}

// failed turns a store's error into the answer, by its class alone: what the
// error says is for the log.
func (s *server) failed(ctx context.Context, store string, err error) error {
	switch class := models.ClassOf(err); {
	case errors.Is(ctx.Err(), context.Canceled): // nobody waits for it
		return huma.Error503ServiceUnavailable("the request was cancelled")
	case errors.Is(err, models.ErrNotFound):
		return huma.Error404NotFound("there is no such post")
	case class == models.Unavailable:
		s.Log.WarnContext(ctx, "api: a store is away", "request", of(ctx).id, "store", store, "error", err)
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(store+" doesn't answer in time; ask again"),
			http.Header{"Retry-After": {retryAfter}})
	default:
		s.Log.ErrorContext(ctx, "api: a store failed", "request", of(ctx).id, "store", store, "error", err)
		return huma.Error500InternalServerError(logSaysWhy)
	}
}

// problem answers with an error, whatever is asked.
func problem(status int, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, status, detail) })
}

// writeProblem writes an error outside of huma's operations in the same form.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, "application/problem+json", status, huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}

func writeJSON(w http.ResponseWriter, kind string, status int, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller went away
}
