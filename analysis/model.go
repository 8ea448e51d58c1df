package analysis

import (
	"context"
	"image"

	"weft/models"
)

// Kind says what a model looks at.
type Kind string

// The kinds.
const (
	ImageKind Kind = "image"
	TextKind  Kind = "text"
)

// Info describes a model.
type Info struct {
	Name       string
	Version    string // changes with everything that can change a result: code, taxonomy, lexicon, weights
	Tier       models.Step
	Kind       Kind
	Attributes []string // names of what it can find
	Params     []Param
}

// ParamType is the type of a parameter.
type ParamType string

// The types.
const (
	Int   ParamType = "int"
	Float ParamType = "float"
)

// Param is one parameter of a model, with inclusive bounds.
type Param struct {
	Name     string
	Type     ParamType
	Min, Max float64
	Default  float64
}

// Params are checked parameters with every default filled in. Whole numbers
// are kept as float64, which is exact within any bounds that make sense here.
type Params map[string]float64

// Int returns a parameter of type Int.
func (p Params) Int(name string) int { return int(p[name]) }

// Input is what a model is shown: Image for an image model, Text for a text
// model. The image is shared with other models: it must not be changed.
type Input struct {
	Image  image.Image
	Text   string
	Params Params
}

// Model finds attributes in one input. Analyze must give the same answer for
// the same input, version and parameters, and be safe for concurrent use. It
// leaves Image, Model and Version of its attributes empty: the Engine knows.
type Model interface {
	Info() Info
	Analyze(ctx context.Context, in Input) ([]models.Attribute, error)
}
