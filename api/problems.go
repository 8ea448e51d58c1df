package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

const (
	logSaysWhy = "something is wrong here; the log says what, under the request id"
	// retryAfter is in seconds: stores that restart are back after about as long.
	retryAfter = "5"
)

// problem is huma's error with the id of the request, by which the log tells more.
type problem struct {
	*huma.ErrorModel
	RequestID string `json:"request_id"`
}

// presentable takes out of an error what the caller sent, since huma repeats it,
// and adds the id of the request.
func presentable(c huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	for _, d := range e.Errors {
		d.Value = nil
	}
	return problem{e, of(c.Context()).id}, nil
}

// describeProblems makes the description of errors what presentable does to them.
func (s *server) describeProblems() {
	schemas := s.api.OpenAPI().Components.Schemas.Map()
	e := schemas["ErrorModel"]
	e.Properties["request_id"] = &huma.Schema{Type: huma.TypeString, Description: "Of the request, also in the header X-Request-ID: the log has more under it."}
	e.Required = append(e.Required, "request_id")
	delete(schemas["ErrorDetail"].Properties, "value")
}

// failed turns a store's error into the answer, by its class alone: what the
// error says is for the log. A missing document is a 404 that says what is missing.
func (s *server) failed(ctx context.Context, store string, err error) error {
	switch class := models.ClassOf(err); {
	case errors.Is(ctx.Err(), context.Canceled): // nobody waits for it
		return huma.Error503ServiceUnavailable("the request was cancelled")
	case errors.Is(err, models.ErrNotFound):
		return huma.Error404NotFound("there is no such thing")
	case class == models.Unavailable:
		s.Log.WarnContext(ctx, "api: a store is away", "request", of(ctx).id, "store", store, "error", err)
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(store+" doesn't answer in time; ask again"),
			http.Header{"Retry-After": {retryAfter}})
	default:
		s.Log.ErrorContext(ctx, "api: a store failed", "request", of(ctx).id, "store", store, "error", err)
		return huma.Error500InternalServerError(logSaysWhy)
	}
}

// missing is failed for a document whose kind is known.
func (s *server) missing(ctx context.Context, kind string, err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return huma.Error404NotFound("there is no such " + kind)
	}
	return s.failed(ctx, "documents", err)
}

// writeProblem writes an error outside of huma's operations in the same form.
func writeProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	e := problem{&huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail}, of(r.Context()).id}
	writeJSON(w, "application/problem+json", status, e)
}

// writeFailure is failed for what surrounds the operations.
func (s *server) writeFailure(w http.ResponseWriter, r *http.Request, store string, err error) {
	err = s.failed(r.Context(), store, err)
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[huma.StatusError](err); ok {
		status = e.GetStatus()
	}
	if e, ok := errors.AsType[huma.HeadersError](err); ok {
		maps.Copy(w.Header(), e.GetHeaders())
	}
	writeProblem(w, r, status, err.Error())
}

func writeJSON(w http.ResponseWriter, kind string, status int, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller went away
}
