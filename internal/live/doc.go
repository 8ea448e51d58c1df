// Package live shows work while it goes on: View redraws the queues of a
// pipeline in a terminal, Progress shows one long task. Where there is no
// terminal, both write a few plain lines instead, so that logs stay readable.
// They write to the given writer only, which is meant to be stderr: stdout
// belongs to results.
package live
