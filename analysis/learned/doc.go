// Package learned makes models of declarations (weft/analysis/zoo): it scales
// images into tensors, asks a runtime, and reads attributes and embeddings from
// what comes back.
//
// A Net is opened when it is first asked, so that a process starts without the
// runtimes that it doesn't need; a runtime that isn't there makes the post wait
// (models.Unavailable) and doesn't spend its attempts.
package learned
