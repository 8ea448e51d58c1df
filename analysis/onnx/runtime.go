//go:build cgo

package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"weft/analysis/zoo"
	"weft/models"
)

// Options of a Runtime.
type Options struct {
	Library string   // the shared library; empty: it is looked for
	Folders []string // to look into before the system's
	Threads int      // of one computation; 0 is one: workers gain more by doing several posts at a time
}

// loading guards the library's one environment of a process, which the binding
// keeps as a global. It lives as long as the process does.
var loading sync.Mutex //nolint:gochecknoglobals // what it guards is the binding's global

// Runtime opens graphs. It is safe for concurrent use.
type Runtime struct {
	options Options
}

// New returns a runtime. It looks for no library yet.
func New(o Options) *Runtime { return &Runtime{options: o} }

// load makes the library ready; it costs 30 ms once, and nothing later.
func (r *Runtime) load() error {
	loading.Lock()
	defer loading.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	var problems []error
	for _, path := range candidates(r.options) {
		ort.SetSharedLibraryPath(path)
		err := ort.InitializeEnvironment(ort.WithLogLevelError())
		if err == nil {
			return nil
		}
		problems = append(problems, unusable(path, err))
	}
	return missing(errors.Join(problems...))
}

// LibraryVersion is that of the shared library.
func (r *Runtime) LibraryVersion() (string, error) {
	if err := r.load(); err != nil {
		return "", err
	}
	return ort.GetVersion(), nil
}

// Open reads a graph and makes it ready, which for one of 8 MB takes 50 ms.
func (r *Runtime) Open(_ context.Context, d zoo.Declaration) (zoo.Session, error) {
	if d.ONNX == nil {
		return nil, models.Faultf(models.Permanent, "onnx: model %s has no file", d.Name)
	}
	if err := r.load(); err != nil {
		return nil, err
	}
	data, err := d.ONNX.Read()
	if err != nil {
		return nil, fmt.Errorf("onnx: model %s: %w", d.Name, err)
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "onnx: model %s: %s is no graph that ONNX Runtime can read: %w", d.Name, d.ONNX.File, err)
	}
	s := &session{name: d.Name, graph: zoo.Graph{Inputs: ports(inputs), Outputs: ports(outputs)}}
	if err := d.Check(s.graph); err != nil {
		return nil, models.Faultf(models.Permanent, "onnx: %w", err)
	}
	s.shape = s.input(d.Input.Name).Shape
	for _, o := range d.Outputs {
		s.outputs = append(s.outputs, o.Name)
	}
	if s.ort, err = r.session(data, d.Input.Name, s.outputs); err != nil {
		return nil, models.Faultf(models.Permanent, "onnx: model %s: %w", d.Name, err)
	}
	return s, nil
}

func (r *Runtime) session(data []byte, input string, outputs []string) (*ort.DynamicAdvancedSession, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = options.Destroy() }()
	threads := max(1, r.options.Threads)
	err = errors.Join(options.SetIntraOpNumThreads(threads), options.SetInterOpNumThreads(1))
	if err != nil {
		return nil, err
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(data, []string{input}, outputs, options)
}

func ports(infos []ort.InputOutputInfo) []zoo.Port {
	types := map[ort.TensorElementDataType]string{
		ort.TensorElementDataTypeFloat: zoo.Float32, ort.TensorElementDataTypeString: zoo.Bytes,
		ort.TensorElementDataTypeDouble: "FP64", ort.TensorElementDataTypeFloat16: "FP16", ort.TensorElementDataTypeUint8: "UINT8",
		ort.TensorElementDataTypeInt8: "INT8", ort.TensorElementDataTypeInt32: "INT32", ort.TensorElementDataTypeInt64: "INT64",
	}
	out := make([]zoo.Port, len(infos))
	for i, info := range infos {
		out[i] = zoo.Port{Name: info.Name, Type: types[info.DataType], Shape: slices.Clone(info.Dimensions)}
		switch {
		case info.OrtValueType != ort.ONNXTypeTensor:
			out[i].Type = info.OrtValueType.String()
		case out[i].Type == "":
			out[i].Type = info.DataType.String()
		}
	}
	return out
}
