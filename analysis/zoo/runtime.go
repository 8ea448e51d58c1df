package zoo

import "context"

// Tensor is a batch: the first dimension counts its members. It holds either
// numbers or texts.
type Tensor struct {
	Shape  []int64
	Floats []float32
	Texts  []string
}

// Port is an input or output that a graph offers. A dimension below 1 is open.
type Port struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"` // as in the Open Inference Protocol: FP32, BYTES, …
	Shape []int64 `json:"shape"`
}

// Graph is what a model really offers.
type Graph struct {
	Inputs  []Port `json:"inputs"`
	Outputs []Port `json:"outputs"`
}

// The types of tensors that models may have here.
const (
	Float32 = "FP32"
	Bytes   = "BYTES"
)

// Runtime opens models.
type Runtime interface {
	// Open makes a declared model ready. Its error is a fault of the class
	// unavailable when the runtime or the server isn't there (now), permanent
	// when the graph can't be used.
	Open(ctx context.Context, d Declaration) (Session, error)
}

// Session is an opened model, for any number of callers at a time.
type Session interface {
	Graph() Graph
	// Run computes the declared outputs of one batch. elsewhere are the seconds
	// of somebody's CPU that went into it beyond those of the calling thread.
	Run(ctx context.Context, batch Tensor) (outputs map[string]Tensor, elsewhere float64, err error)
	Close() error
}
