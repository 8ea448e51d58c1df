package analysis_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis"
	"weft/models"
)

func newDefault(t testing.TB) *analysis.Registry {
	t.Helper()
	r, err := analysis.Default()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDefaultRegistry(t *testing.T) {
	r := newDefault(t)
	if diff := cmp.Diff([]string{"caption", "color"}, r.Models(models.AnalyzeLight)); diff != "" {
		t.Errorf("light models\n%s", diff)
	}
	if diff := cmp.Diff([]string{"color-regions"}, r.Models(models.AnalyzeHeavy)); diff != "" {
		t.Errorf("heavy models\n%s", diff)
	}
	want := []string{"brand", "category", "color", "color_family", "garment", "material", "occasion", "style"}
	if diff := cmp.Diff(want, r.Attributes()); diff != "" {
		t.Errorf("attributes\n%s", diff)
	}
	if diff := cmp.Diff([]string{"color", "color_family"}, r.AttributesOf([]models.ModelRef{{Name: "color"}, {Name: "gone"}})); diff != "" {
		t.Errorf("attributes of color\n%s", diff)
	}
	for _, name := range want {
		if len(r.Options(name)) < 8 {
			t.Errorf("%s has only the options %v", name, r.Options(name))
		}
	}
	if got := r.Options("mood"); len(got) != 0 {
		t.Errorf("options of an unknown attribute: %v", got)
	}
	before := r.Taxonomy()
	if len(before) != 8 || before != newDefault(t).Taxonomy() {
		t.Errorf("taxonomy %q is not stable", before)
	}
	r.AddOptions("color", []string{"octarine"})
	if r.Taxonomy() == before {
		t.Error("the taxonomy's version stayed when its values changed")
	}
	info, ok := r.Info("color")
	if !ok || info.Kind != analysis.ImageKind || info.Version == "" {
		t.Errorf("info of color: %+v, %v", info, ok)
	}
}

func TestCheckModel(t *testing.T) {
	r := newDefault(t)
	for _, tc := range []struct {
		name   string
		params map[string]any
		want   string
	}{
		{"color", nil, `{"k":4}`},
		{"color", map[string]any{"k": 5}, `{"k":5}`},
		{"color", map[string]any{"k": int64(5)}, `{"k":5}`},
		{"color", map[string]any{"k": uint64(5)}, `{"k":5}`},
		{"color", map[string]any{"k": 5.0}, `{"k":5}`},
		{"color-regions", map[string]any{"regions": 3}, `{"k":6,"regions":3}`},
		{"caption", map[string]any{}, ""},
	} {
		ref, err := r.CheckModel(tc.name, tc.params)
		if err != nil || ref.Name != tc.name || ref.Params != tc.want {
			t.Errorf("%s %v: %+v, %v; want %s", tc.name, tc.params, ref, err, tc.want)
		}
	}
}

func TestCheckModelRefuses(t *testing.T) {
	r := newDefault(t)
	for _, tc := range []struct {
		name   string
		params map[string]any
		param  string
		want   string
	}{
		{"colour", nil, "", `model "colour": there is no such model; allowed: caption, color, color-regions`},
		{"color", map[string]any{"K": 4}, "K", `parameter "K" of model "color": there is no such parameter; allowed: k`},
		{"caption", map[string]any{"k": 4}, "k", `parameter "k" of model "caption": there is no such parameter`},
		{"color", map[string]any{"k": 9}, "k", "9 is out of range; allowed: a whole number from 2 to 8"},
		{"color", map[string]any{"k": 2.5}, "k", "2.5 is not a whole number"},
		{"color", map[string]any{"k": "4"}, "k", "4 is not a number"},
		{"color", map[string]any{"k": nil}, "k", "it has no value"},
		{"color", map[string]any{"k": true}, "k", "true is not a number"},
		{"color", map[string]any{"k": math.NaN()}, "k", "it is not a number"},
		{"color", map[string]any{"k": uint64(math.MaxUint64)}, "k", "out of range"},
	} {
		_, err := r.CheckModel(tc.name, tc.params)
		var refused *models.ParamError
		if !errors.As(err, &refused) || refused.Param != tc.param || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %v: %v; want %q", tc.name, tc.params, err, tc.want)
		}
	}
}

type named struct{ info analysis.Info }

func (n named) Info() analysis.Info { return n.info }
func (n named) Analyze(context.Context, analysis.Input) ([]models.Attribute, error) {
	return nil, nil
}

func TestAddRefuses(t *testing.T) {
	good := analysis.Info{Name: "a", Version: "1", Tier: models.AnalyzeLight, Kind: analysis.ImageKind}
	for want, change := range map[string]func(*analysis.Info){
		"name and version": func(i *analysis.Info) { i.Version = "" },
		"tier":             func(i *analysis.Info) { i.Tier = models.Index },
		"kind":             func(i *analysis.Info) { i.Kind = "sound" },
		"taken":            func(*analysis.Info) {},
	} {
		r, err := analysis.NewRegistry(named{good})
		if err != nil {
			t.Fatal(err)
		}
		bad := good
		change(&bad)
		if err := r.Add(named{bad}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
