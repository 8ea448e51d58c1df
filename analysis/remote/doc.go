// Package remote asks models on servers that speak the Open Inference Protocol v2
// over HTTP: KServe, Triton, MLServer and others.
//
// Tensors go in binary where the server offers it (extension binary_tensor_data), as
// JSON otherwise. Inputs of concurrent tasks share requests, and each gets its
// own answer. A server that fails again and again isn't asked for a while.
package remote
