package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/analysis/zoo"
	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

// nets computes graphs whose file is one word: the value that they are sure of,
// or broken, or panics. It counts the images that each was asked about.
type nets struct{ asked, opened atomic.Int64 }

func (n *nets) Open(_ context.Context, d zoo.Declaration) (zoo.Session, error) {
	word, err := d.ONNX.Read()
	if err != nil {
		return nil, err
	}
	n.opened.Add(1)
	if string(word) == "broken" {
		return nil, models.Faultf(models.Permanent, "the graph is broken")
	}
	return &session{n: n, says: string(word), classes: d.Outputs[0].Classes}, nil
}

type session struct {
	n       *nets
	says    string
	classes []zoo.Class
}

func (s *session) Graph() zoo.Graph { return zoo.Graph{} }
func (s *session) Close() error     { return nil }

func (s *session) Run(_ context.Context, batch zoo.Tensor) (map[string]zoo.Tensor, float64, error) {
	if s.says == "panics" {
		panic("as it was asked to")
	}
	rows := batch.Shape[0]
	for row := range int(rows) {
		if batch.Floats[row*len(batch.Floats)/int(rows)] > 128 { // the posts' pictures have a white corner; that which models are measured with hasn't
			s.n.asked.Add(1)
		}
	}
	out := zoo.Tensor{Shape: []int64{rows, int64(len(s.classes))}}
	for range rows {
		for _, c := range s.classes {
			v := float32(0)
			if c.Value == s.says {
				v = 3
			}
			out.Floats = append(out.Floats, v)
		}
	}
	return map[string]zoo.Tensor{"scores": out}, 0, nil
}

// road is an installation with a declared model, and what computes it.
type road struct {
	*rig

	nets *nets
}

const cutProfile = `name: cuts
analyze-light: { models: [ cut, color, caption ] }
index: { retention: 1h }
`

// declaration of a model whose graph is one word.
func declaration(name, file, more string) string {
	return fmt.Sprintf(`  - name: %s # kept as it is
    tier: analyze-light
    task: classify
%s    runtime: {onnx: {file: %s}}
    input: {name: image, side: 16}
    outputs:
      - {name: scores, as: attribute, attribute: cut, threshold: 0.2, classes: [wide, slim, cropped]}
`, name, more, file)
}

func newRoad(t *testing.T, declarations ...string) *road {
	t.Helper()
	r := &road{rig: newRig(t, "name: none\nanalyze-light: { models: [ color ] }\n"), nets: &nets{}}
	for _, word := range []string{"wide", "slim", "cropped", "broken", "panics"} {
		r.write(filepath.Join(r.dir, word), []byte(word))
	}
	r.declare(declarations...)
	r.profiles(cutProfile)
	r.set = append(r.set, config.Override{Key: "analysis.models", Value: r.file()})
	r.options = func(o *app.Options) { o.ONNX = func(config.Analysis) zoo.Runtime { return r.nets } }
	r.app = r.open(r.options)
	return r
}

func (r *road) file() string { return filepath.Join(r.dir, "models.yaml") }

func (r *road) declare(declarations ...string) {
	r.t.Helper()
	r.write(r.file(), []byte("# our models\nmodels:\n"+strings.Join(declarations, "")))
}

// restart is what workers and commands need after a change of the declarations.
func (r *road) restart() { r.app = r.open(r.options) }

// analysisConfig is that of the installation.
func (r *road) analysisConfig() config.Analysis { return r.app.Config.Analysis }

// cuts counts the values that search shows.
func (r *road) cuts() map[string]int {
	r.t.Helper()
	out := map[string]int{}
	for i := range 6 {
		doc, err := r.app.Search.Get(r.ctx, fmt.Sprintf("file.p%02d", i))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, found := range doc.Attributes {
			if found.Name == "cut" {
				out[found.Value]++
			}
		}
	}
	return out
}

// kept is how many of the posts' images a version has told a result of.
func (r *road) kept(version string) int {
	r.t.Helper()
	var keys []string
	for i := range 6 {
		post, _, err := r.app.Documents.Post(r.ctx, fmt.Sprintf("file.p%02d", i))
		if err != nil {
			r.t.Fatal(err)
		}
		keys = append(keys, models.ResultKey(post.Media[0].SHA256, "cut", version, ""))
	}
	got, err := r.app.Documents.Results(r.ctx, keys)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(got)
}

// version is that of a declared model.
func (r *road) version(name string) string {
	r.t.Helper()
	n, ok := r.app.Models.Declared.Net(name)
	if !ok {
		r.t.Fatalf("there is no model %s", name)
	}
	return n.Declaration().Version
}

func shadowOf(name, file, share string) string {
	return declaration(name, file, "    stage: shadow # for now\n    of: cut\n    share: "+share+"\n")
}

// TestShadowChangesNothing: with and without shadows, sound, broken and
// panicking ones, a post comes to the same in every respect.
func TestShadowChangesNothing(t *testing.T) {
	type outcome struct {
		Posts     []models.Post
		Runs      []models.Run
		Timelines [][]models.Entry
		Search    []models.SearchDoc
		Options   []string
		Taxonomy  string
	}
	look := func(r *road) (o outcome) {
		t.Helper()
		for i := range 6 {
			id := fmt.Sprintf("file.p%02d", i)
			post, run := r.post(id, "cuts")
			doc, err := r.app.Search.Get(r.ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			o.Posts, o.Runs, o.Timelines, o.Search = append(o.Posts, post), append(o.Runs, run), append(o.Timelines, r.timeline(id, "cuts", 1)), append(o.Search, doc)
		}
		o.Options, o.Taxonomy = r.app.Registry.Options("cut"), r.app.Registry.Taxonomy()
		return o
	}
	active := declaration("cut", "wide", "")
	extra := strings.Replace(shadowOf("cut-2", "slim", "1"), "cropped]", "cropped, flared], open: true", 1)
	without := newRoad(t, active)
	without.imports(without.posts(6), "cuts")
	without.run()
	with := newRoad(t, active, extra, shadowOf("cut-3", "panics", "1"), shadowOf("cut-4", "broken", "1"))
	with.imports(with.posts(6), "cuts")
	stop := with.work()
	with.settle()
	with.wait("the shadow to have seen all", func() (bool, string) {
		n := with.kept(with.version("cut-2"))
		return n == 6, fmt.Sprintf("%d seen", n)
	})
	stop()
	if with.kept(with.version("cut")) != 6 || with.kept(with.version("cut-3"))+with.kept(with.version("cut-4")) != 0 {
		t.Error("the results that are kept are not those of the sound models")
	}
	// clocks, and the CPU time that the same work takes, are never the same twice
	measured := cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && slices.Contains([]string{"Cost", "Duration", "At", "AdmittedAt", "MovedAt", "CollectedAt", "Due", "Trace", "URL", "Raw", "Original", "Rendition", "IndexedAt"}, f.Name())
	}, cmp.Ignore())
	if diff := cmp.Diff(look(without), look(with), measured, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("with shadows (-without +with):\n%s", diff)
	}
}

// TestShadowShare: a shadow sees its share of the posts, and no others.
func TestShadowShare(t *testing.T) {
	r := newRoad(t, declaration("cut", "wide", ""), shadowOf("cut-2", "slim", "0.5"), shadowOf("cut-9", "cropped", "1"))
	r.imports(r.posts(6), "cuts")
	stop := r.work()
	r.settle()
	r.wait("the whole shadow to have seen all", func() (bool, string) {
		n := r.kept(r.version("cut-9"))
		return n == 6, fmt.Sprintf("%d seen", n)
	})
	stop() // both see a post in turn, so the half one has seen its own by now
	if n := r.kept(r.version("cut-2")); n == 0 || n == 6 {
		t.Errorf("the shadow of half of the posts saw %d of 6", n)
	}
}

// TestRoad: version 1 is active, 2 its shadow; compare, promote, reanalyze, roll
// back, reanalyze. Search follows, and nothing is computed twice.
func TestRoad(t *testing.T) {
	r := newRoad(t, declaration("cut", "wide", ""), shadowOf("cut-2", "slim", "1"))
	v1, v2 := r.version("cut"), r.version("cut-2")
	r.imports(r.posts(6), "cuts")
	stop := r.work()
	r.settle()
	r.wait("the shadow to have seen all", func() (bool, string) {
		n := r.kept(v2)
		return n == 6, fmt.Sprintf("%d seen", n)
	})
	stop()
	if diff := cmp.Diff(map[string]int{"wide": 6}, r.cuts()); diff != "" {
		t.Fatalf("beside a shadow search shows (-want +got):\n%s", diff)
	}
	asked := r.nets.asked.Load()
	if asked != 12 {
		t.Fatalf("two models were asked about %d images, want 6 each", asked)
	}
	for i, want := range []string{"slim", "slim", "wide"} {
		change := models.Change{Labels: []models.Label{{Attribute: "cut", Taxonomy: "t", Values: []string{want}, By: []string{"ann"}, At: r.now(), Sample: i == 0}}}
		if _, err := r.app.Documents.Update(r.ctx, fmt.Sprintf("file.p%02d", i), change); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := r.app.Compare(r.ctx, app.Comparison{Active: "cut", Shadow: "cut-2"})
	if err != nil {
		t.Fatal(err)
	}
	cut := rep.Attributes[0]
	if rep.Both != 6 || cut.Agree != 0 || cut.Confusion["wide"]["slim"] != 6 || cut.Labels.N != 3 || cut.Labels.Wins != 2 || cut.Labels.Losses != 1 || cut.Labels.Sample != 1 || len(cut.Differ) != 3 {
		t.Errorf("report %+v, %+v", rep, cut)
	}
	var page bytes.Buffer
	if err := rep.WritePage(r.ctx, &page, r.app.Blobs); err != nil || strings.Count(page.String(), `src="data:image/jpeg;base64,`) != 6 || strings.Contains(page.String(), "<script") {
		t.Errorf("the page has not six pictures, %v:\n%.2000s", err, page.String())
	}

	before, err := os.ReadFile(r.file())
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.Promote(r.analysisConfig(), "cut-2", false)
	if err != nil || s.Model != "cut" || s.Active != "cut-2" || s.Was != "cut" || s.Version != v2 || !strings.Contains(s.Edits[0].Diff, "-    stage: shadow # for now\n+    stage: active # for now\n") {
		t.Fatalf("promote: %+v, %v", s, err)
	}
	again := func(cut, version string) {
		t.Helper()
		r.restart()
		if got := r.version("cut"); got != version {
			t.Fatalf("cut has version %s, want %s", got, version)
		}
		if rep := r.reanalyze(app.Reanalysis{Profile: "cuts"}); rep.Posts != 6 {
			t.Fatalf("report %+v, want 6 posts", rep)
		}
		r.run()
		for i := range 6 {
			if _, run := r.post(fmt.Sprintf("file.p%02d", i), "cuts"); run.Cost != 0 || run.State != models.Done {
				t.Errorf("%s cost %g, want nothing: the results are kept", &run, run.Cost)
			}
		}
		got := r.cuts() // people's word stays, whatever models say
		want := map[string]int{"slim": 2, "wide": 1}
		want[cut] += 3
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("search shows (-want +got):\n%s", diff)
		}
		if n := r.nets.asked.Load(); n != asked {
			t.Errorf("%d images were asked about again", n-asked)
		}
	}
	again("slim", v2)
	if _, err := app.Promote(r.analysisConfig(), "cut-2", false); !errors.Is(err, app.ErrStage) {
		t.Errorf("promoted twice: %v", err)
	}
	if s, err = app.Rollback(r.analysisConfig(), "cut", false); err != nil || s.Active != "cut" || s.Was != "cut-2" || s.Version != v1 {
		t.Fatalf("rollback: %+v, %v", s, err)
	}
	after, err := os.ReadFile(r.file())
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("after a rollback the file is another, %v:\n%s", err, after)
	}
	again("wide", v1)
}

// TestPromoteOver: a promoted version steps back when the next one comes; what
// can't be promoted is refused, and no file is touched.
func TestPromoteOver(t *testing.T) {
	r := newRoad(t, declaration("cut", "wide", ""), declaration("cut-2", "slim", "    stage: active\n    of: cut\n"), shadowOf("cut-3", "cropped", "1"))
	if r.version("cut") == "" || len(r.app.Models.Declared.Nets()) < 2 {
		t.Fatal("no models")
	}
	s, err := app.Promote(r.analysisConfig(), "cut-3", true)
	if err != nil || s.Was != "cut-2" || s.Active != "cut-3" || !s.DryRun {
		t.Fatalf("dry run: %+v, %v", s, err)
	}
	r.restart()
	if r.version("cut-3") == r.version("cut") {
		t.Error("a dry run changed the file")
	}
	if _, err := app.Promote(r.analysisConfig(), "cut-3", false); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if n, ok := r.app.Models.Declared.Net("cut"); !ok || n.Declaration().Declared != "cut-3" {
		t.Error("cut-3 doesn't stand for cut")
	}
	if n, ok := r.app.Models.Declared.Net("cut-2"); !ok || n.Declaration().Stage != zoo.Shadow {
		t.Error("cut-2 is no shadow")
	}
	for _, name := range []string{"cut", "cut-3", "garment-l", "nobody"} {
		if _, err := app.Promote(r.analysisConfig(), name, false); !errors.Is(err, app.ErrStage) || !strings.Contains(err.Error(), "cut-2") {
			t.Errorf("promote %s: %v; want a refusal that names cut-2", name, err)
		}
	}
	if _, err := app.Rollback(r.analysisConfig(), "garment-l", false); !errors.Is(err, app.ErrStage) {
		t.Errorf("rollback of a model that nothing stands for: %v", err)
	}
}
