// Package zoo reads the declarations of learned models: which file or server
// computes each, what it is shown, and what its outputs mean. They are YAML, so
// that a model is added without Go code; those that ship are built in.
//
// It also says what a Runtime is. Nothing in here computes a graph: weft/analysis/onnx
// and weft/analysis/remote do, and weft/analysis/learned makes models of them.
package zoo
