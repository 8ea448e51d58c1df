package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"weft/models"
)

// Advice is what to do about a library that is missing or too old.
const Advice = "`make deps` fetches one into the user's cache folder; or install ONNX Runtime 1.24 or newer and name its file in analysis.onnxruntime"

// candidates are the files to try, the likeliest first. A configured one is the
// only one: whoever names a file wants no other.
func candidates(o Options) []string {
	if o.Library != "" {
		return []string{o.Library}
	}
	names := []string{"libonnxruntime.so", "libonnxruntime.so.1"}
	folders := []string{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/onnxruntime/lib"}
	if runtime.GOOS == "darwin" {
		names = []string{"libonnxruntime.dylib"}
		folders = []string{"/opt/homebrew/lib", "/usr/local/lib"}
	}
	if runtime.GOOS == "linux" {
		machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
		folders = append(folders, "/usr/lib/"+machine+"-linux-gnu")
	}
	var found []string
	for _, folder := range slices.Concat(o.Folders, folders) {
		for _, name := range names {
			if path := filepath.Join(folder, name); exists(path) {
				found = append(found, path)
			}
		}
	}
	return found
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// missing is the error for want of a library. Nothing is wrong with the post:
// it waits until a worker can do it.
func missing(problem error) error {
	if problem == nil {
		return models.Faultf(models.Unavailable, "onnx: there is no ONNX Runtime library on this machine; %s", Advice)
	}
	return models.Faultf(models.Unavailable, "onnx: %w; %s", problem, Advice)
}

func unusable(path string, err error) error {
	if strings.Contains(err.Error(), "API base") { // it has no interface of the number that the binding asks for
		return fmt.Errorf("the ONNX Runtime library %s is too old: 1.24 or newer is needed", path)
	}
	return fmt.Errorf("the ONNX Runtime library %s can't be loaded: %w", path, err)
}
