// Package onnx computes graphs in this process, by ONNX Runtime's shared library,
// which it looks for when the first model is opened: programs start without it,
// and do all that needs no learned model.
package onnx
