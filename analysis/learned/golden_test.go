package learned_test

import (
	"encoding/json"
	"flag"
	"image"
	_ "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "golang.org/x/image/webp"

	"weft/analysis"
	"weft/analysis/learned"
	"weft/analysis/remote"
	"weft/analysis/zoo"
	"weft/internal/servers"
	"weft/models"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// golden is what a model says of a picture: each value's confidence, and where
// its embedding points.
type golden struct {
	Model     string             `json:"model"`
	Picture   string             `json:"picture"`
	Scores    map[string]float64 `json:"scores"`
	Embedding models.Vector      `json:"embedding,omitempty"`
}

// pictures are decoded by the standard library, so that they are the same pixels
// whatever decoder the program is built with.
func pictures(t testing.TB) map[string]image.Image {
	t.Helper()
	out := map[string]image.Image{}
	for _, name := range []string{"photo.webp", "progressive.jpg"} {
		f, err := os.Open(filepath.Join("..", "image", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := image.Decode(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = img
	}
	return out
}

func shipped(t testing.TB) []zoo.Declaration {
	t.Helper()
	all, err := zoo.Shipped(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []zoo.Declaration
	for _, d := range all {
		if d.Task == zoo.Classify {
			out = append(out, d)
		}
	}
	return out
}

// said asks a model about each picture alone.
func said(t testing.TB, d zoo.Declaration, r zoo.Runtime) []golden {
	t.Helper()
	n := learned.NewNet(d, r)
	t.Cleanup(func() { _ = n.Close() })
	o, _ := d.Output(zoo.Attribute)
	var out []golden
	for _, name := range []string{"photo.webp", "progressive.jpg"} {
		img := pictures(t)[name]
		answers, _, err := n.Images(t.Context(), []image.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		g := golden{Model: d.Name, Picture: name, Scores: map[string]float64{}}
		for _, s := range learned.Scores(o, answers[0][o.Name].Data) {
			g.Scores[s.Value] = math.Round(s.Confidence*10000) / 10000
		}
		found, err := learned.NewModel(n).AnalyzeAll(t.Context(), []analysis.Input{{Image: img}})
		if err != nil {
			t.Fatal(err)
		}
		g.Embedding = found[0].Embedding
		out = append(out, g)
	}
	return out
}

// agree holds two answers to each other: within 0.01 of confidence, and the same
// direction of the embedding.
func agree(t testing.TB, how string, want, got golden) {
	t.Helper()
	for value, p := range want.Scores {
		if q, ok := got.Scores[value]; !ok || math.Abs(p-q) > 0.01 {
			t.Errorf("%s: %s of %s in %s has %v, want %v", how, value, got.Model, got.Picture, q, p)
		}
	}
	a, errA := want.Embedding.Unpack()
	b, errB := got.Embedding.Unpack()
	if errA != nil || errB != nil || len(a) != len(b) {
		t.Fatalf("%s: embeddings of %d and %d dimensions, %v, %v", how, len(a), len(b), errA, errB)
	}
	dot := 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
	}
	if len(a) > 0 && dot < 0.999 {
		t.Errorf("%s: the embedding of %s by %s points elsewhere: cosine %v", how, got.Picture, got.Model, dot)
	}
}

func goldens(t testing.TB) []golden {
	t.Helper()
	body, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// The shipped models say of a picture what they said when they were committed.
func TestGolden(t *testing.T) {
	runtime := servers.ONNX(t)
	var got []golden
	for _, d := range shipped(t) {
		got = append(got, said(t, d, runtime)...)
	}
	if *update {
		body, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/golden.json", append(body, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := goldens(t)
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d", len(got), len(want))
	}
	for i := range want {
		agree(t, "in process", want[i], got[i])
	}
}

// The same pictures give the same over the protocol.
func TestGoldenRemote(t *testing.T) {
	url := servers.URL(t, servers.OIP)
	var got []golden
	for _, d := range shipped(t) {
		d.ONNX, d.Remote = nil, &zoo.Remote{URL: url, Model: d.Name, Revision: "1", Timeout: time.Minute, Batch: 8, Delay: time.Millisecond}
		got = append(got, said(t, d, remote.New())...)
	}
	want := goldens(t)
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d", len(got), len(want))
	}
	for i := range want {
		agree(t, "remote", want[i], got[i])
	}
}
