// Package native gives an app what needs a C compiler and a shared library: the
// commands that compute learned models put it under internal/app, and the others
// stay free of it.
package native

import (
	"weft/analysis/onnx"
	"weft/analysis/zoo"
	"weft/internal/config"
)

// ONNX is the runtime of graphs that the configuration describes.
func ONNX(c config.Analysis) zoo.Runtime {
	return onnx.New(onnx.Options{Library: c.ONNXRuntime, Folders: c.Folders()})
}
