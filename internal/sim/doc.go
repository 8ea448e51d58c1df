// Package sim makes posts of known truth for the demo and for tests: rendered
// photos of garments with captions and authors, some of them broken on purpose,
// and a labeler that knows the answers.
//
// Real photos come without a truth that can be counted, can't be shipped for
// every licence, and need a network. Rendered ones cost about 20 ms of CPU each
// and let the demo say how much of what it found is right. They are easier than
// real ones: figures measured on them show that the chain works, not how well a
// model does in the wild.
//
// Everything follows from the seed: the same seed gives the same bytes.
package sim
