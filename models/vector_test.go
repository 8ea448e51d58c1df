package models_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"weft/models"
)

// What is packed comes back in the same direction, within two hundredths of a radian.
func TestVector(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 128, 1280} {
		v := make([]float32, n)
		length := 0.0
		for i := range v {
			v[i] = float32(math.Abs(rng.NormFloat64())) * 3
			length += float64(v[i]) * float64(v[i])
		}
		got, err := models.PackVector(v).Unpack()
		if err != nil || len(got) != n {
			t.Fatalf("%d dimensions, %v; want %d", len(got), err, n)
		}
		dot, squares := 0.0, 0.0
		for i := range v {
			dot += float64(v[i]) * float64(got[i])
			squares += float64(got[i]) * float64(got[i])
		}
		if angle := math.Acos(min(1, dot/math.Sqrt(length*squares))); angle > 0.02 {
			t.Errorf("%d dimensions: turned by %v", n, angle)
		}
		if math.Abs(squares-1) > 1e-4 {
			t.Errorf("%d dimensions: length %v", n, math.Sqrt(squares))
		}
	}
	for _, none := range [][]float32{nil, {0, 0}, {float32(math.NaN()), 1}, {float32(math.Inf(1))}} {
		if got := models.PackVector(none); got != "" {
			t.Errorf("%v was packed as %q", none, got)
		}
	}
	if _, err := models.Vector("?").Unpack(); err == nil {
		t.Error("no base64 was unpacked")
	}
}

// Search gets the embedding of the newest publication, and that is of the first
// image that has one.
func TestEmbeddingIsProjected(t *testing.T) {
	a, b := models.PackVector([]float32{1, 0}), models.PackVector([]float32{0, 1})
	images := []models.Media{{SHA256: "x"}, {SHA256: "y"}}
	results := []models.Result{
		{Input: "y", Model: "l", Version: "1", Embedding: b}, {Input: "x", Model: "s", Version: "1", Embedding: a}, {Input: "x", Model: "l", Version: "1"},
	}
	got := models.FirstEmbedding(images, results, "l")
	if got == nil || got.Vector != b || got.Image != "y" || got.Space != "l@1" {
		t.Errorf("FirstEmbedding = %+v", got)
	}
	if got := models.FirstEmbedding(images, results, ""); got != nil {
		t.Errorf("FirstEmbedding of no model = %+v", got)
	}
	p := models.Post{ID: "x.1", Published: map[string]models.Publication{
		"a": {Embedding: &models.Embedding{Space: "l@2", Vector: a}, At: time.Unix(4, 0)}, "b": {Embedding: got, At: time.Unix(3, 0)},
		"c": {Embedding: &models.Embedding{Space: "l@1", Vector: b}, At: time.Unix(1, 0)},
	}}
	if d, ok := models.Project(&p); !ok || d.Embedding != a || d.Space != "l@2" {
		t.Errorf("projected %q of %q, want the newest", d.Embedding, d.Space)
	}
}
