package analysis

import (
	"cmp"
	"math"
	"slices"

	"weft/models"
)

// mostFused caps what agreement can reach: models err together.
const mostFused = 0.99

// Fuse makes one list of findings out of what models said of a post.
//
//   - For one image, a heavier model's findings of an attribute take the place
//     of the lighter one's (see Info.Replaces), even of other values.
//   - Several findings of one (attribute, value) by the same kind of evidence
//     count as the surest of them: two looks at the same pixels are not
//     independent.
//   - Evidence from an image and from the text is: where the text names a value
//     that an image shows too, the image's finding becomes 1-(1-p)(1-q), at
//     most 0.99, and names both models ("color+caption"). Its Evidence is that
//     of the surer one, and Sources keep what each said by itself. The text's own finding is then not listed again.
//   - What only the text says holds for the whole post and has no Image.
//
// The order is fixed: by name, image, falling confidence, value. The same
// results in any order give the same list.
func (r *Registry) Fuse(results []models.Result) []models.Attribute {
	fromImages, fromText := gather(results, r.outdone(results))
	var out []models.Attribute
	absorbed := map[claim]bool{}
	for k, a := range fromImages {
		said := claim{name: k.name, value: k.value}
		if t, ok := fromText[said]; ok {
			a = agree(a, t)
			absorbed[said] = true
		}
		out = append(out, a)
	}
	for k, a := range fromText {
		if !absorbed[k] {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b models.Attribute) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Image, b.Image), cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Value, b.Value))
	})
	return out
}

// claim is what a finding says; image is empty for the whole post.
type claim struct{ name, value, image string }

// gather keeps the surest finding of each claim, apart by evidence.
func gather(results []models.Result, outdone map[said]bool) (fromImages, fromText map[claim]models.Attribute) {
	fromImages, fromText = map[claim]models.Attribute{}, map[claim]models.Attribute{}
	for _, r := range results {
		for _, a := range r.Attributes {
			if outdone[said{a.Image, a.Name, a.Model}] {
				continue
			}
			into := fromImages
			if a.Image == "" {
				into = fromText
			}
			k := claim{a.Name, a.Value, a.Image}
			if old, ok := into[k]; !ok || surer(a, old) {
				into[k] = a
			}
		}
	}
	return fromImages, fromText
}

// said tells which model spoke of which attribute of which image.
type said struct{ image, name, model string }

// outdone lists the lighter models whose word doesn't count.
func (r *Registry) outdone(results []models.Result) map[said]bool {
	out := map[said]bool{}
	for _, result := range results {
		for _, a := range result.Attributes {
			info, _ := r.Info(a.Model)
			for _, lighter := range info.Replaces {
				out[said{a.Image, a.Name, lighter}] = true
			}
		}
	}
	return out
}

// surer orders findings of one claim, so that the same one wins in any order.
func surer(a, b models.Attribute) bool {
	return cmp.Or(cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(b.Model, a.Model), cmp.Compare(b.Version, a.Version), cmp.Compare(a.Share, b.Share)) > 0
}

// agree joins what an image and the text say alike.
func agree(fromImage, fromText models.Attribute) models.Attribute {
	a := fromImage
	p := 1 - (1-fromImage.Confidence)*(1-fromText.Confidence)
	a.Confidence = max(fromImage.Confidence, fromText.Confidence, math.Round(min(mostFused, p)*1000)/1000)
	if fromText.Confidence > fromImage.Confidence {
		a.Evidence = fromText.Evidence
	}
	a.Model = fromImage.Model + "+" + fromText.Model
	a.Version = fromImage.Version + "+" + fromText.Version
	a.Sources = []models.Source{source(fromImage), source(fromText)}
	return a
}

func source(a models.Attribute) models.Source {
	return models.Source{Evidence: a.Evidence, Model: a.Model, Version: a.Version, Confidence: a.Confidence}
}
