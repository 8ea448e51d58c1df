package profile_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"weft/models"
	"weft/profile"
)

// catalog is an installation with a few models, all of whose parameters are
// whole numbers within bounds.
type catalog struct{}

type bounds struct{ lo, hi, otherwise int }

func (catalog) params(name string) map[string]bounds {
	return map[string]map[string]bounds{
		"color":         {"k": {1, 8, 5}},
		"color-regions": {"k": {1, 12, 6}, "regions": {1, 9, 4}},
	}[name]
}

func (catalog) Models(step models.Step) []string {
	return map[models.Step][]string{
		models.AnalyzeLight: {"caption", "color", "garment-s"},
		models.AnalyzeHeavy: {"color-regions", "garment-l"},
	}[step]
}

func (catalog) Attributes() []string {
	return []string{"color", "color_family", "garment", "brand", "material", "style", "occasion", "category"}
}

// Options has brands in the people's own words.
func (catalog) Options(attribute string) []string {
	return map[string][]string{"category": {"shirt", "t-shirt", "skirt", "hat"}, "color": {"red", "navy"}}[attribute]
}

func (c catalog) CheckModel(name string, params map[string]any) (models.ModelRef, error) {
	known := c.params(name)
	var names []string
	full := map[string]int{}
	for k, b := range known {
		names = append(names, k)
		full[k] = b.otherwise
	}
	slices.Sort(names)
	var given []string
	for k := range params {
		given = append(given, k)
	}
	slices.Sort(given)
	for _, k := range given {
		b, ok := known[k]
		if !ok {
			return models.ModelRef{}, &models.ParamError{Model: name, Param: k, Problem: "there is no such parameter", Allowed: names}
		}
		v, ok := params[k].(int)
		if !ok || v < b.lo || v > b.hi {
			return models.ModelRef{}, &models.ParamError{
				Model: name, Param: k, Problem: fmt.Sprintf("%v does not fit", params[k]), Allowed: []string{fmt.Sprintf("%d to %d", b.lo, b.hi)},
			}
		}
		full[k] = v
	}
	if len(full) == 0 {
		return models.ModelRef{Name: name}, nil
	}
	canonical, err := json.Marshal(full)
	return models.ModelRef{Name: name, Params: string(canonical)}, err
}

// givingCatalog also knows which model finds what.
type givingCatalog struct{ catalog }

func (givingCatalog) AttributesOf(refs []models.ModelRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, map[string][]string{"color": {"color", "color_family"}, "caption": {"garment", "brand"}}[r.Name]...)
	}
	return out
}

func parse(t testing.TB, body string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse("test.yaml", []byte(body), catalog{})
	if err != nil {
		t.Fatalf("parse:\n%v\nin:\n%s", err, body)
	}
	return p
}

func post(id string, images ...string) *models.Post {
	p := &models.Post{ID: id, Source: "instagram"}
	for _, sha := range images {
		p.Media = append(p.Media, models.Media{URL: sha, SHA256: sha, State: models.MediaOK})
	}
	return p
}

func run(step models.Step, attributes ...models.Attribute) *models.Run {
	return &models.Run{Profile: "p", Step: step, Attributes: attributes}
}

func attr(name, value string, confidence float64, image ...string) models.Attribute {
	a := models.Attribute{Name: name, Value: value, Confidence: confidence}
	if len(image) > 0 {
		a.Image = image[0]
	}
	return a
}
