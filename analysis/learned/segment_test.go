package learned_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/analysis"
	weftimage "weft/analysis/image"
	"weft/analysis/learned"
	"weft/analysis/taxonomy"
	"weft/internal/servers"
	"weft/models"
)

// TestHeavyColorsBeatLightOnes on the photos that were labelled by eye: what the
// segmentation model costs must be worth something. docs/models/color.md has
// the numbers.
func TestHeavyColorsBeatLightOnes(t *testing.T) {
	labels, root := labelled(t)
	reg, err := analysis.Default()
	if err != nil {
		t.Fatal(err)
	}
	set, err := learned.Load(reg, nil, learned.Runtimes{ONNX: servers.ONNX(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	net, ok := set.Net("segment")
	if !ok {
		t.Fatal("no segmentation model is shipped")
	}
	colors, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	c := weftimage.NewColors(colors)
	var light, heavy agreement
	for file, want := range labels {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Skipf("no photo: %v", err)
		}
		p, err := weftimage.Prepare(data, weftimage.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		img, err := weftimage.DecodeRendition(p.Rendition)
		if err != nil {
			t.Fatal(err)
		}
		mask, err := net.Mask(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		light.add(colors, c.Light(img, 4), want)
		heavy.add(colors, c.Regions(img, 6, 2, &mask), want)
	}
	t.Logf("of %d photos: light %+v, heavy %+v (first name, any name, family)", len(labels), light, heavy)
	if heavy.any < light.any {
		t.Errorf("heavy has the name in %d of %d photos, light in %d", heavy.any, len(labels), light.any)
	}
	if light.name*100 < 50*len(labels) {
		t.Errorf("light names %d of %d photos as a person did, want half", light.name, len(labels))
	}
}

// agreement counts photos for which a model says what a person said.
type agreement struct{ name, any, family int }

func (s *agreement) add(t *taxonomy.Colors, found []models.Attribute, want string) {
	for i, a := range found {
		switch {
		case a.Name == weftimage.AttrFamily && a.Value == t.Family(want):
			s.family++
		case a.Name == weftimage.AttrColor && a.Value == want:
			s.any++
			if i == 0 {
				s.name++
			}
		}
	}
}

// labelled returns the labels by photo, and the folder that the photos are in.
func labelled(t *testing.T) (labels map[string]string, root string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "image", "testdata", "photos.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	labels = map[string]string{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 4 && !strings.HasPrefix(line, "#") {
			labels[f[0]] = f[1]
		}
	}
	shared := os.Getenv("WEFT_SHARED")
	if shared == "" {
		shared = filepath.Join(servers.Root(t), "..", "shared")
	}
	root = filepath.Join(shared, "data", "clothing")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no garment photos in the shared folder; set WEFT_SHARED")
	}
	return labels, root
}
