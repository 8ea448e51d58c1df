package profile

import (
	"embed"
	"fmt"
	"path"
)

//go:embed profiles/*.yaml
var shipped embed.FS

// File is a profile as a file.
type File struct {
	Name string // profiles/catalog.yaml
	Body []byte
}

// Shipped returns the profiles that come with Weft, by name.
func Shipped() ([]File, error) {
	entries, err := shipped.ReadDir("profiles")
	if err != nil {
		return nil, fmt.Errorf("read shipped profiles: %w", err)
	}
	var files []File
	for _, e := range entries {
		name := path.Join("profiles", e.Name())
		body, err := shipped.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read shipped profiles: %w", err)
		}
		files = append(files, File{Name: name, Body: body})
	}
	return files, nil
}
