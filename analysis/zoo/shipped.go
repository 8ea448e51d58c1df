package zoo

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed models.yaml *.onnx
var shippedFiles embed.FS

// Shipped returns the declarations that are built in.
func Shipped(vocabulary func(string) []string) ([]Declaration, error) {
	body, err := shippedFiles.ReadFile("models.yaml")
	if err != nil {
		return nil, fmt.Errorf("read shipped models: %w", err)
	}
	all, err := Read("models.yaml", body, Sources{
		Open:       func(path string) ([]byte, error) { return shippedFiles.ReadFile("" + path) },
		Vocabulary: vocabulary,
	})
	if err != nil {
		return nil, fmt.Errorf("read shipped models: %w", err)
	}
	for i := range all {
		all[i].shipped = true
	}
	return all, nil
}

// ReadFile returns the declarations of a file on disk. Graphs lie where it says,
// relative to its own folder.
func ReadFile(path string, vocabulary func(string) []string) ([]Declaration, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read models: %w", err)
	}
	return ReadText(path, body, vocabulary)
}

// ReadText is ReadFile for a file whose text is another than that on disk.
func ReadText(path string, body []byte, vocabulary func(string) []string) ([]Declaration, error) {
	return Read(path, body, Sources{
		Open: func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			return os.ReadFile(name)
		},
		Vocabulary: vocabulary,
	})
}
