package models

import (
	"encoding/base64"
	"fmt"
	"math"
)

// Vector is a direction, packed: base64 of a signed byte for each dimension, in
// parts of the largest. It is what an embedding is kept as, in every result and
// post: 1,280 dimensions take 1.7 KB instead of some 12 KB as JSON numbers. The
// angle to what was packed is about a hundredth of a radian, which is far less
// than between two photos of one garment.
type Vector string

// Embedding is where one image of a post lies among others, by a model's account.
// Only those of one Space can be compared.
type Embedding struct {
	Space  string `json:"space"` // model@version
	Image  string `json:"image"` // SHA-256
	Vector Vector `json:"vector"`
}

// FirstEmbedding is that of the first of images that the model has made one of,
// or nil.
func FirstEmbedding(images []Media, results []Result, model string) *Embedding {
	for _, m := range images {
		for _, r := range results {
			if r.Embedding != "" && r.Model == model && r.Input == m.SHA256 {
				return &Embedding{Space: r.Model + "@" + r.Version, Image: m.SHA256, Vector: r.Embedding}
			}
		}
	}
	return nil
}

// PackVector packs v, whose length doesn't count. It is "" for no direction.
func PackVector(v []float32) Vector {
	most := float32(0)
	for _, x := range v {
		most = max(most, float32(math.Abs(float64(x))))
	}
	if most == 0 || math.IsInf(float64(most), 0) || math.IsNaN(float64(most)) {
		return ""
	}
	packed := make([]byte, len(v))
	for i, x := range v {
		packed[i] = byte(int8(math.Round(float64(x / most * 127))))
	}
	return Vector(base64.StdEncoding.EncodeToString(packed))
}

// Bytes returns the signed byte of each dimension; none for no direction.
func (v Vector) Bytes() ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(string(v))
	if err != nil {
		return nil, fmt.Errorf("unpack vector: %w", err)
	}
	return packed, nil
}

// Unpack returns the direction as a vector of length 1; nil for none.
func (v Vector) Unpack() ([]float32, error) {
	packed, err := v.Bytes()
	if err != nil {
		return nil, err
	}
	squares := 0.0
	for _, b := range packed {
		squares += float64(int8(b)) * float64(int8(b))
	}
	if squares == 0 {
		return nil, nil
	}
	out := make([]float32, len(packed))
	for i, b := range packed {
		out[i] = float32(float64(int8(b)) / math.Sqrt(squares))
	}
	return out, nil
}
