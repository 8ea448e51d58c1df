// Package analysis runs models over posts. A model says what it saw in one
// image or one text; the Registry knows which models there are and what
// parameters they take; the Engine runs the wanted ones over a post's images
// and text, each no more often than its input, version and parameters require;
// the Registry's Fuse makes one list of findings out of what they said.
//
// To add a model: implement Model and hand it to NewRegistry (or add it in
// Default). Analyze may be called by many goroutines at once: a learned model
// that gains by batches collects concurrent calls itself, and each caller gets
// its own answer. If it replaces a lighter one, its Info says so. A model that is
// a graph or stands on a server needs no code: see weft/analysis/zoo.
package analysis
