package servers

import (
	"os"
	"path/filepath"
	"testing"

	"weft/analysis/onnx"
	"weft/internal/config"
)

// ONNX returns a runtime for learned models. Without its library the test skips,
// but in CI, where `make deps` has fetched it.
func ONNX(t testing.TB) *onnx.Runtime {
	t.Helper()
	r := onnx.New(onnx.Options{Folders: config.Analysis{}.Folders()})
	if _, err := r.LibraryVersion(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return r
}

// Root is the folder of the module.
func Root(t testing.TB) string {
	t.Helper()
	script, err := findScript()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(script))
}
