package learned_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/analysis"
	"weft/analysis/learned"
	"weft/analysis/zoo"
	"weft/models"
)

// canned is a runtime whose graphs answer with given numbers, and remember what
// they were shown.
type canned struct {
	logits    []float32 // of one input
	embedding []float32
	shown     zoo.Tensor
	missing   bool
	opened    int
}

func (c *canned) Open(context.Context, zoo.Declaration) (zoo.Session, error) {
	c.opened++
	if c.missing {
		return nil, models.Faultf(models.Unavailable, "no library")
	}
	return c, nil
}
func (c *canned) Graph() zoo.Graph { return zoo.Graph{} }
func (c *canned) Close() error     { return nil }
func (c *canned) Run(_ context.Context, batch zoo.Tensor) (map[string]zoo.Tensor, float64, error) {
	c.shown = batch
	n := int(batch.Shape[0])
	out := map[string]zoo.Tensor{"logits": {Shape: []int64{int64(n), int64(len(c.logits))}}, "embedding": {Shape: []int64{int64(n), int64(len(c.embedding))}}}
	for range n {
		l, e := out["logits"], out["embedding"]
		l.Floats, e.Floats = append(l.Floats, c.logits...), append(e.Floats, c.embedding...)
		out["logits"], out["embedding"] = l, e
	}
	return out, 0.5, nil
}

const declared = `models:
  - name: mine
    tier: analyze-heavy
    task: classify
    replaces: [garment-s]
    runtime: {remote: {url: "http://x", model: m, version: 1}}
    input: {name: image, side: 16, mean: [10, 20, 30], std: [1, 2, 4]}
    outputs:
      - {name: logits, as: attribute, attribute: category, temperature: 2, threshold: 0.4, top: 2, classes: [dress, {coat: outwear}, {nothing: ""}, {jacket: outwear}]}
      - {name: embedding, as: embedding, dims: 2}
`

func model(t testing.TB, c *canned, changes ...string) *learned.Model {
	t.Helper()
	all, err := zoo.Read("m.yaml", []byte(strings.NewReplacer(changes...).Replace(declared)), zoo.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	return learned.NewModel(learned.NewNet(all[0], c))
}

func plain(c color.RGBA) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 16 * 16 {
		img.SetRGBA(i%16, i/16, c)
	}
	return img
}

// Logits become confidences by temperature and activation; classes of one value
// are one; what is below the threshold isn't told.
func TestFindings(t *testing.T) {
	in := []analysis.Input{{Image: plain(color.RGBA{1, 2, 3, 255})}}
	category := func(value string, p float64) models.Attribute {
		return models.Attribute{Name: "category", Value: value, Confidence: p, Evidence: models.FromImage}
	}
	for name, tc := range map[string]struct {
		logits  []float32
		changes []string
		want    []models.Attribute
	}{
		"softmax of halves":    {[]float32{4, 0, 0, 0}, nil, []models.Attribute{category("dress", 0.711)}},
		"one value in two":     {[]float32{0, 4, 0, 4}, nil, []models.Attribute{category("outwear", 0.881)}},
		"unsure":               {[]float32{0, 0, 0, 0}, nil, []models.Attribute{category("outwear", 0.5)}},
		"unsure, and told so":  {[]float32{0, 0, 0, 0}, []string{"threshold: 0.4", "threshold: 0.51"}, nil},
		"nothing is not told":  {[]float32{0, 0, 9, 0}, nil, nil},
		"sigmoid of more":      {[]float32{4, 2, 0, -2}, []string{"temperature: 2", "activation: sigmoid"}, []models.Attribute{category("dress", 0.982), category("outwear", 0.881)}},
		"the surest alone":     {[]float32{4, 2, 0, -2}, []string{"temperature: 2", "activation: sigmoid", "top: 2", "top: 1"}, []models.Attribute{category("dress", 0.982)}},
		"confidences as given": {[]float32{0.5, 0.1, 2, 0.3}, []string{"temperature: 2", "activation: none"}, []models.Attribute{category("dress", 0.5)}},
	} {
		c := &canned{logits: tc.logits, embedding: []float32{3, 4}}
		got, err := model(t, c, tc.changes...).AnalyzeAll(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got[0].Attributes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if got[0].Embedding != models.PackVector([]float32{3, 4}) || got[0].Elsewhere != 0.5 {
			t.Errorf("%s: embedding %q, %v elsewhere", name, got[0].Embedding, got[0].Elsewhere)
		}
	}
}

// Pixels come in the declared order, scaled by mean and deviation of each channel.
func TestTensor(t *testing.T) {
	for name, tc := range map[string]struct {
		changes []string
		at      [3]int     // where the channels of pixel (1, 0) lie
		want    [3]float32 // of a pixel (100, 60, 255)
		shape   []int64
	}{
		"planes":         {nil, [3]int{1, 257, 513}, [3]float32{90, 20, 56.25}, []int64{2, 3, 16, 16}},
		"planes, blue":   {[]string{"side: 16", "side: 16, colors: bgr"}, [3]int{1, 257, 513}, [3]float32{245, 20, 17.5}, []int64{2, 3, 16, 16}},
		"pixels":         {[]string{"side: 16", "side: 16, layout: nhwc"}, [3]int{3, 4, 5}, [3]float32{90, 20, 56.25}, []int64{2, 16, 16, 3}},
		"pixels, scaled": {[]string{"side: 16", "side: 16, layout: nhwc", "[1, 2, 4]", "10"}, [3]int{3, 4, 5}, [3]float32{9, 4, 22.5}, []int64{2, 16, 16, 3}},
	} {
		c := &canned{logits: make([]float32, 4), embedding: []float32{1, 1}}
		in := []analysis.Input{{Image: plain(color.RGBA{100, 60, 255, 255})}, {Image: plain(color.RGBA{0, 0, 0, 255})}}
		if _, err := model(t, c, tc.changes...).AnalyzeAll(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.shape, c.shown.Shape); diff != "" {
			t.Errorf("%s: shape\n%s", name, diff)
		}
		if got := [3]float32{c.shown.Floats[tc.at[0]], c.shown.Floats[tc.at[1]], c.shown.Floats[tc.at[2]]}; got != tc.want {
			t.Errorf("%s: channels %v, want %v", name, got, tc.want)
		}
	}
}

// A runtime that isn't there makes posts wait, is asked again, and is not needed
// to describe a model.
func TestRuntimeIsMissing(t *testing.T) {
	c := &canned{missing: true}
	m := model(t, c)
	if i := m.Info(); i.Name != "mine" || i.Embedding != 2 || i.Side != 16 || !cmp.Equal(i.Replaces, []string{"garment-s"}) || len(i.Version) != 12 {
		t.Errorf("info %+v", i)
	}
	for range 2 {
		if _, err := m.Analyze(t.Context(), analysis.Input{Image: plain(color.RGBA{})}); models.ClassOf(err) != models.Unavailable || err == nil {
			t.Errorf("without a runtime: %v", err)
		}
	}
	c.missing, c.logits, c.embedding = false, make([]float32, 4), []float32{1, 0}
	if _, err := m.Analyze(t.Context(), analysis.Input{Image: plain(color.RGBA{})}); err != nil || c.opened != 3 {
		t.Errorf("once it is there: %v, opened %d times", err, c.opened)
	}
	nobody := learned.NewModel(learned.NewNet(m.Declaration(), learned.Runtimes{}))
	if _, err := nobody.Analyze(t.Context(), analysis.Input{Image: plain(color.RGBA{})}); models.ClassOf(err) != models.Unavailable {
		t.Errorf("in a program without runtimes: %v", err)
	}
}

// An answer that isn't what was declared is refused, and never read past its end.
func TestUnexpectedOutputs(t *testing.T) {
	for want, c := range map[string]*canned{
		"output logits has 3 numbers for each input, want 4":    {logits: make([]float32, 3), embedding: []float32{1, 1}},
		"output embedding has 5 numbers for each input, want 2": {logits: make([]float32, 4), embedding: make([]float32, 5)},
	} {
		_, err := model(t, c).Analyze(t.Context(), analysis.Input{Image: plain(color.RGBA{})})
		if err == nil || !strings.Contains(err.Error(), want) || models.ClassOf(err) != models.Permanent {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A user's file adds a model to those that ship, and a wrong one names its place.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, body string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	reg, err := analysis.Default()
	if err != nil {
		t.Fatal(err)
	}
	mine := write("mine.yaml", strings.NewReplacer("{coat: outwear}", "{coat: outwear}", "attribute: category", "attribute: mood").Replace(declared))
	set, err := learned.Load(reg, []string{mine}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := reg.Models(models.AnalyzeHeavy); !cmp.Equal(got, []string{"color-regions", "garment-l", "mine"}) {
		t.Errorf("heavy models %v", got)
	}
	if got := reg.Options("mood"); !cmp.Equal(got, []string{"dress", "outwear"}) {
		t.Errorf("options of mood: %v", got)
	}
	if _, ok := set.Net("mine"); !ok {
		t.Error("the set lacks mine")
	}
	again, err := analysis.Default()
	if err != nil {
		t.Fatal(err)
	}
	bad := write("bad.yaml", strings.Replace(declared, "dress", "dres", 1))
	worse := write("worse.yaml", strings.NewReplacer("side: 16", "side: x", "name: mine", "name: other").Replace(declared))
	_, err = learned.Load(again, []string{bad, worse}, nil)
	var errs zoo.Errors
	if !errors.As(err, &errs) || !strings.Contains(err.Error(), bad+":9:") || !strings.Contains(err.Error(), `no value "dres", did you mean "dress"?`) || !strings.Contains(err.Error(), worse+":7:32") {
		t.Errorf("two wrong files: %v", err)
	}
}
