package models

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Evidence says what an attribute was read from.
type Evidence string

// The kinds of evidence.
const (
	FromImage Evidence = "image"
	FromText  Evidence = "text"
	FromLabel Evidence = "label" // a person said so
)

// Attribute is one finding: "color is navy, by this model, this sure".
type Attribute struct {
	Name       string   `json:"name"` // category, color, brand, …
	Value      string   `json:"value"`
	Confidence float64  `json:"confidence"`      // 0 to 1
	Share      float64  `json:"share,omitempty"` // of the garment's area, for colours
	Evidence   Evidence `json:"evidence"`
	Image      string   `json:"image,omitempty"` // SHA-256 of the image it was seen in; empty: it holds for the post
	Box        *Box     `json:"box,omitempty"`
	Model      string   `json:"model,omitempty"`
	Version    string   `json:"version,omitempty"`
	Sources    []Source `json:"sources,omitempty"` // who said so, where image and text were joined
}

// Source is one of several that say the same, and how sure it was by itself.
type Source struct {
	Evidence   Evidence `json:"evidence"`
	Model      string   `json:"model"`
	Version    string   `json:"version"`
	Confidence float64  `json:"confidence"`
}

// SortAttributes puts attributes into their fixed order: by name, the surest first.
func SortAttributes(attributes []Attribute) {
	slices.SortFunc(attributes, func(a, b Attribute) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Value, b.Value))
	})
}

// Box is a place in an image, in fractions of its width and height.
type Box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Result is what one model said of one input. It never changes, so whoever
// needs the same (input, model, version, parameters) reuses it.
type Result struct {
	Input      string      `json:"input"` // SHA-256 of the image's bytes, or of the text
	Model      string      `json:"model"`
	Version    string      `json:"version"`
	Params     string      `json:"params,omitempty"` // canonical JSON
	Attributes []Attribute `json:"attributes,omitempty"`
	Embedding  Vector      `json:"embedding,omitempty"`
	Cost       float64     `json:"cost"` // CPU seconds it took when it was computed
}

// Key names a result by everything that determines it.
func (r Result) Key() string { return ResultKey(r.Input, r.Model, r.Version, r.Params) }

// ResultKey is Key for a result that is not there yet.
func ResultKey(input, model, version, params string) string {
	sum := sha256.Sum256([]byte(input + "\x00" + model + "\x00" + version + "\x00" + params))
	return hex.EncodeToString(sum[:16])
}

// MergeResults returns old with fresh added; a result that is there already is
// not there twice.
func MergeResults(old, fresh []Result) []Result {
	have := map[string]bool{}
	out := make([]Result, 0, len(old)+len(fresh))
	for _, r := range slices.Concat(old, fresh) {
		if k := r.Key(); !have[k] {
			have[k] = true
			out = append(out, r)
		}
	}
	return out
}

// Label is a person's word on one attribute of one post. It overrides models,
// outlives generations and is never asked twice under the same taxonomy.
type Label struct {
	Attribute string    `json:"attribute"`
	Taxonomy  string    `json:"taxonomy"`
	Values    []string  `json:"values"`          // empty: the person saw that there is none
	Boxes     []Spot    `json:"boxes,omitempty"` // where they are, if that was asked
	By        []string  `json:"by"`
	At        time.Time `json:"at"`
	Item      string    `json:"item"`
	Sample    bool      `json:"sample,omitempty"` // asked as part of the profile's uniform sample
}

// Effective returns attributes with people's labels in the place of what models
// said of the same attribute. It is what a reader sees and what the router reads.
func Effective(attributes []Attribute, labels []Label) []Attribute {
	out := slices.DeleteFunc(slices.Clone(attributes), func(a Attribute) bool {
		return slices.ContainsFunc(labels, func(l Label) bool { return l.Attribute == a.Name })
	})
	for _, l := range labels {
		for _, v := range l.Values {
			out = append(out, Attribute{Name: l.Attribute, Value: v, Confidence: 1, Evidence: FromLabel})
		}
	}
	return out
}
