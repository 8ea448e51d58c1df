package evaluate_test

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis/learned"
	"weft/analysis/zoo"
	"weft/internal/evaluate"
	"weft/internal/servers"
)

// net is the shipped light model.
func net(t testing.TB) *learned.Net {
	t.Helper()
	all, err := zoo.Shipped(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := learned.NewNet(all[0], servers.ONNX(t))
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// Folders are mapped to the model's values in any case, and each photo is looked
// at as the pipeline would, with what it cost.
func TestLooks(t *testing.T) {
	dir := t.TempDir()
	photo(t, filepath.Join(dir, "T-Shirt", "a.jpg"))
	photo(t, filepath.Join(dir, "hat", "b.jpg"))
	photo(t, filepath.Join(dir, "hat", "c.png"))
	var last int
	looks, err := evaluate.Looks(t.Context(), net(t), dir, func(done, _ int) { last = done })
	if err != nil || len(looks) != 3 || last != 3 {
		t.Fatalf("%d looks, %d told, %v", len(looks), last, err)
	}
	for i, want := range []string{"t-shirt", "hat", "hat"} {
		l := looks[i]
		if l.Truth != want || l.Value == "" || l.Confidence < 0.1 || l.Confidence > 1 || l.Inference <= 0 || l.Whole <= l.Inference {
			t.Errorf("look %d: %+v", i, l)
		}
	}
	if looks[1].Value != looks[2].Value || looks[1].Confidence != looks[2].Confidence {
		t.Errorf("the same photo gave %+v and %+v", looks[1], looks[2])
	}
	photo(t, filepath.Join(dir, "trousers", "d.jpg"))
	_, err = evaluate.Looks(t.Context(), net(t), dir, func(int, int) {})
	if err == nil || !strings.Contains(err.Error(), "no class for the folders trousers; allowed: dress, hat") {
		t.Errorf("an unknown folder: %v", err)
	}
}

func look(truth, value string, confidence float64) evaluate.Look {
	return evaluate.Look{Truth: truth, Value: value, Confidence: confidence, Inference: 0.001, Whole: 0.003}
}

func TestSummarize(t *testing.T) {
	r := evaluate.Summarize("m", "1", []evaluate.Look{
		look("hat", "hat", 0.9), look("hat", "dress", 0.7), look("dress", "dress", 0.95), look("dress", "dress", 0.95), look("dress", "", 0),
	})
	if r.N != 5 || r.Accuracy != 0.6 || math.Abs(r.MsPerImage-3) > 1e-9 || math.Abs(r.MsInference-1) > 1e-9 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(map[string]float64{"hat": 0.5, "dress": 2.0 / 3}, r.AccuracyPerClass); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]map[string]int{"hat": {"hat": 1, "dress": 1}, "dress": {"dress": 2, "nothing": 1}}, r.Confusion); diff != "" {
		t.Error(diff)
	}
	// Bins of 1/15: {0.9} right, {0.7} wrong, {0.95, 0.95} right, {0} wrong.
	if want := (0.1 + 0.7 + 0.1 + 0) / 5; math.Abs(r.ECE-want) > 1e-9 {
		t.Errorf("ece %v, want %v", r.ECE, want)
	}
	// Wilson's interval of 3 of 5, from a table.
	if math.Abs(r.Interval[0]-0.2307) > 1e-4 || math.Abs(r.Interval[1]-0.8824) > 1e-4 {
		t.Errorf("interval %v", r.Interval)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "accuracy      0.600") || !strings.Contains(text.String(), "dress 1") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// The chain asks the heavy model below the threshold only, and pays for both then.
func TestChain(t *testing.T) {
	light := []evaluate.Look{look("hat", "hat", 0.9), look("hat", "dress", 0.4), look("hat", "dress", 0.8), look("hat", "hat", 0.3)}
	heavy := make([]evaluate.Look, 4)
	for i := range heavy {
		heavy[i] = evaluate.Look{Truth: "hat", Value: "hat", Confidence: 0.99, Inference: 0.010, Whole: 0.012}
	}
	c := evaluate.Chain(evaluate.Summarize("s", "1", light), evaluate.Summarize("l", "1", heavy), light, heavy, 0.5)
	d := c.Default
	if d.Accuracy != 0.75 || d.Heavy != 0.5 || math.Abs(d.Cost-9) > 1e-9 || math.Abs(d.Inference-6) > 1e-9 || math.Abs(d.Share-0.75) > 1e-9 || math.Abs(d.ShareInf-0.6) > 1e-9 {
		t.Errorf("at 0.5: %+v", d)
	}
	if c.Pays {
		t.Error("it is said to pay at 0.75 of the cost and the accuracy")
	}
	if c.Best.Threshold != 0.81 || c.Best.Accuracy != 1 {
		t.Errorf("best %+v, want 0.81: the wrong one has 0.8", c.Best)
	}
	if n := len(c.Points); n != 101 || c.Points[0].Heavy != 0 || c.Points[100].Heavy != 1 {
		t.Errorf("%d points, from %+v to %+v", n, c.Points[0], c.Points[n-1])
	}
	cheap := []evaluate.Look{look("hat", "hat", 0.9), look("hat", "hat", 0.9), look("hat", "hat", 0.9), look("hat", "dress", 0.3)}
	if good := evaluate.Chain(c.Light, c.Heavy, cheap, heavy, 0.5); !good.Pays || good.Default.Share != 0.5 {
		t.Errorf("a quarter goes on, at half of the cost, and it doesn't pay: %+v", good.Default)
	}
	var plot bytes.Buffer
	if err := c.WritePlot(&plot); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&plot)
	if err != nil {
		t.Fatalf("the plot is no PNG: %v", err)
	}
	colors := map[color.Color]bool{}
	for x := range img.Bounds().Dx() {
		for y := range img.Bounds().Dy() {
			colors[img.At(x, y)] = true
		}
	}
	if len(colors) < 10 {
		t.Errorf("%d colours: nothing is drawn", len(colors))
	}
}

func TestCatalogThreshold(t *testing.T) {
	if got, err := evaluate.CatalogThreshold(); err != nil || got < 0.3 || got > 1 {
		t.Errorf("CatalogThreshold = %v, %v", got, err)
	}
}
