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
	Side       int           // an image model needs pictures whose shorter side has so many pixels; 0: as many as there are
	Replaces   []string      // models whose word on an attribute of an image goes when this one has spoken
	Embedding  int           // dimensions of the vector that it makes of each input; 0: none
	Options    []ValueOption // values that its attributes can have
}

// ValueOption is a value that a model can find.
type ValueOption struct{ Attribute, Value string }

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
// model. The image is shared with other models: it must not be changed,
// and is gone when the answer is there.
type Input struct {
	Image  image.Image
	Text   string
	Params Params
}

// Finding is what a model says of one input.
type Finding struct {
	Attributes []models.Attribute
	Embedding  models.Vector
	Elsewhere  float64 // CPU seconds spent on it beyond those of the calling thread
}

// Batcher is a model that gains by seeing several inputs at once: the images of
// a post. Its answer has a Finding for each, and each is the same as if it had
// been asked about alone.
type Batcher interface {
	Model
	AnalyzeAll(ctx context.Context, in []Input) ([]Finding, error)
}

// Model finds attributes in one input. Analyze must give the same answer for
// the same input, version and parameters, and be safe for concurrent use. It
// leaves Image, Model and Version of its attributes empty: the Engine knows.
type Model interface {
	Info() Info
	Analyze(ctx context.Context, in Input) ([]models.Attribute, error)
}
