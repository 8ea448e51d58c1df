package onnx_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"weft/analysis/zoo"
	"weft/internal/servers"
	"weft/models"
)

const declared = `models:
  - name: tiny
    tier: analyze-light
    task: classify
    runtime: {onnx: {file: tiny.onnx}}
    input: {name: image, side: 32, mean: 127, std: 128}
    outputs:
      - {name: logits, as: attribute, attribute: category, classes: [a, b, c, d, e, f, g, h, i, j]}
      - {name: embedding, as: embedding, dims: 16}
`

func declaration(t testing.TB, body string) zoo.Declaration {
	t.Helper()
	all, err := zoo.Read("m.yaml", []byte(body), zoo.Sources{Open: func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join("..", "zoo", "testdata", name))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func open(t testing.TB, body string) zoo.Session {
	t.Helper()
	s, err := servers.ONNX(t).Open(t.Context(), declaration(t, body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// batch is n images that differ.
func batch(n int) zoo.Tensor {
	t := zoo.Tensor{Shape: []int64{int64(n), 3, 32, 32}, Floats: make([]float32, n*3*32*32)}
	for i := range t.Floats {
		t.Floats[i] = float32(math.Sin(float64(i * (1 + i/3072))))
	}
	return t
}

// A batch gives what its members give alone, whether or not the graph takes batches.
func TestRun(t *testing.T) {
	whole := open(t, declared)
	fixed := open(t, strings.Replace(declared, "tiny.onnx", "tiny-one.onnx", 1))
	in := batch(5)
	want, _, err := whole.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if s := want["embedding"].Shape; len(s) != 2 || s[0] != 5 || s[1] != 16 {
		t.Errorf("embedding of shape %v", s)
	}
	for name, s := range map[string]zoo.Session{"alone": whole, "a graph of one": fixed} {
		for i := range 5 {
			got, _, err := s.Run(t.Context(), zoo.Tensor{Shape: []int64{1, 3, 32, 32}, Floats: in.Floats[i*3072 : (i+1)*3072]})
			if err != nil {
				t.Fatal(err)
			}
			near(t, name, want["logits"].Floats[i*10:(i+1)*10], got["logits"].Floats)
		}
	}
	got, _, err := fixed.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "a batch for a graph of one", want["logits"].Floats, got["logits"].Floats)
	near(t, "its embeddings", want["embedding"].Floats, got["embedding"].Floats)
}

func near(t testing.TB, what string, want, got []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(want[i]-got[i])) > 1e-4 {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// Many callers share a session, and each gets its own answer.
func TestRunIsShared(t *testing.T) {
	s := open(t, declared)
	in := batch(8)
	want, _, err := s.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				got, _, err := s.Run(t.Context(), zoo.Tensor{Shape: []int64{1, 3, 32, 32}, Floats: in.Floats[i*3072 : (i+1)*3072]})
				if err != nil || math.Abs(float64(got["logits"].Floats[3]-want["logits"].Floats[i*10+3])) > 1e-4 {
					t.Errorf("image %d: %v, %v", i, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestTexts(t *testing.T) {
	s := open(t, `models:
  - name: words
    tier: analyze-light
    task: text
    runtime: {onnx: {file: tiny-text.onnx}}
    input: {name: text}
    outputs: [{name: logits, as: attribute, attribute: material, classes: [silk, wool]}]
`)
	got, _, err := s.Run(t.Context(), zoo.Tensor{Shape: []int64{3, 1}, Texts: []string{"wool", "tin", "silk"}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "texts", []float32{-4, 4, 0, 0, 4, -4}, got["logits"].Floats)
}

// A declaration that the graph doesn't bear out is refused with what it offers.
func TestOpenRefuses(t *testing.T) {
	r := servers.ONNX(t)
	for change, want := range map[[2]string]string{
		{"name: image, side", "name: picture, side"}: `m.yaml:6:19: model tiny: the graph has no input "picture"; it offers image FP32 [n,3,32,32]`,
		{"side: 32", "side: 64"}:                     "m.yaml:6:32: model tiny: images of side 64 in layout nchw have the shape [n,3,64,64], but the graph takes image FP32 [n,3,32,32]",
		{"side: 32,", "side: 32, layout: nhwc,"}:     "[n,32,32,3], but the graph takes image FP32 [n,3,32,32]",
		{"name: logits", "name: scores"}:             "m.yaml:8:16: model tiny: the graph has no output \"scores\"; it offers logits FP32 [n,10], embedding FP32 [n,16]",
		{"i, j]", "i]"}:                              "there are 9 classes, but output logits gives 10 numbers",
		{"dims: 16", "dims: 15"}:                     "m.yaml:9:48: model tiny: dims is 15, but output embedding gives 16 numbers",
		{"tiny.onnx", "tiny.py"}:                     "tiny.py is no graph that ONNX Runtime can read",
	} {
		_, err := r.Open(t.Context(), declaration(t, strings.Replace(declared, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) || models.ClassOf(err) != models.Permanent {
			t.Errorf("%q for %q: %v (%s), want %q", change[1], change[0], err, models.ClassOf(err), want)
		}
	}
}
