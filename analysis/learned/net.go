package learned

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync"

	"weft/analysis/zoo"
	"weft/models"
)

// Net is a declared model that can be asked. It is safe for concurrent use.
type Net struct {
	decl    zoo.Declaration
	runtime zoo.Runtime

	mu      sync.Mutex
	session zoo.Session
}

// NewNet returns a model that is opened when it is first asked. Without a
// runtime it can be described, and refuses to be asked.
func NewNet(d zoo.Declaration, r zoo.Runtime) *Net { return &Net{decl: d, runtime: r} }

// Declaration is what the model was declared as.
func (n *Net) Declaration() zoo.Declaration { return n.decl }

// Open makes the model ready. What went wrong once is tried again: a server
// comes back, a library is installed.
func (n *Net) Open(ctx context.Context) (zoo.Session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session != nil {
		return n.session, nil
	}
	if n.runtime == nil {
		return nil, models.Faultf(models.Unavailable, "model %s: this program computes no learned models; the worker and `weft up` do", n.decl.Name)
	}
	s, err := n.runtime.Open(ctx, n.decl)
	if err != nil {
		return nil, err
	}
	n.session = s
	return s, nil
}

// Close frees the graph or the connections.
func (n *Net) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session == nil {
		return nil
	}
	s := n.session
	n.session = nil
	return s.Close()
}

// Answer are the outputs for one input, by name.
type Answer map[string]Output

// Output is what one output says of one input.
type Output struct {
	Shape []int64 // without the batch
	Data  []float32
}

// Images asks about images. elsewhere are CPU seconds beyond those of the
// calling thread, for all of them together.
func (n *Net) Images(ctx context.Context, images []image.Image) (answers []Answer, elsewhere float64, err error) {
	if len(images) == 0 {
		return nil, 0, nil
	}
	for _, img := range images {
		if img == nil {
			return nil, 0, fmt.Errorf("model %s: no image", n.decl.Name)
		}
	}
	return n.run(ctx, Tensor(images, n.decl.Input))
}

// Texts asks about texts.
func (n *Net) Texts(ctx context.Context, texts []string) (answers []Answer, elsewhere float64, err error) {
	if len(texts) == 0 {
		return nil, 0, nil
	}
	s, err := n.Open(ctx)
	if err != nil {
		return nil, 0, err
	}
	shape := []int64{int64(len(texts)), 1}
	for _, p := range s.Graph().Inputs {
		if p.Name == n.decl.Input.Name && len(p.Shape) == 1 {
			shape = shape[:1]
		}
	}
	return n.run(ctx, zoo.Tensor{Shape: shape, Texts: texts})
}

func (n *Net) run(ctx context.Context, batch zoo.Tensor) ([]Answer, float64, error) {
	s, err := n.Open(ctx)
	if err != nil {
		return nil, 0, err
	}
	outputs, elsewhere, err := s.Run(ctx, batch)
	if err != nil {
		return nil, 0, err
	}
	answers, err := split(outputs, n.decl, batch.Shape[0])
	if err != nil {
		return nil, 0, models.Faultf(models.Permanent, "model %s: %w", n.decl.Name, err)
	}
	return answers, elsewhere, nil
}

// split takes a batch of outputs apart.
func split(outputs map[string]zoo.Tensor, d zoo.Declaration, n int64) ([]Answer, error) {
	answers := make([]Answer, n)
	for i := range answers {
		answers[i] = Answer{}
	}
	for _, o := range d.Outputs {
		t, ok := outputs[o.Name]
		if !ok {
			return nil, fmt.Errorf("output %s is missing", o.Name)
		}
		if len(t.Shape) == 0 || t.Shape[0] != n || int64(len(t.Floats))%n != 0 {
			return nil, fmt.Errorf("output %s has the shape %v and %d numbers for %d inputs", o.Name, t.Shape, len(t.Floats), n)
		}
		each := len(t.Floats) / int(n)
		if err := expect(o, each); err != nil {
			return nil, err
		}
		for i := range answers {
			answers[i][o.Name] = Output{Shape: t.Shape[1:], Data: t.Floats[i*each : (i+1)*each : (i+1)*each]}
		}
	}
	return answers, nil
}

// expect holds what came against the declaration: a graph may leave open what
// its outputs will be.
func expect(o zoo.Output, each int) error {
	want := each
	switch o.As {
	case zoo.Attribute:
		want = len(o.Classes)
	case zoo.Embedding:
		want = o.Dims
	default:
	}
	if each != want {
		return fmt.Errorf("output %s has %d numbers for each input, want %d", o.Name, each, want)
	}
	if each == 0 {
		return errors.New("output " + o.Name + " is empty")
	}
	return nil
}

// WithoutThresholds is the same model, opened anew, that tells the surest class
// of each input however unsure it is: for whoever measures it. Its version isn't
// that of the model, so nothing it says may be kept.
func WithoutThresholds(n *Net) *Net {
	d := n.decl
	d.Outputs = slices.Clone(d.Outputs)
	for i := range d.Outputs {
		d.Outputs[i].Threshold, d.Outputs[i].Top = 0, 1
	}
	return NewNet(d, n.runtime)
}
