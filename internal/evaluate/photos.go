// Package evaluate measures image models on folders of labelled photos, and
// exports such photos as the very pixels that models are asked with, so that
// they are trained on those.
package evaluate

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"

	weftimage "weft/analysis/image"
)

// Photo is a file and what is on it.
type Photo struct {
	Path  string
	Class string // the name of its folder
}

// Photos lists the photos of dir, which has a folder per class, sorted by path.
func Photos(dir string) ([]Photo, error) {
	classes, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read photos: %w", err)
	}
	var photos []Photo
	for _, class := range classes {
		if !class.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, class.Name()))
		if err != nil {
			return nil, fmt.Errorf("read photos: %w", err)
		}
		for _, f := range files {
			if f.Type().IsRegular() && slices.Contains(extensions(), strings.ToLower(filepath.Ext(f.Name()))) {
				photos = append(photos, Photo{Path: filepath.Join(dir, class.Name(), f.Name()), Class: class.Name()})
			}
		}
	}
	if len(photos) == 0 {
		return nil, fmt.Errorf("read photos: %s has no folders with photos in them (%s); a folder per class is wanted", dir, strings.Join(extensions(), ", "))
	}
	return photos, nil
}

func extensions() []string { return []string{".jpg", ".jpeg", ".png", ".webp", ".gif"} }

// rendition is what fetch would have stored of the photo.
func rendition(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := weftimage.Prepare(data, weftimage.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.Rendition, nil
}

// decode is what analysis sees of the photo.
func decode(path string) (image.Image, error) {
	data, err := rendition(path)
	if err != nil {
		return nil, err
	}
	return weftimage.DecodeRendition(data)
}
