package image

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/models"
)

// labelledPhoto is a photo whose garment's main colour was named by eye, twice.
type labelledPhoto struct{ path, color, second string }

// labelledPhotos reads the labels. The photos themselves are no part of the
// repository.
func labelledPhotos(t testing.TB) []labelledPhoto {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "photos.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(shared(t), "data", "clothing")
	var out []labelledPhoto
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 4 && !strings.HasPrefix(line, "#") {
			out = append(out, labelledPhoto{filepath.Join(root, filepath.FromSlash(f[0])), f[1], f[3]})
		}
	}
	if len(out) != 200 {
		t.Fatalf("%d labelled photos, want 200", len(out))
	}
	return out
}

func (p labelledPhoto) rendition(t testing.TB) image.Image {
	t.Helper()
	data, err := os.ReadFile(p.path)
	if err != nil {
		t.Skipf("no photo: %v", err)
	}
	prepared, err := Prepare(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := DecodeRendition(prepared.Rendition)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// tally is how often a colour model agrees with the labels.
type tally struct{ n, name, any, family int }

func (s *tally) add(c *Colors, found []models.Attribute, want string) {
	s.n++
	first := true
	for _, a := range found {
		switch {
		case a.Name == AttrFamily:
			if a.Value == c.taxonomy.Family(want) {
				s.family++
			}
		case a.Value == want:
			s.any++
			if first {
				s.name++
			}
			first = false
		default:
			first = false
		}
	}
}

func (s *tally) String() string {
	part := func(v int) float64 { return float64(v) / float64(max(1, s.n)) }
	return fmt.Sprintf("first name right in %.3f of %d, among the names in %.3f, family right in %.3f", part(s.name), s.n, part(s.any), part(s.family))
}

// TestColorsOfLabelledPhotos holds the colour models to what a person called the
// colours, and their confidence to how often they are right. docs/models/color.md
// has the numbers.
func TestColorsOfLabelledPhotos(t *testing.T) {
	c := newTestColors(t)
	var light, second, agreed tally
	var names, families []sighting
	for _, p := range labelledPhotos(t) {
		img := p.rendition(t)
		seen := c.Light(img, 4)
		light.add(c, seen, p.color)
		second.add(c, seen, p.second)
		if p.color == p.second {
			agreed.add(c, seen, p.color)
		}
		heavy := c.convert.grid(expose(shrink(img, img.Bounds(), RenditionSide)))
		for _, s := range []scene{c.look(img, lightSide, 6, 4), c.cluster(heavy, findForeground(heavy, 8), 6)} {
			names = append(names, c.sight(s, func(f *found) (string, float64) { return f.name, f.margin }, p.color))
			families = append(families, c.sight(s, func(f *found) (string, float64) { return f.family, f.familyMargin }, c.taxonomy.Family(p.color)))
		}
	}
	t.Logf("light: %s; by the second reading: %s; where both agree: %s", &light, &second, &agreed)
	if light.name*100 < 50*light.n {
		t.Errorf("light: the first name is right in %d of %d, want half", light.name, light.n)
	}
	t.Run("confidence of names", func(t *testing.T) { checkFit(t, names, nameConfidence) })
	t.Run("confidence of families", func(t *testing.T) { checkFit(t, families, familyConfidence) })
}
