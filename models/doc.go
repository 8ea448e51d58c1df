// Package models is what Weft's domain is made of: posts, their media and
// attributes, the runs that carry a post through a profile, the questions put
// to people and their answers, and the parts of the history.
//
// Everything here is plain data and pure functions over it: no clock, no I/O,
// and no import beyond the standard library, so that every other package can
// share it. The moves a run can make are in move.go; they are the only code
// that changes a run.
package models
