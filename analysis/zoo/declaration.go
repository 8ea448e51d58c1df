package zoo

import (
	"time"

	"weft/models"
)

// Task is what a model does.
type Task string

// The tasks.
const (
	Classify Task = "classify" // an image into classes
	Segment  Task = "segment"  // an image into a mask, for other models to use
	Embed    Task = "embed"    // an image into a vector
	Text     Task = "text"     // a text into classes
)

// Stage says how far a model's word counts.
type Stage string

// The stages.
const (
	Active Stage = "active"
	Shadow Stage = "shadow" // it runs beside others, and changes nothing
)

// Declaration is one model of a file, checked as far as that can be done
// without its graph (see Check).
type Declaration struct {
	Name     string  // what profiles call it, and results are kept under; of a shadow, its own
	Declared string  // what its file calls it: another name than Name if it took that one over, see Of
	Of       string  // the model of which this is another version: it runs beside it, or once active in its place
	Share    float64 // of posts that it runs on while it is a shadow
	Version  string  // names everything that can change a result
	Tier     models.Step
	Task     Task
	Stage    Stage
	Replaces []string // models whose word on an attribute of an image goes when this one has spoken
	ONNX     *ONNX    // either this
	Remote   *Remote  // or this
	Input    Input
	Outputs  []Output

	File    string // that declares it, for messages
	at      map[string]position
	shipped bool
}

// ONNX is a graph that this process computes.
type ONNX struct {
	File string // as declared
	Hash string // of its content
	Read func() ([]byte, error)
}

// Remote is a model on a server that speaks the Open Inference Protocol v2.
type Remote struct {
	URL      string
	Model    string
	Revision string        // the server's "model version": results are kept under it
	Timeout  time.Duration // of one request
	Batch    int           // most inputs of one request
	Delay    time.Duration // how long an input waits for others to share its request
}

// Layout is the order of an image tensor's dimensions.
type Layout string

// The layouts.
const (
	NCHW Layout = "nchw"
	NHWC Layout = "nhwc"
)

// ColorOrder is the order of an image tensor's channels.
type ColorOrder string

// The orders.
const (
	RGB ColorOrder = "rgb"
	BGR ColorOrder = "bgr"
)

// Input is what a model is shown: the whole image, scaled to Side×Side, every
// channel as (value - Mean) / Std with values from 0 to 255; or a text, of which
// only Name is used.
type Input struct {
	Name   string
	Side   int
	Colors ColorOrder
	Layout Layout
	Mean   [3]float64
	Std    [3]float64
}

// Meaning says what an output is.
type Meaning string

// The meanings.
const (
	Attribute Meaning = "attribute"
	Embedding Meaning = "embedding"
	Mask      Meaning = "mask"
)

// Activation turns an output into confidences.
type Activation string

// The activations.
const (
	Softmax Activation = "softmax" // one of the classes
	Sigmoid Activation = "sigmoid" // any number of them
	None    Activation = "none"    // they are confidences already
)

// Output is one output of the graph and what it means.
type Output struct {
	Name string
	As   Meaning

	// Of an attribute.
	Attribute   string
	Classes     []Class
	Activation  Activation
	Temperature float64 // the output is divided by it before the activation
	Threshold   float64 // below it, nothing is said
	Top         int     // most classes that are told

	Dims int // of an embedding
}

// Class is one place of an attribute's output. Value is what it is called in
// Weft's vocabulary; an empty one is never told.
type Class struct {
	Name  string
	Value string
}

// Values returns the different values that the output can tell, in its order.
func (o Output) Values() []string {
	var values []string
	seen := map[string]bool{"": true}
	for _, c := range o.Classes {
		if !seen[c.Value] {
			values = append(values, c.Value)
			seen[c.Value] = true
		}
	}
	return values
}

// Attributes are the names of what the model can find.
func (d Declaration) Attributes() []string {
	var names []string
	for _, o := range d.Outputs {
		if o.As == Attribute {
			names = append(names, o.Attribute)
		}
	}
	return names
}

// Output returns the first output of that meaning.
func (d Declaration) Output(as Meaning) (Output, bool) {
	for _, o := range d.Outputs {
		if o.As == as {
			return o, true
		}
	}
	return Output{}, false
}

// Shipped reports whether the model came with Weft.
func (d Declaration) Shipped() bool { return d.shipped }
