package zoo

import (
	"fmt"
	"slices"
	"strings"
)

// Check holds a declaration against the graph it names. The error is an Errors
// that says what the graph offers.
func (d Declaration) Check(g Graph) error {
	doc := &document{file: d.File}
	complain := func(what, format string, args ...any) {
		p, ok := d.at[what]
		if !ok || p.line == 0 {
			p = d.at["runtime"]
		}
		doc.at(p, "model %s: "+format, append([]any{d.Name}, args...)...)
	}
	d.checkInput(g, complain)
	for i, o := range d.Outputs {
		at := fmt.Sprintf("outputs[%d]", i)
		port, ok := find(g.Outputs, o.Name)
		if !ok {
			complain(at+".name", "the graph has no output %q; it offers %s", o.Name, ports(g.Outputs))
			continue
		}
		if port.Type != Float32 {
			complain(at+".name", "output %s is of type %s; only %s can be read", o.Name, port.Type, Float32)
		}
		switch o.As {
		case Attribute:
			if n := perInput(port.Shape); n > 0 && n != int64(len(o.Classes)) {
				complain(at+".classes", "there are %d classes, but output %s gives %d numbers for each input: %s", len(o.Classes), o.Name, n, port)
			}
		case Embedding:
			if n := perInput(port.Shape); n > 0 && n != int64(o.Dims) {
				complain(at+".dims", "dims is %d, but output %s gives %d numbers for each input: %s", o.Dims, o.Name, n, port)
			}
		default:
		}
	}
	return doc.errs.orNil()
}

func (d Declaration) checkInput(g Graph, complain func(what, format string, args ...any)) {
	port, ok := find(g.Inputs, d.Input.Name)
	if !ok {
		complain("input.name", "the graph has no input %q; it offers %s", d.Input.Name, ports(g.Inputs))
		return
	}
	if len(g.Inputs) > 1 {
		complain("input.name", "the graph wants %d inputs: %s; one is possible", len(g.Inputs), ports(g.Inputs))
	}
	if d.Task == Text {
		if port.Type != Bytes {
			complain("input.name", "input %s is of type %s; a text model takes %s", port.Name, port.Type, Bytes)
		}
		return
	}
	if port.Type != Float32 {
		complain("input.name", "input %s is of type %s; an image model takes %s", port.Name, port.Type, Float32)
	}
	if want := d.Input.shape(); !fits(port.Shape, want) {
		complain("input.side", "images of side %d in layout %s have the shape %s, but the graph takes %s", d.Input.Side, d.Input.Layout, shape(want), port)
	}
}

// shape is that of a batch of any size.
func (in Input) shape() []int64 {
	s := int64(in.Side)
	if in.Layout == NHWC {
		return []int64{-1, s, s, 3}
	}
	return []int64{-1, 3, s, s}
}

// fits reports whether a graph that offers a shape takes another; open
// dimensions take anything.
func fits(offered, wanted []int64) bool {
	return slices.EqualFunc(offered, wanted, func(a, b int64) bool { return a == b || a < 1 || b < 1 })
}

// perInput is how many numbers a shape has beyond its first dimension; 0 if
// that is open.
func perInput(shape []int64) int64 {
	if len(shape) < 2 {
		return 0
	}
	n := int64(1)
	for _, d := range shape[1:] {
		if d < 1 {
			return 0
		}
		n *= d
	}
	return n
}

func find(ports []Port, name string) (Port, bool) {
	i := slices.IndexFunc(ports, func(p Port) bool { return p.Name == name })
	if i < 0 {
		return Port{}, false
	}
	return ports[i], true
}

func ports(all []Port) string {
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}

// String is the port as people write it: image FP32 [n,3,96,96].
func (p Port) String() string { return p.Name + " " + p.Type + " " + shape(p.Shape) }

func shape(dims []int64) string {
	words := make([]string, len(dims))
	for i, d := range dims {
		words[i] = fmt.Sprint(d)
		if d < 1 {
			words[i] = "n"
		}
	}
	return "[" + strings.Join(words, ",") + "]"
}
