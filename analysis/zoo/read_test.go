package zoo_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis/zoo"
)

var update = flag.Bool("update", false, "rewrite golden files")

func sources(t testing.TB) zoo.Sources {
	t.Helper()
	return zoo.Sources{
		Open: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", name)) },
		Vocabulary: func(attribute string) []string {
			return map[string][]string{"category": {"dress", "hat", "outwear", "pants", "shirt"}}[attribute]
		},
	}
}

const good = `models:
  - name: mine
    tier: analyze-light
    task: classify
    stage: active
    replaces: [garment-s]
    runtime: {onnx: {file: tiny.onnx}}
    input: {name: image, side: 32, colors: bgr, layout: nhwc, mean: [1, 2, 3], std: 58.5}
    outputs:
      - {name: logits, as: attribute, attribute: category, temperature: 1.5, threshold: 0.4, top: 2, classes: [dress, {coat: outwear}, {nothing: ""}, {jacket: outwear}]}
      - {name: embedding, as: embedding, dims: 16}
`

func TestRead(t *testing.T) {
	all, err := zoo.Read("m.yaml", []byte(good), sources(t))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	d := all[0]
	if d.Name != "mine" || d.Tier != "analyze-light" || d.Stage != zoo.Active || d.Declared != "mine" || d.Of != "" || d.ONNX == nil || len(d.Version) != 12 {
		t.Errorf("%+v", d)
	}
	want := zoo.Input{Name: "image", Side: 32, Colors: zoo.BGR, Layout: zoo.NHWC, Mean: [3]float64{1, 2, 3}, Std: [3]float64{58.5, 58.5, 58.5}}
	if diff := cmp.Diff(want, d.Input); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"dress", "outwear"}, d.Outputs[0].Values()); diff != "" {
		t.Error(diff)
	}
	if o, ok := d.Output(zoo.Embedding); !ok || o.Dims != 16 {
		t.Errorf("embedding %+v", o)
	}
}

// Everything that can change a result changes the version, and nothing else does.
func TestVersion(t *testing.T) {
	versionOf := func(body string, src zoo.Sources) string {
		t.Helper()
		all, err := zoo.Read("m.yaml", []byte(body), src)
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Version
	}
	base := versionOf(good, sources(t))
	for _, same := range [][2]string{{"name: mine", "name: other"}, {"stage: active", "stage: shadow\n    of: garment-s\n    share: 0.5"}, {"replaces: [garment-s]", ""}, {"models:", "# a word\nmodels:"}} {
		if got := versionOf(strings.Replace(good, same[0], same[1], 1), sources(t)); got != base {
			t.Errorf("%q for %q changed the version", same[1], same[0])
		}
	}
	for _, other := range [][2]string{
		{"side: 32", "side: 64"}, {"bgr", "rgb"}, {"nhwc", "nchw"}, {"mean: [1, 2, 3]", "mean: [1, 2, 4]"}, {"58.5", "58"}, {"temperature: 1.5", "temperature: 1.6"},
		{"threshold: 0.4", "threshold: 0.5"}, {"top: 2", "top: 1"}, {"[dress, ", "[hat, "}, {"dims: 16", "dims: 17"}, {"tiny.onnx", "tiny-one.onnx"},
	} {
		if got := versionOf(strings.Replace(good, other[0], other[1], 1), sources(t)); got == base {
			t.Errorf("%q for %q left the version", other[1], other[0])
		}
	}
	remote := strings.Replace(good, "{onnx: {file: tiny.onnx}}", `{remote: {url: "http://a:1", model: m, version: "1"}}`, 1)
	first := versionOf(remote, sources(t))
	if got := versionOf(strings.Replace(remote, "http://a:1", "http://b:2/", 1), sources(t)); got != first {
		t.Error("where a server stands changed the version")
	}
	if got := versionOf(strings.Replace(remote, `"1"`, `"2"`, 1), sources(t)); got == first {
		t.Error("another version of a remote model left the version")
	}
}

// Every mistake of a file is told at once, with its place and what is allowed.
func TestReadRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = zoo.Read(filepath.Base(file), body, sources(t))
			var errs zoo.Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("read without errors: %v", err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzRead: whatever a file holds, it is read or refused.
func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("models: [{name: a, runtime: {onnx: }, outputs: [{as: {}}]}]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := zoo.Read("f.yaml", body, sources(t))
		if err == nil && len(all) == 0 {
			t.Error("neither models nor an error")
		}
	})
}

func TestMerge(t *testing.T) {
	shipped, err := zoo.Shipped(nil)
	if err != nil {
		t.Fatal(err)
	}
	read := func(file, body string) []zoo.Declaration {
		t.Helper()
		all, err := zoo.Read(file, []byte(body), sources(t))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	mine := read("mine.yaml", strings.NewReplacer("name: mine", "name: garment-s", "replaces: [garment-s]", "").Replace(good))
	all, err := zoo.Merge([]string{"color"}, shipped, mine)
	if err != nil || len(all) != len(shipped) || all[0].File != "mine.yaml" {
		t.Errorf("a user's garment-s does not take the shipped one's place: %d models, %v", len(all), err)
	}
	_, err = zoo.Merge([]string{"color", "mine"}, shipped, read("a.yaml", strings.Replace(good, "[garment-s]", "[garmnt-s]", 1)), read("b.yaml", strings.Replace(good, "mine", "twice", 1)), read("c.yaml", strings.Replace(good, "mine", "twice", 1)))
	want := []string{`a.yaml:2:11: the name "mine" is taken`, `c.yaml:2:11: there is a model "twice" already, in b.yaml`}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in: %v", w, err)
		}
	}
	_, err = zoo.Merge([]string{"color"}, shipped, read("a.yaml", strings.Replace(good, "[garment-s]", "[garmnt-s]", 1)))
	if err == nil || !strings.Contains(err.Error(), `a.yaml:6:16: there is no model "garmnt-s" to replace, did you mean "garment-s"?`) {
		t.Errorf("an unknown model to replace: %v", err)
	}
}

func TestCheck(t *testing.T) {
	all, err := zoo.Read("m.yaml", []byte(strings.Replace(good, "nhwc", "nchw", 1)), sources(t))
	if err != nil {
		t.Fatal(err)
	}
	err = all[0].Check(zoo.Graph{
		Inputs:  []zoo.Port{{Name: "x", Type: "FP32", Shape: []int64{-1, 3, 64, 64}}},
		Outputs: []zoo.Port{{Name: "logits", Type: "FP32", Shape: []int64{-1, 10}}, {Name: "features", Type: "FP32", Shape: []int64{-1, 99}}},
	})
	want := `m.yaml:8:19: model mine: the graph has no input "image"; it offers x FP32 [n,3,64,64]
m.yaml:10:111: model mine: there are 4 classes, but output logits gives 10 numbers for each input: logits FP32 [n,10]
m.yaml:11:16: model mine: the graph has no output "embedding"; it offers logits FP32 [n,10], features FP32 [n,99]`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	err = all[0].Check(zoo.Graph{
		Inputs:  []zoo.Port{{Name: "image", Type: "INT64", Shape: []int64{-1, 32, 32, 3}}},
		Outputs: []zoo.Port{{Name: "logits", Type: "FP64", Shape: []int64{-1, 4}}, {Name: "embedding", Type: "FP32", Shape: []int64{-1, 8}}},
	})
	for _, w := range []string{
		"m.yaml:8:19: model mine: input image is of type INT64; an image model takes FP32",
		"m.yaml:8:32: model mine: images of side 32 in layout nchw have the shape [n,3,32,32], but the graph takes image INT64 [n,32,32,3]",
		"output logits is of type FP64; only FP32", "dims is 16, but output embedding gives 8 numbers for each input",
	} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in:\n%v", w, err)
		}
	}
}
