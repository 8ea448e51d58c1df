package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"weft/analysis/zoo"
)

// request is the JSON of an inference request.
type request struct {
	Inputs  []requestTensor `json:"inputs"`
	Outputs []requestOutput `json:"outputs"`
}

type requestTensor struct {
	Name       string         `json:"name"`
	Shape      []int64        `json:"shape"`
	Datatype   string         `json:"datatype"`
	Parameters map[string]any `json:"parameters,omitempty"`
	Data       any            `json:"data,omitempty"`
}

type requestOutput struct {
	Name       string         `json:"name"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// encode writes a request. header is how much of the body is JSON.
func encode(t zoo.Tensor, input string, outputs []string, inBinary bool) (body []byte, header int, err error) {
	in := requestTensor{Name: input, Shape: t.Shape, Datatype: zoo.Float32}
	if t.Texts != nil {
		in.Datatype = zoo.Bytes
	}
	var raw []byte
	switch {
	case inBinary:
		raw = pack(t)
		in.Parameters = map[string]any{"binary_data_size": len(raw)}
	case t.Texts != nil:
		in.Data = t.Texts
	default:
		in.Data = t.Floats
	}
	r := request{Inputs: []requestTensor{in}}
	for _, name := range outputs {
		o := requestOutput{Name: name}
		if inBinary {
			o.Parameters = map[string]any{"binary_data": true}
		}
		r.Outputs = append(r.Outputs, o)
	}
	head, err := json.Marshal(r)
	if err != nil {
		return nil, 0, fmt.Errorf("encode: %w", err)
	}
	return append(head, raw...), len(head), nil
}

// pack writes a tensor in binary: little-endian numbers, or texts with their lengths.
func pack(t zoo.Tensor) []byte {
	if t.Texts == nil {
		raw := make([]byte, 0, 4*len(t.Floats))
		for _, v := range t.Floats {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		return raw
	}
	var raw []byte
	for _, s := range t.Texts {
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(s))), s...)
	}
	return raw
}

// response is the JSON of an answer.
type response struct {
	Outputs []responseTensor `json:"outputs"`
}

type responseTensor struct {
	Name       string  `json:"name"`
	Shape      []int64 `json:"shape"`
	Datatype   string  `json:"datatype"`
	Parameters struct {
		Size *int `json:"binary_data_size"`
	} `json:"parameters"`
	Data json.RawMessage `json:"data"`
}

// decode reads the outputs that were asked for out of an answer for n inputs.
func decode(body []byte, header string, outputs []string, n int64) (map[string]zoo.Tensor, error) {
	head, raw := body, []byte(nil)
	if header != "" {
		at, err := strconv.Atoi(header)
		if err != nil || at < 0 || at > len(body) {
			return nil, fmt.Errorf("%s is %q for a body of %d bytes", headerLength, header, len(body))
		}
		head, raw = body[:at], body[at:]
	}
	var r response
	if err := json.Unmarshal(head, &r); err != nil {
		return nil, err
	}
	out := map[string]zoo.Tensor{}
	for _, o := range r.Outputs {
		values, rest, err := o.values(raw)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
		raw = rest
		if len(o.Shape) == 0 || o.Shape[0] != n || count(o.Shape) != int64(len(values)) {
			return nil, fmt.Errorf("output %s has the shape %v and %d numbers for %d inputs", o.Name, o.Shape, len(values), n)
		}
		out[o.Name] = zoo.Tensor{Shape: o.Shape, Floats: values}
	}
	for _, name := range outputs {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("output %s is missing", name)
		}
	}
	return out, nil
}

// count is how many numbers a shape has; -1 if it is none.
func count(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 1 || n > longest/d {
			return -1
		}
		n *= d
	}
	return n
}

// values are the numbers of an output, and what is left of the binary part.
func (o responseTensor) values(raw []byte) ([]float32, []byte, error) {
	if o.Parameters.Size == nil {
		var nested any
		if err := json.Unmarshal(o.Data, &nested); err != nil {
			return nil, raw, err
		}
		values, err := flatten(nil, nested)
		return values, raw, err
	}
	size := *o.Parameters.Size
	if size < 0 || size > len(raw) {
		return nil, nil, fmt.Errorf("it is said to have %d bytes, of %d that are left", size, len(raw))
	}
	mine, rest := raw[:size], raw[size:]
	width := map[string]int{zoo.Float32: 4, "FP64": 8}[o.Datatype]
	if width == 0 || size%width != 0 {
		return nil, nil, fmt.Errorf("%d bytes of type %s can't be read", size, o.Datatype)
	}
	values := make([]float32, 0, size/width)
	for part := range slices.Chunk(mine, width) {
		if width == 8 {
			values = append(values, float32(math.Float64frombits(binary.LittleEndian.Uint64(part))))
		} else {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(part)))
		}
	}
	return values, rest, nil
}

// flatten reads numbers that may lie in lists of lists.
func flatten(to []float32, v any) ([]float32, error) {
	switch v := v.(type) {
	case float64:
		return append(to, float32(v)), nil
	case []any:
		var err error
		for _, inner := range v {
			if to, err = flatten(to, inner); err != nil {
				return nil, err
			}
		}
		return to, nil
	default:
		return nil, errors.New("what isn't a number stands among its data")
	}
}
