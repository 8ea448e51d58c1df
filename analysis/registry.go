package analysis

import (
	"fmt"
	"slices"
	"strings"

	"weft/analysis/taxonomy"
	"weft/models"
)

// Registry holds the models that an installation has. It is filled once, at
// the start, and only read afterwards.
type Registry struct {
	models  []Model // by name
	options map[string][]string
}

// NewRegistry returns a registry of the given models. Names must differ.
func NewRegistry(all ...Model) (*Registry, error) {
	r := &Registry{options: map[string][]string{}}
	for _, m := range all {
		if err := r.Add(m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Add registers one more model.
func (r *Registry) Add(m Model) error {
	info := m.Info()
	switch {
	case info.Name == "" || info.Version == "":
		return fmt.Errorf("register model %q: name and version must be set", info.Name)
	case info.Tier != models.AnalyzeLight && info.Tier != models.AnalyzeHeavy:
		return fmt.Errorf("register model %q: tier %q is neither %s nor %s", info.Name, info.Tier, models.AnalyzeLight, models.AnalyzeHeavy)
	case info.Kind != ImageKind && info.Kind != TextKind:
		return fmt.Errorf("register model %q: kind %q is neither %s nor %s", info.Name, info.Kind, ImageKind, TextKind)
	}
	at, taken := slices.BinarySearchFunc(r.models, info.Name, func(m Model, name string) int {
		return strings.Compare(m.Info().Name, name)
	})
	if taken {
		return fmt.Errorf("register model %q: the name is taken", info.Name)
	}
	r.models = slices.Insert(r.models, at, m)
	for _, o := range info.Options {
		if known := r.options[o.Attribute]; !slices.Contains(known, o.Value) {
			r.options[o.Attribute] = append(known, o.Value)
		}
	}
	return nil
}

// AddOptions sets the values that an attribute can have, for those who label it.
func (r *Registry) AddOptions(attribute string, values []string) {
	r.options[attribute] = slices.Clone(values)
}

// Options returns the values that an attribute can have; none means that any
// text will do.
func (r *Registry) Options(attribute string) []string { return slices.Clone(r.options[attribute]) }

// Taxonomy identifies all vocabularies together: it changes when any of them
// gains, loses or reorders a value. Labels are kept under it.
func (r *Registry) Taxonomy() string {
	var parts [][]byte
	for _, name := range r.Attributes() {
		parts = append(parts, []byte(name), []byte(strings.Join(r.options[name], "\x00")))
	}
	return taxonomy.Hash(parts...)
}

// Models returns the names of the models that may run at step, sorted.
func (r *Registry) Models(step models.Step) []string {
	var names []string
	for _, m := range r.models {
		if m.Info().Tier == step {
			names = append(names, m.Info().Name)
		}
	}
	return names
}

// Info describes the model of that name.
func (r *Registry) Info(name string) (Info, bool) {
	m := r.model(name)
	if m == nil {
		return Info{}, false
	}
	return m.Info(), true
}

// Attributes returns the names of everything that any model can find, sorted.
func (r *Registry) Attributes() []string {
	var names []string
	for _, m := range r.models {
		names = append(names, m.Info().Attributes...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// AttributesOf returns the names of what the referred models can find, sorted.
func (r *Registry) AttributesOf(refs []models.ModelRef) []string {
	var names []string
	for _, ref := range refs {
		if m := r.model(ref.Name); m != nil {
			names = append(names, m.Info().Attributes...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Names returns the names of all models, sorted.
func (r *Registry) Names() []string {
	names := make([]string, len(r.models))
	for i, m := range r.models {
		names[i] = m.Info().Name
	}
	return names
}

// model returns the model of that name, or nil.
func (r *Registry) model(name string) Model {
	for _, m := range r.models {
		if m.Info().Name == name {
			return m
		}
	}
	return nil
}
