package models

import (
	"context"
	"errors"
	"fmt"
)

// Sentinels of the document ports. Adapters return them wrapped, so test with
// errors.Is.
var (
	// ErrNotFound: there is no such document.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a compare-and-set found another state than expected.
	ErrConflict = errors.New("conflict")
)

// ErrGone means that an address gives its image no more. It may have expired, so that the
// source has a newer one.
var ErrGone = errors.New("it is gone")

// Class says whose trouble an error is, and so what the runner does about it.
type Class string

const (
	// Unavailable is the other side's trouble (refused, time-out, 5xx, 429):
	// the run waits with backoff and no attempt is spent.
	Unavailable Class = "unavailable"
	// Retryable is this post's trouble, and may pass: an attempt is spent.
	Retryable Class = "retryable"
	// Permanent is this post's trouble, and will not pass: the run fails.
	Permanent Class = "permanent"
)

// Fault is an error with its class, given once, at the edge where it arose.
type Fault struct {
	Class Class
	Err   error
}

func (f *Fault) Error() string { return f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// Faultf makes a classified error; it formats like fmt.Errorf, %w included.
func Faultf(class Class, format string, args ...any) error {
	return &Fault{Class: class, Err: fmt.Errorf(format, args...)}
}

// ClassOf returns the class of err. An error that nobody classified is
// retryable, but for a deadline, which is the other side's trouble.
func ClassOf(err error) Class {
	var f *Fault
	switch {
	case errors.As(err, &f):
		return f.Class
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable
	default:
		return Retryable
	}
}
