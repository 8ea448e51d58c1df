// Package tasks is the life of a post: the steps it goes through, and the
// runner that keeps the books about them.
//
// Read chain.go first: it answers what happens to a post. runner.go says what
// a delivered task means and what becomes of a step's outcome. Each step has a
// file of its own and knows nothing of runs, queues or retries: it gets the
// post and its run, and returns an Outcome or an error classified once.
package tasks
