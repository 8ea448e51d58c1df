package models

import (
	"fmt"
	"strings"
)

// ModelRef asks for a model with parameters, as a profile names it.
type ModelRef struct {
	Name   string `json:"name"`
	Params string `json:"params,omitempty"` // canonical JSON: sorted keys, defaults filled in
}

// ParamError refuses a parameter of a model. Param is empty when the model
// itself is refused.
type ParamError struct {
	Model   string
	Param   string
	Problem string
	Allowed []string // names or values that would do
}

func (e *ParamError) Error() string {
	what := fmt.Sprintf("model %q", e.Model)
	if e.Param != "" {
		what = fmt.Sprintf("parameter %q of model %q", e.Param, e.Model)
	}
	if len(e.Allowed) == 0 {
		return what + ": " + e.Problem
	}
	return what + ": " + e.Problem + "; allowed: " + strings.Join(e.Allowed, ", ")
}
