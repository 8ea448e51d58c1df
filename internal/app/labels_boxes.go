package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"path"
	"path/filepath"
	"slices"

	"weft/models"
)

// coco is a set of pictures with boxes, as COCO has it, which most trainers of
// detectors read. It is written when all boxes are known: an annotation is some
// 150 bytes of memory until then.
type coco struct {
	Images      []cocoImage      `json:"images"`
	Annotations []cocoAnnotation `json:"annotations"`
	Categories  []cocoCategory   `json:"categories"`
}

// cocoImage names a file below the export's folder, and says from which post it is.
type cocoImage struct {
	ID     int    `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Post   string `json:"post"`
	SHA256 string `json:"sha256"`
}

// cocoAnnotation is a box, in pixels of the file: x, y, width, height.
type cocoAnnotation struct {
	ID       int        `json:"id"`
	Image    int        `json:"image_id"`
	Category int        `json:"category_id"`
	Box      [4]float64 `json:"bbox"`
	Area     float64    `json:"area"`
	Crowd    int        `json:"iscrowd"`
}

type cocoCategory struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// category returns the number of a value, in both splits the same.
func (m *manifest) category(value string) int {
	if i := slices.Index(m.values, value); i >= 0 {
		return i + 1
	}
	m.values = append(m.values, value)
	return len(m.values)
}

// exportBoxes writes the pictures on which people drew, each once. A box is of
// its picture, so posts with several pictures or values are among them.
func (a *App) exportBoxes(ctx context.Context, p *models.Post, label models.Label, req LabelExport, m *manifest, rep *LabelReport) (bool, error) {
	drawn := false
	for _, media := range p.Images() {
		var boxes []models.Spot
		for _, b := range label.Boxes {
			if b.Image == media.SHA256 {
				boxes = append(boxes, b)
			}
		}
		if len(boxes) == 0 || m.drawn[media.SHA256] {
			continue
		}
		data, err := a.Blobs.Get(ctx, media.Rendition)
		if errors.Is(err, models.ErrNotFound) {
			rep.LeftOut["boxes: its image is gone"]++
			continue
		}
		if err != nil {
			return drawn, err
		}
		if err := m.draw(p.ID, media.SHA256, splitOf(p, req.Validation), data, boxes); err != nil {
			return drawn, err
		}
		drawn = true
		rep.BoxPhotos++
		rep.Boxes += len(boxes)
	}
	return drawn, nil
}

// draw adds one picture with its boxes.
func (m *manifest) draw(post, sha, split string, photo []byte, boxes []models.Spot) error {
	size, err := jpeg.DecodeConfig(bytes.NewReader(photo))
	if err != nil {
		return fmt.Errorf("rendition of %s: %w", sha, err)
	}
	file := path.Join("boxes", split, sha+".jpg")
	if err := m.write(file, photo); err != nil {
		return err
	}
	m.drawn[sha] = true
	set := m.coco[split]
	set.Images = append(set.Images, cocoImage{ID: len(set.Images) + 1, File: file, Width: size.Width, Height: size.Height, Post: post, SHA256: sha})
	w, h := float64(size.Width), float64(size.Height)
	for _, b := range boxes {
		set.Annotations = append(set.Annotations, cocoAnnotation{
			ID: len(set.Annotations) + 1, Image: len(set.Images), Category: m.category(b.Value),
			Box: [4]float64{b.Box.X * w, b.Box.Y * h, b.Box.W * w, b.Box.H * h}, Area: b.Box.W * w * b.Box.H * h,
		})
	}
	return nil
}

// writeBoxes writes a file for each split, if there are boxes at all. Both list
// all values under the same numbers.
func (m *manifest) writeBoxes() error {
	if len(m.values) == 0 {
		return nil
	}
	for split, set := range m.coco {
		for i, v := range m.values {
			set.Categories = append(set.Categories, cocoCategory{ID: i + 1, Name: v})
		}
		text, err := json.Marshal(set)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(m.dir, "boxes-"+split+".json"), append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}
