package zoo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis/zoo"
)

// one is a declaration of a model whose name and graph differ.
func one(name, graph, more string) string {
	return fmt.Sprintf("models:\n  - name: %s\n%s    tier: analyze-light\n    task: classify\n    runtime: {onnx: {file: %s}}\n"+
		"    input: {name: image, side: 32}\n    outputs: [{name: logits, as: attribute, attribute: mood, classes: [glad, sad]}]\n", name, more, graph)
}

func readAll(t *testing.T, bodies ...string) [][]zoo.Declaration {
	t.Helper()
	var all [][]zoo.Declaration
	for i, body := range bodies {
		d, err := zoo.Read(fmt.Sprintf("%d.yaml", i), []byte(body), sources(t))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// TestVersions: an active version takes the name over, with what it replaces; a
// shadow stays beside it under its own.
func TestVersions(t *testing.T) {
	base := one("mood", "tiny.onnx", "    replaces: [color]\n")
	all, err := zoo.Merge([]string{"color"}, readAll(t, base, one("mood-2", "tiny-one.onnx", "    of: mood\n"), one("mood-3", "tiny-text.onnx", "    stage: shadow\n    of: mood\n    share: 0.25\n"))...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, fmt.Sprintf("%s: %s %s of %s, %g, replaces %v", d.Name, d.Declared, d.Stage, d.Of, d.Share, d.Replaces))
	}
	want := []string{"mood: mood-2 active of mood, 0.1, replaces [color]", "mood-3: mood-3 shadow of mood, 0.25, replaces [color]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVersionsRefused(t *testing.T) {
	base := one("mood", "tiny.onnx", "")
	for _, c := range []struct{ body, want string }{
		{one("a", "tiny-one.onnx", "    stage: shadow\n    of: mod\n"), `1.yaml:4:9: there is no model "mod" to be another version of, did you mean "mood"?; allowed: mood`},
		{one("a", "tiny-one.onnx", "    stage: shadow\n    of: color\n"), "1.yaml:4:9: color is built in"},
		{one("a", "tiny.onnx", "    stage: shadow\n    of: mood\n"), "1.yaml:4:9: a is the very version that is active as mood"},
		{strings.Replace(one("a", "tiny-one.onnx", "    stage: shadow\n    of: mood\n"), "analyze-light", "analyze-heavy", 1), "1.yaml:4:9: mood is of the tier analyze-light, a of analyze-heavy"},
		{strings.NewReplacer("classify", "embed", "as: attribute, attribute: mood, classes: [glad, sad]", "as: embedding, dims: 4").Replace(one("a", "tiny-one.onnx", "    of: mood\n")), "1.yaml:3:9: mood is to classify, a to embed"},
		{one("a", "tiny-one.onnx", "    of: mood\n") + strings.TrimPrefix(one("b", "tiny-text.onnx", "    of: mood\n"), "models:\n"), "a is active in the place of mood already"},
	} {
		_, err := zoo.Merge([]string{"color"}, readAll(t, base, c.body)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want %s", err, c.want)
		}
	}
}

// TestSetStage: one word changes, wherever and however it is written.
func TestSetStage(t *testing.T) {
	rest := strings.TrimPrefix(one("x", "tiny.onnx", ""), "models:\n  - name: x\n")
	for _, c := range []struct{ name, from, to string }{
		{"a word", "models:\n  - name: x\n    stage: shadow   # 奢\n    of: y\n" + rest, "models:\n  - name: x\n    stage: active   # 奢\n    of: y\n" + rest},
		{"quoted", "models:\n  - name: \"x\"\n    stage: 'shadow'\n    of: y\n" + rest, "models:\n  - name: \"x\"\n    stage: 'active'\n    of: y\n" + rest},
		{"in braces", "models: [{name: other, stage: shadow}, {name: x, stage: shadow, of: y}]", "models: [{name: other, stage: shadow}, {name: x, stage: active, of: y}]"},
		{"before the name, Windows", "models:\r\n  - stage: shadow\r\n    name: x\r\n", "models:\r\n  - stage: active\r\n    name: x\r\n"},
		{"none", "models:\n  # one\n  - name: x # two\n    of: y\n" + rest, "models:\n  # one\n  - name: x # two\n    stage: active\n    of: y\n" + rest},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := zoo.SetStage("m.yaml", []byte(c.from), "x", zoo.Active)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.to, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, body := range []string{"models: [{name: y}]", "models: [{name: x}]", "models: [", "models: [{name: x, stage: *a}]"} {
		if got, err := zoo.SetStage("m.yaml", []byte(body), "x", zoo.Active); err == nil {
			t.Errorf("%s became %s", body, got)
		}
	}
}
