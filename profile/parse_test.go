package profile_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/models"
	"weft/profile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sameWhere compares conditions by their source.
func sameWhere() cmp.Option {
	return cmp.Comparer(func(a, b *profile.Where) bool {
		return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
	})
}

func where(t *testing.T, source string) *profile.Where {
	t.Helper()
	w, err := profile.ParseWhere(source)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestParseFull(t *testing.T) {
	const body = `
name: luxury-watch
match:          { sources: [instagram, weibo], hashtags: ['#Luxury', 奢侈品], languages: [en, zh-Hant], countries: [fr] }
fetch:          { images: { max: 4, originals: 720h, renditions: 17520h } }
analyze-light:  { models: [ {color: {k: 4}}, garment-s, caption ] }
analyze-heavy:  { when: 'confidence("category") < 0.80', models: [garment-l], budget: { per_1000_posts: 120s } }
label:          { when: 'confidence("brand") < 0.90', sample: 0.02, answers: 2, attributes: [brand], timeout: { after: 1d12h, then: drop } }
index:          { when: 'has("category")', retention: 60d }
archive:        { raw: false }
`
	want := &profile.Profile{
		Name: "luxury-watch",
		Match: profile.Match{
			Sources: []string{"instagram", "weibo"}, Hashtags: []string{"luxury", "奢侈品"},
			Languages: []string{"en", "zh-hant"}, Countries: []string{"FR"},
		},
		Fetch: profile.Fetch{MaxImages: 4, Originals: 720 * time.Hour, Renditions: 17520 * time.Hour},
		Light: []models.ModelRef{{Name: "color", Params: `{"k":4}`}, {Name: "garment-s"}, {Name: "caption"}},
		Heavy: &profile.Heavy{
			When: where(t, `confidence("category") < 0.80`), Models: []models.ModelRef{{Name: "garment-l"}}, Per1000: 2 * time.Minute,
		},
		Label: &profile.Label{
			When: where(t, `confidence("brand") < 0.90`), Sample: 0.02, Answers: 2, Attributes: []string{"brand"},
			After: 36 * time.Hour, Then: profile.ThenDrop,
		},
		Index: profile.Index{When: where(t, `has("category")`), Retention: 60 * 24 * time.Hour},
	}
	got := parse(t, body)
	if diff := cmp.Diff(want, got, sameWhere(), cmpopts.IgnoreFields(profile.Profile{}, "Version", "Body")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if string(got.Body) != body || got.Version != profile.Version([]byte(body)) {
		t.Errorf("body or version is not that of the file")
	}
}

func TestGuidelines(t *testing.T) {
	got := parse(t, `
name: p
label:
  sample: 0.5
  attributes: [brand, color]
  guidelines:
    brand: {text: Only what is seen., single: true, examples: ["https://example.com/a.jpg"]}
`)
	want := map[string]profile.Guideline{"brand": {Text: "Only what is seen.", Single: true, Examples: []string{"https://example.com/a.jpg"}}}
	if diff := cmp.Diff(want, got.Label.Guidelines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestKinds: each kind of question, and what single: true says beside it.
func TestKinds(t *testing.T) {
	got := parse(t, `
name: p
label:
  sample: 0.5
  attributes: [brand, category, color, material, occasion]
  guidelines:
    brand: {kind: text}
    category:
      kind: tree
      partial: true
      groups: {tops: [shirt, t-shirt], clothes: [tops, skirt]}
    color: {kind: box, single: true}
    material: {kind: multiple}
    occasion: {kind: single, single: true}
`)
	want := map[string]profile.Guideline{
		"brand": {Kind: models.KindText, Single: true},
		"category": {Kind: models.KindTree, Partial: true, Groups: []models.Group{
			{Name: "clothes", Values: []string{"tops", "skirt"}}, {Name: "tops", Values: []string{"shirt", "t-shirt"}},
		}},
		"color": {Kind: models.KindBox, Single: true}, "material": {Kind: models.KindMultiple}, "occasion": {Kind: models.KindSingle, Single: true},
	}
	if diff := cmp.Diff(want, got.Label.Guidelines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseDefaults(t *testing.T) {
	want := &profile.Profile{
		Name:    "p",
		Fetch:   profile.Fetch{MaxImages: 10, Originals: 30 * 24 * time.Hour, Renditions: 730 * 24 * time.Hour},
		Label:   &profile.Label{Sample: 0.5, Answers: 1, Attributes: []string{"brand", "color", "color_family", "garment"}, After: 72 * time.Hour, Then: profile.ThenEscalate},
		Index:   profile.Index{Retention: 90 * 24 * time.Hour},
		Archive: profile.Archive{Raw: true},
		Light:   []models.ModelRef{{Name: "color", Params: `{"k":5}`}, {Name: "caption"}},
	}
	got, err := profile.Parse("p.yaml", []byte("name: p\nlabel: {sample: 0.5}\nanalyze-light: {models: [color, caption]}\n"), givingCatalog{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameWhere(), cmpopts.IgnoreFields(profile.Profile{}, "Version", "Body")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestVersionCountsContentOnly(t *testing.T) {
	base := profile.Version([]byte("name: a\nindex: {}\n"))
	if len(base) != 16 {
		t.Errorf("version %q has not 16 digits", base)
	}
	for _, same := range []string{"name: a\r\nindex: {}\r\n", "\ufeffname: a\nindex: {}\n\n", "name: a\nindex: {}"} {
		if profile.Version([]byte(same)) != base {
			t.Errorf("%q has another version", same)
		}
	}
	if profile.Version([]byte("name: b\nindex: {}\n")) == base {
		t.Error("another name has the same version")
	}
}

// TestBadProfiles compares all errors of each bad file with a golden file.
func TestBadProfiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d bad profiles, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := profile.Parse(filepath.Base(file), body, catalog{})
			var errs profile.Errors
			if p != nil || !errors.As(err, &errs) {
				t.Fatalf("got %v, %v; want Errors", p, err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), errs.Error()+"\n"); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestPositions checks that each error stands where the marked word begins.
func TestPositions(t *testing.T) {
	tests := map[string]struct{ head, mark, tail string }{
		"plain":          {"name: p\nindex: {when: ", `nonsense`, "}"},
		"single quotes":  {"name: p\nindex: {when: 'images > 0 and ", `nonsense`, " > 1'}"},
		"after Chinese":  {"name: p\nindex: {when: 'text contains \"奢侈品\" and has(", `"colour"`, ")'}"},
		"doubled quote":  {"name: p\nindex:\n  when: 'text contains \"it''s\" and ", `nonsense`, "'"},
		"double quotes":  {"name: p\nindex:\n  when: \"has(\\\"color\\\") and ", `nonsense`, "\""},
		"folded":         {"name: p\nindex:\n  when: >\n    has(\"color\")\n    and\n    ", `nonsense`, "\n"},
		"block comment":  {"name: p\nindex:\n  when: > # no images\n    ", `nonsense`, " and images > 0\n"},
		"literal":        {"name: p\nindex:\n  when: |\n    has(\"color\") and\n    has(", `"colr"`, ")\n"},
		"over two lines": {"name: p\nindex:\n  when: 'has(\"color\")\n    and ", `nonsense`, "'"},
		"value":          {"name: p\nlabel:\n  sample: ", `1.5`, "\n"},
		"CRLF":           {"name: p\r\nlabel:\r\n  sample: ", `1.5`, "\r\n"},
		"model":          {"name: p\nanalyze-light:\n  models:\n  - caption\n  - ", `colr`, ": {k: 4}\n"},
		"parameter":      {"name: p\nanalyze-light:\n  models: [caption, {color: {", `kk`, ": 4}}]\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := profile.Parse("f", []byte(tt.head+tt.mark+tt.tail), catalog{})
			var errs profile.Errors
			if !errors.As(err, &errs) || len(errs) != 1 {
				t.Fatalf("want one error, got:\n%v", err)
			}
			line := strings.Count(tt.head, "\n") + 1
			col := len([]rune(tt.head[strings.LastIndex(tt.head, "\n")+1:])) + 1
			if errs[0].Line != line || errs[0].Col != col {
				t.Errorf("want %d:%d, got %v", line, col, errs[0])
			}
		})
	}
}

// TestHostileFiles: none may take long, whatever becomes of it.
func TestHostileFiles(t *testing.T) {
	const n = 200 << 10
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [*" + string(c-1) + ", *" + string(c-1) + "]\n"
	}
	tests := map[string]struct{ body, want string }{
		"aliases":          {bomb, "1:4: \"&\" is not allowed"},
		"tag":              {"name: !!str p", "is not allowed"},
		"merge":            {"name: p\n<<: {a: 1}", "is not allowed"},
		"too large":        {strings.Repeat("#\n", 200<<10), "1:1: the file has"},
		"deep lists":       {"name: " + strings.Repeat("[", 15000), "nested deeper"},
		"deep mappings":    {strings.Repeat("{a: ", 5000), "nested deeper"},
		"deep block lists": {strings.Repeat("- ", 15000), "nested deeper"},
		"deep keys":        {strings.Repeat("? ", 15000), "nested deeper"},
		"a: a: a:":         {strings.Repeat("a: ", 9000), "nested deeper"},
		"not text":         {"name: \xff", "1:7: not UTF-8"},
		"zero byte":        {"name: p\n\x00", "2:1: not UTF-8"},
		"many keys":        {"name: p\n" + strings.Repeat("indx: 1\n", 5000), "unknown key \"indx\""},
		"far too many":     {"name: p\n" + strings.Repeat("indx: 1\n", n/8), "6667:7: too much"},
		"many words":       {"name: p\nmatch: {sources: [" + strings.Repeat("A,", 9000) + "]}", "is no name of a source"},
		"long word":        {"name: " + strings.Repeat("x", n), "does not fit"},
		"long expression":  {"name: p\nindex: {when: '" + strings.Repeat("(", n) + "'}", "it may have 2000"},
		"empty":            {"", "the file is empty"},
		"comments":         {"# nothing\n", "the file is empty"},
		"two documents":    {"name: p\n---\nname: q\n", "3:1: a second YAML document"},
		"a list":           {"- name: p", "a list where a mapping"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := profile.Parse("f", []byte(tt.body), catalog{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error with %q, got %.300v", tt.want, err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"profiles/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := profile.Parse("f", body, catalog{})
		var errs profile.Errors
		switch {
		case err == nil && p == nil:
			t.Fatal("neither a profile nor an error")
		case err != nil && (!errors.As(err, &errs) || len(errs) == 0):
			t.Fatalf("not Errors: %v", err)
		case err == nil:
			checkRoutes(t, p, post("x.1", "a"), nil)
		}
		lines := strings.Count(string(body), "\n") + strings.Count(string(body), "\r") + 2
		for _, e := range errs {
			if e.Line < 1 || e.Line > lines || e.Col < 1 || e.Msg == "" || strings.Contains(e.Msg, "\n") {
				t.Fatalf("bad error %#v", e)
			}
		}
	})
}
