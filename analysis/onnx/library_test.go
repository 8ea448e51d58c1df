package onnx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weft/models"
)

// child asks for the library in a process of its own, since the first one that
// is loaded stays: it prints what comes of it.
func child(t testing.TB, o Options) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "ONNX_LIBRARY="+o.Library, "ONNX_FOLDER="+strings.Join(o.Folders, ""))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestChild(t *testing.T) {
	library, ok := os.LookupEnv("ONNX_LIBRARY")
	if !ok {
		t.Skip("it is the other tests' child")
	}
	o := Options{Library: library}
	if folder := os.Getenv("ONNX_FOLDER"); folder != "" {
		o.Folders = []string{folder}
	}
	version, err := New(o).LibraryVersion()
	t.Logf("version %q, class %s, error %v", version, models.ClassOf(err), err)
}

// old is a library from before the interface that the binding asks for.
const old = `
#include <stdint.h>
#include <stddef.h>
static const void *get_api(uint32_t version) { return NULL; }
static const char *get_version(void) { return "1.20.1"; }
static const struct { const void *(*api)(uint32_t); const char *(*version)(void); } base = { get_api, get_version };
const void *OrtGetApiBase(void) { return &base; }
`

// A library that is no library, too old, or not there makes posts wait, and the
// error says what to do.
func TestLibraryIsMissing(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken, tooOld := write("libonnxruntime.so", "no library"), filepath.Join(dir, "old.so")
	if out, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", tooOld, write("old.c", old)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for library, want := range map[string]string{
		"/nowhere/libonnxruntime.so": "can't be loaded",
		broken:                       "can't be loaded",
		tooOld:                       "is too old: 1.24 or newer is needed",
	} {
		said := child(t, Options{Library: library})
		for _, want := range []string{"class unavailable", library, want, "make deps", "analysis.onnxruntime"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %q in %s", library, want, said)
			}
		}
	}
	found := candidates(Options{Folders: []string{dir}})
	if len(found) == 0 || found[0] != broken {
		t.Errorf("candidates %v, want %s first", found, broken)
	}
	if got := candidates(Options{Library: "/x", Folders: []string{dir}}); len(got) != 1 || got[0] != "/x" {
		t.Errorf("candidates %v beside a configured one", got)
	}
}
