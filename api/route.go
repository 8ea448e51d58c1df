package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// roleField is where the description says which role an operation wants.
const roleField = "x-role"

// action is an operation with what surrounds it. This is the one place where its
// role is said: the description, the check of each request, the audit log and the
// test that walks all operations with all roles take it from here.
type action struct {
	huma.Operation
	Role    models.Role   // the least that may do it; empty: whoever comes by
	Reads   bool          // changes nothing although it is no GET: it is not audited
	Creates bool          // takes an Idempotency-Key
	Secret  bool          // its answer holds a secret, which is shown once: it is not kept for repetitions
	Timeout time.Duration // longer than that of other requests; 0: the same
}

// writes reports whether the action belongs into the audit log.
func (a *action) writes() bool {
	return !a.Reads && a.Method != http.MethodGet && a.Method != http.MethodHead
}

// register puts an action on the mux and into the description. An operation that
// isn't registered here is refused to everybody.
func register[I, O any](s *server, a action, do func(context.Context, *I) (*O, error)) {
	a.Extensions = map[string]any{roleField: "none"}
	a.Errors = append(a.Errors, http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	a.Security = []map[string][]string{}
	if a.Role != "" {
		a.Extensions[roleField] = string(a.Role)
		a.Errors = append(a.Errors, http.StatusUnauthorized, http.StatusForbidden)
		a.Security = []map[string][]string{{"key": {}}, {"session": {}}}
	}
	if a.Method != http.MethodGet {
		a.Errors = append(a.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if a.Creates {
		a.Errors = append(a.Errors, http.StatusConflict)
		a.Parameters = append(a.Parameters, &huma.Param{
			Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxIdempotency)},
			Description: "A text of your choice that names this request: repeated within a day it is answered as it was, and done once.",
		})
	}
	s.actions[a.Method+" "+a.Path] = &a
	huma.Register(s.api, a.Operation, do)
}

// open lets whoever comes by reach these patterns of the mux.
func (s *server) open(patterns ...string) {
	for _, p := range patterns {
		s.actions[p] = &action{Reads: true}
	}
}
