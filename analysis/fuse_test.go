package analysis_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

func said(model, image, name, value string, confidence float64) models.Attribute {
	evidence := models.FromImage
	if image == "" {
		evidence = models.FromText
	}
	return models.Attribute{Name: name, Value: value, Confidence: confidence, Evidence: evidence, Image: image, Model: model, Version: "v" + model}
}

func result(attributes ...models.Attribute) models.Result {
	return models.Result{Model: attributes[0].Model, Attributes: attributes}
}

// sources are those of a finding that color and caption agree on.
func sources(image, text float64) []models.Source {
	return []models.Source{
		{Evidence: models.FromImage, Model: "color", Version: "vcolor", Confidence: image},
		{Evidence: models.FromText, Model: "caption", Version: "vcaption", Confidence: text},
	}
}

func TestFuse(t *testing.T) {
	both := said("color", "a", "color", "navy", 0.94)
	both.Model, both.Version = "color+caption", "vcolor+vcaption"
	surerText := said("color", "a", "color", "navy", 0.97)
	surerText.Model, surerText.Version, surerText.Evidence = "color+caption", "vcolor+vcaption", models.FromText
	capped := both
	capped.Confidence = 0.99
	both.Sources, surerText.Sources, capped.Sources = sources(0.8, 0.7), sources(0.7, 0.9), sources(0.98, 0.95)
	for name, tc := range map[string]struct {
		in   []models.Result
		want []models.Attribute
	}{
		"nothing": {nil, nil},
		"image and text agree": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.8)), result(said("caption", "", "color", "navy", 0.7))},
			[]models.Attribute{both},
		},
		"the text is surer": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.7)), result(said("caption", "", "color", "navy", 0.9))},
			[]models.Attribute{surerText},
		},
		"agreement is capped": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.98)), result(said("caption", "", "color", "navy", 0.95))},
			[]models.Attribute{capped},
		},
		"they differ": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.8)), result(said("caption", "", "color", "red", 0.7))},
			[]models.Attribute{said("caption", "", "color", "red", 0.7), said("color", "a", "color", "navy", 0.8)},
		},
		"the text agrees with one of two images": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.8)), result(said("color", "b", "color", "red", 0.6)), result(said("caption", "", "color", "navy", 0.7))},
			[]models.Attribute{both, said("color", "b", "color", "red", 0.6)},
		},
		"heavy replaces light for its image and attribute only": {
			[]models.Result{
				result(said("color", "a", "color", "navy", 0.9), said("color", "a", "color_family", "blue", 0.9)),
				result(said("color", "b", "color", "red", 0.6)),
				result(said("color-regions", "a", "color", "black", 0.5)),
			},
			[]models.Attribute{said("color-regions", "a", "color", "black", 0.5), said("color", "b", "color", "red", 0.6), said("color", "a", "color_family", "blue", 0.9)},
		},
		"two models of one kind: the surest": {
			[]models.Result{result(said("x", "a", "category", "dress", 0.6)), result(said("y", "a", "category", "dress", 0.7))},
			[]models.Attribute{said("y", "a", "category", "dress", 0.7)},
		},
		"the same image twice": {
			[]models.Result{result(said("color", "a", "color", "navy", 0.8)), result(said("color", "a", "color", "navy", 0.8))},
			[]models.Attribute{said("color", "a", "color", "navy", 0.8)},
		},
		"order": {
			[]models.Result{result(said("caption", "", "style", "punk", 0.5), said("caption", "", "brand", "Zara", 0.5), said("caption", "", "brand", "Gucci", 0.5), said("caption", "", "brand", "Prada", 0.9))},
			[]models.Attribute{said("caption", "", "brand", "Prada", 0.9), said("caption", "", "brand", "Gucci", 0.5), said("caption", "", "brand", "Zara", 0.5), said("caption", "", "style", "punk", 0.5)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			for range 5 {
				if diff := cmp.Diff(tc.want, newDefault(t).Fuse(tc.in)); diff != "" {
					t.Fatalf("(-want +got)\n%s", diff)
				}
				tc.in = slices.Clone(tc.in)
				rng.Shuffle(len(tc.in), func(i, j int) { tc.in[i], tc.in[j] = tc.in[j], tc.in[i] })
			}
		})
	}
}
