package profile

import (
	"errors"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"weft/models"
)

// models reads the list of models of a step: names, or a name with parameters
// as in {color: {k: 4}}.
func (r *reader) models(s *section, step models.Step) []models.ModelRef {
	n := s.value("models")
	if n == nil {
		return nil
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		s.wrong(n, "models", "a list such as [caption, {color: {k: 4}}]")
		return nil
	}
	if len(seq.Values) == 0 && step == models.AnalyzeHeavy {
		r.doc.errorf(n, "%s is empty; without models leave the whole section out", s.path("models"))
	}
	var refs []models.ModelRef
	for _, entry := range seq.Values {
		ref, ok := r.model(entry, step)
		switch {
		case !ok:
		case slices.Contains(refs, ref):
			r.doc.errorf(entry, "model %s is there twice with the same parameters", quoted(ref.Name))
		default:
			refs = append(refs, ref)
		}
	}
	return refs
}

func (r *reader) model(entry ast.Node, step models.Step) (models.ModelRef, bool) {
	if name, ok := text(entry); ok {
		return r.checked(name, entry, nil, step)
	}
	var pairs []*ast.MappingValueNode
	switch entry.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs = r.doc.pairs("model", entry)
	default:
		r.doc.errorf(entry, "a model must be a name or {name: {parameters}}, not %s", kind(entry))
		return models.ModelRef{}, false
	}
	if len(pairs) != 1 {
		r.doc.errorf(entry, "a model with parameters must be one {name: {parameters}}, but here are %d names", len(pairs))
		return models.ModelRef{}, false
	}
	name, ok := r.doc.key(pairs[0])
	if !ok {
		return models.ModelRef{}, false
	}
	return r.checked(name, pairs[0].Key, pairs[0].Value, step)
}

// checked asks the catalog for a model and puts its complaints where they belong.
func (r *reader) checked(name string, at, params ast.Node, step models.Step) (models.ModelRef, bool) {
	known := sortedCopy(r.cat.Models(step))
	if !slices.Contains(known, name) {
		r.unknownModel(name, at, step, known)
		return models.ModelRef{}, false
	}
	before := len(r.doc.errs)
	values, keys := r.params(name, params)
	// The catalog names one bad parameter at a time. Each is taken out and the
	// rest asked about again, so that all are reported at once.
	for {
		ref, err := r.cat.CheckModel(name, values)
		if err == nil {
			return ref, len(r.doc.errs) == before
		}
		var pe *models.ParamError
		if !errors.As(err, &pe) || pe.Param == "" {
			r.doc.errorf(at, "%s", err)
			return ref, false
		}
		key, there := keys[pe.Param]
		if _, asked := values[pe.Param]; !asked {
			if !there && len(r.doc.errs) == before { // a parameter that is missing
				r.doc.errorf(at, "%s", err)
			}
			return ref, false
		}
		r.doc.errorf(key, "%s%s", err, r.near(pe))
		delete(values, pe.Param)
	}
}

// near is a hint for a parameter whose name is misspelt.
func (r *reader) near(pe *models.ParamError) string {
	if slices.Contains(pe.Allowed, pe.Param) {
		return ""
	}
	if word := nearest(pe.Param, pe.Allowed); word != "" {
		return "; did you mean " + quoted(word) + "?"
	}
	return ""
}

func (r *reader) unknownModel(name string, at ast.Node, step models.Step, known []string) {
	for _, other := range models.Steps() {
		if other != step && slices.Contains(r.cat.Models(other), name) {
			r.doc.errorf(at, "model %s is for %s, not for %s%s", quoted(name), other, step, allowedWords(name, known))
			return
		}
	}
	r.doc.errorf(at, "unknown model %s for %s%s", quoted(name), step, allowedWords(name, known))
}

// params reads a model's parameters: words, numbers, true, false, and lists of these.
func (r *reader) params(model string, n ast.Node) (map[string]any, map[string]ast.Node) {
	values, keys := map[string]any{}, map[string]ast.Node{}
	for _, v := range r.doc.pairs("parameters of "+model, n) {
		key, ok := r.doc.key(v)
		if !ok {
			continue
		}
		if keys[key] != nil {
			r.doc.errorf(v.Key, "parameter %s of model %s is there twice", quoted(key), quoted(model))
			continue
		}
		keys[key] = v.Key
		value, ok := plain(v.Value)
		if !ok {
			r.doc.errorf(v.Value, "parameter %s of model %s must be a word, a number, true, false or a list of these, not %s",
				quoted(key), quoted(model), kind(v.Value))
			continue
		}
		values[key] = value
	}
	return values, keys
}

// plain turns a node into a Go value: string, int, float64, bool or []any.
func plain(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		f, ok := number(n)
		if !ok || f != float64(int(f)) {
			return f, ok
		}
		return int(f), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.SequenceNode:
		list := []any{}
		for _, v := range n.Values {
			item, ok := plain(v)
			if !ok {
				return nil, false
			}
			list = append(list, item)
		}
		return list, true
	default:
		s, ok := text(n)
		return s, ok
	}
}
