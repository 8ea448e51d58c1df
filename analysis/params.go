package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"weft/models"
)

// CheckModel returns the reference to a model with canonical parameters:
// sorted, with every default filled in, so that equal requests share results.
// The error is a *models.ParamError.
func (r *Registry) CheckModel(name string, params map[string]any) (models.ModelRef, error) {
	m := r.model(name)
	if m == nil {
		return models.ModelRef{}, &models.ParamError{Model: name, Problem: "there is no such model", Allowed: r.Names()}
	}
	info := m.Info()
	for _, given := range slices.Sorted(maps.Keys(params)) {
		if !slices.ContainsFunc(info.Params, func(p Param) bool { return p.Name == given }) {
			return models.ModelRef{}, &models.ParamError{Model: name, Param: given, Problem: "there is no such parameter", Allowed: paramNames(info)}
		}
	}
	canonical := Params{}
	for _, p := range info.Params {
		canonical[p.Name] = p.Default
		given, ok := params[p.Name]
		if !ok {
			continue
		}
		v, err := p.check(given)
		if err != nil {
			return models.ModelRef{}, &models.ParamError{Model: name, Param: p.Name, Problem: err.Error(), Allowed: []string{p.bounds()}}
		}
		canonical[p.Name] = v
	}
	return models.ModelRef{Name: name, Params: canonical.String()}, nil
}

func paramNames(info Info) []string {
	names := make([]string, len(info.Params))
	for i, p := range info.Params {
		names[i] = p.Name
	}
	slices.Sort(names)
	return names
}

// bounds describes the allowed values.
func (p Param) bounds() string {
	what := "a number"
	if p.Type == Int {
		what = "a whole number"
	}
	return fmt.Sprintf("%s from %s to %s", what, number(p.Min), number(p.Max))
}

// check converts a value as a YAML or JSON reader may return it.
func (p Param) check(given any) (float64, error) {
	var v float64
	switch value := reflect.ValueOf(given); {
	case !value.IsValid():
		return 0, errors.New("it has no value")
	case value.CanInt():
		v = float64(value.Int())
	case value.CanUint():
		v = float64(value.Uint())
	case value.CanFloat():
		v = value.Float()
	default:
		return 0, fmt.Errorf("%v is not a number", given)
	}
	switch {
	case math.IsNaN(v):
		return 0, errors.New("it is not a number")
	case p.Type == Int && v != math.Trunc(v):
		return 0, fmt.Errorf("%s is not a whole number", number(v))
	case v < p.Min || v > p.Max:
		return 0, fmt.Errorf("%s is out of range", number(v))
	}
	return v, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// String is the canonical JSON, empty for no parameters.
func (p Params) String() string {
	if len(p) == 0 {
		return ""
	}
	b, err := json.Marshal(map[string]float64(p)) // sorts keys; whole numbers get no point
	if err != nil {
		return "" // only infinities can do this, and no bounds allow them
	}
	return string(b)
}

// parseParams reads what String wrote.
func parseParams(canonical string) (Params, error) {
	p := Params{}
	if canonical == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(canonical), &p); err != nil {
		return nil, fmt.Errorf("parameters %q: %w", canonical, err)
	}
	return p, nil
}

// resolve finds the model that a reference asks for. The reference may be
// older than the model: what it doesn't name gets its default, and what is no
// longer allowed is refused.
func (r *Registry) resolve(ref models.ModelRef) (Model, Params, string, error) {
	given, err := parseParams(ref.Params)
	if err != nil {
		return nil, nil, "", err
	}
	loose := make(map[string]any, len(given))
	for name, v := range given {
		loose[name] = v
	}
	checked, err := r.CheckModel(ref.Name, loose)
	if err != nil {
		return nil, nil, "", err
	}
	params, err := parseParams(checked.Params)
	return r.model(ref.Name), params, checked.Params, err
}
