//go:build !cgo

package onnx

import (
	"context"

	"weft/analysis/zoo"
	"weft/models"
)

// Options of a Runtime.
type Options struct {
	Library string   // the shared library; empty: it is looked for
	Folders []string // to look into before the system's
	Threads int      // of one computation
}

// Runtime is what a program built without a C compiler has: it opens nothing.
type Runtime struct{}

// New returns a runtime that refuses everything.
func New(Options) *Runtime { return &Runtime{} }

// LibraryVersion says that there is none.
func (*Runtime) LibraryVersion() (string, error) {
	return "", models.Faultf(models.Unavailable, "onnx: this program was built without cgo, so it can't load ONNX Runtime; build it with CGO_ENABLED=1 and a C compiler")
}

// Open refuses.
func (r *Runtime) Open(context.Context, zoo.Declaration) (zoo.Session, error) {
	_, err := r.LibraryVersion()
	return nil, err
}
