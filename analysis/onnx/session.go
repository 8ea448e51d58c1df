//go:build cgo

package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"weft/analysis/zoo"
	"weft/models"
)

// session is an opened graph. ONNX Runtime allows any number of runs at a time
// on one, and each computes on its caller's thread.
type session struct {
	name    string
	graph   zoo.Graph
	shape   []int64 // of the input
	outputs []string
	ort     *ort.DynamicAdvancedSession
}

func (s *session) Graph() zoo.Graph { return s.graph }

func (s *session) Close() error { return s.ort.Destroy() }

func (s *session) input(name string) zoo.Port {
	i := slices.IndexFunc(s.graph.Inputs, func(p zoo.Port) bool { return p.Name == name })
	return s.graph.Inputs[i] // Check found it
}

// Run computes a batch; a graph of a fixed batch is run as often as is needed.
// Nothing is computed elsewhere.
func (s *session) Run(ctx context.Context, batch zoo.Tensor) (map[string]zoo.Tensor, float64, error) {
	most := batch.Shape[0]
	if len(s.shape) > 0 && s.shape[0] > 0 {
		most = s.shape[0]
	}
	all := map[string]zoo.Tensor{}
	for from := int64(0); from < batch.Shape[0]; from += most {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		part, err := s.run(slice(batch, from, min(from+most, batch.Shape[0]), most))
		if err != nil {
			return nil, 0, models.Faultf(models.Permanent, "onnx: model %s: %w", s.name, err)
		}
		for name, t := range part {
			all[name] = join(all[name], t)
		}
	}
	for name, t := range all { // without what filled up the last batch
		all[name] = slice(t, 0, batch.Shape[0], 0)
	}
	return all, 0, nil
}

func (s *session) run(batch zoo.Tensor) (out map[string]zoo.Tensor, err error) {
	in, err := value(batch)
	if err != nil {
		return nil, err
	}
	values := make([]ort.Value, len(s.outputs))
	defer func() {
		err = errors.Join(err, in.Destroy())
		for _, v := range values {
			if v != nil {
				err = errors.Join(err, v.Destroy())
			}
		}
	}()
	if err := s.ort.Run([]ort.Value{in}, values); err != nil {
		return nil, err
	}
	out = make(map[string]zoo.Tensor, len(values))
	for i, v := range values {
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("output %s is no tensor of %s", s.outputs[i], zoo.Float32)
		}
		shape := slices.Clone(t.GetShape())
		if len(shape) == 0 || shape[0] != batch.Shape[0] {
			return nil, fmt.Errorf("output %s has the shape %v for a batch of %d", s.outputs[i], shape, batch.Shape[0])
		}
		out[s.outputs[i]] = zoo.Tensor{Shape: shape, Floats: slices.Clone(t.GetData())}
	}
	return out, nil
}

func value(t zoo.Tensor) (ort.Value, error) {
	if t.Texts == nil {
		return ort.NewTensor(ort.NewShape(t.Shape...), t.Floats)
	}
	v, err := ort.NewStringTensor(ort.NewShape(t.Shape...))
	if err != nil {
		return nil, err
	}
	if err := v.SetContents(t.Texts); err != nil {
		return nil, errors.Join(err, v.Destroy())
	}
	return v, nil
}

// slice returns some members of a batch, filled up with nothing to a size.
func slice(t zoo.Tensor, from, to, size int64) zoo.Tensor {
	each := int64(1)
	for _, d := range t.Shape[1:] {
		each *= d
	}
	size = max(size, to-from)
	out := zoo.Tensor{Shape: slices.Concat([]int64{size}, t.Shape[1:])}
	if t.Texts != nil {
		out.Texts = append(slices.Clone(t.Texts[from*each:to*each]), make([]string, (size-to+from)*each)...)
		return out
	}
	out.Floats = t.Floats[from*each : to*each : to*each]
	if fill := (size - to + from) * each; fill > 0 {
		out.Floats = append(out.Floats, make([]float32, fill)...)
	}
	return out
}

// join appends the members of b to those of a, which may be nothing yet.
func join(a, b zoo.Tensor) zoo.Tensor {
	if a.Shape == nil {
		return b
	}
	a.Shape = slices.Concat([]int64{a.Shape[0] + b.Shape[0]}, a.Shape[1:])
	a.Floats = append(a.Floats, b.Floats...)
	return a
}
