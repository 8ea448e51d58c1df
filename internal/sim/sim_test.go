package sim

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"weft/analysis/taxonomy"
	"weft/models"
)

func now() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func TestPostsAreTheSameForASeed(t *testing.T) {
	a, b, other := Posts(7, 200, now()), Posts(7, 200, now()), Posts(8, 200, now())
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("same seed, other posts (-a +b):\n%s", d)
	}
	if cmp.Equal(a, other) {
		t.Error("another seed made the same posts")
	}
}

func TestPhotosAreTheSameForASeed(t *testing.T) {
	for _, kind := range Kinds() {
		g := Garment{Kind: kind, Color: "red", Second: "navy", Pattern: "striped", Material: "wool", Backdrop: "wood"}
		a, errA := JPEG(g, 5)
		b, errB := JPEG(g, 5)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		c, _ := JPEG(g, 6)
		if !bytes.Equal(a, b) || bytes.Equal(a, c) {
			t.Errorf("%s: same seed same bytes: %v, other seed same bytes: %v", kind, bytes.Equal(a, b), bytes.Equal(a, c))
		}
	}
}

func TestPostsAreAsPromised(t *testing.T) {
	posts := Posts(1, 300, now())
	broken, languages, profiles, cities := 0, map[string]int{}, map[string]int{}, map[string]int{}
	told, silent, several, reposts := map[string]int{}, 0, 0, map[string]int{}
	for _, p := range posts {
		r := p.Record
		if p.Broken != "" {
			broken++
			if len(p.Pictures) != 1 || !slices.Contains(Breakages(), p.Pictures[0].Broken) {
				t.Errorf("%s: broken, but with pictures %v", r.ID, p.Pictures)
			}
		}
		if r.CreatedAt.After(now()) || now().Sub(r.CreatedAt) > 60*24*time.Hour+time.Second {
			t.Errorf("%s: made at %s", r.ID, r.CreatedAt)
		}
		if strings.ContainsAny(r.Text, "{}") || r.Text == "" {
			t.Errorf("%s: text %q", r.ID, r.Text)
		}
		if len(p.Truth[AttrCategory]) != 1 || len(p.Truth[AttrGarment]) != 1 || len(p.Truth[AttrColor]) == 0 {
			t.Errorf("%s: truth %v", r.ID, p.Truth)
		}
		for name := range p.Truth {
			told[name]++
		}
		l := lexicon(r.Language)
		if !slices.ContainsFunc(append(l.garments[p.Pictures[0].Garment.Kind], l.jeans), func(n noun) bool {
			return strings.Contains(strings.ToLower(r.Text), strings.ToLower(n.word))
		}) {
			silent++
		}
		if len(r.Images) > 1 {
			several++
		}
		reposts[r.Images[0]]++
		languages[r.Language]++
		profiles[p.Profile]++
		cities[r.Author.Location.City]++
	}
	for name, ok := range map[string]bool{
		"broken": broken >= 12 && broken <= 24, "languages": len(languages) == 5 && languages["en"] > 40 && languages["fr"] > 40 && languages["zh"] > 40,
		"profiles": profiles["quality"] > 40 && profiles["tendencies"] > 100 && profiles["catalog"] > 60,
		"cities":   len(cities) >= 24, "told": told[AttrBrand] > 50 && told[AttrMaterial] > 40 && told[AttrStyle] > 50,
		"silent": silent > 30 && silent < 150, "several": several > 30, "reposts": len(reposts) < 300 && len(reposts) > 280,
	} {
		if !ok {
			t.Errorf("%s: broken %d, languages %v, profiles %v, %d cities, told %v, silent %d, several %d, first images %d",
				name, broken, languages, profiles, len(cities), told, silent, several, len(reposts))
		}
	}
}

// TestTruthUsesTheVocabularies holds every value of the truth to the taxonomy
// of colours and the lexicons of captions, or nothing could ever match.
func TestTruthUsesTheVocabularies(t *testing.T) {
	colors, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{AttrColor: colors.Names()}
	for attribute, file := range map[string]string{AttrGarment: "garments", AttrBrand: "brands", AttrMaterial: "materials", AttrStyle: "styles"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "analysis", "text", "lexicons", "v1", file+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var lexicon struct {
			Terms []struct{ Value, Category string }
		}
		if err := yaml.Unmarshal(data, &lexicon); err != nil {
			t.Fatal(err)
		}
		for _, term := range lexicon.Terms {
			values[attribute] = append(values[attribute], term.Value)
			values[AttrCategory] = append(values[AttrCategory], term.Category)
		}
	}
	for _, p := range Posts(2, 1000, now()) {
		for attribute, truth := range p.Truth {
			for _, v := range truth {
				if v == "" || !slices.Contains(values[attribute], v) {
					t.Errorf("%s: %s %q is in no vocabulary", p.Record.ID, attribute, v)
				}
			}
		}
	}
}

// TestColorOfThePicture holds the truth to the pixels: what lies in the middle
// of a plain garment has the name that it was drawn with.
func TestColorOfThePicture(t *testing.T) {
	for i, name := range Colors() {
		for k, kind := range []string{"t-shirt", "dress", "skirt", "coat", "bag"} {
			g := Garment{Kind: kind, Color: name, Backdrop: Backdrops()[(i+k)%len(Backdrops())]}
			img := Render(g, uint64(i*10+k))
			if got := nearest(middle(img)); got != name {
				t.Errorf("%s %s on %s looks %s: %v", name, kind, g.Backdrop, got, middle(img))
			}
		}
	}
}

// middle averages a part of the photo where every one of those garments is,
// beside the row of buttons.
func middle(img *image.RGBA) lab {
	var r, g, b, n float64
	for y := height * 45 / 100; y < height*60/100; y++ {
		for x := width * 55 / 100; x < width*62/100; x++ {
			c := img.RGBAAt(x, y)
			r, g, b, n = r+float64(c.R), g+float64(c.G), b+float64(c.B), n+255
		}
	}
	return labOf(r/n, g/n, b/n)
}

func TestLabRoundTrip(t *testing.T) {
	for _, s := range swatches() {
		c := s.at.rgb()
		d := labOf(float64(c.R)/255, float64(c.G)/255, float64(c.B)/255)
		if nearest(d) != s.name || d.L-s.at.L > 3 || s.at.L-d.L > 3 {
			t.Errorf("%s: %v became %v", s.name, s.at, d)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	posts := Posts(3, 48, now())
	if err := Write(dir, posts); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, profile := range Profiles() {
		data, err := os.ReadFile(filepath.Join(dir, profile+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			lines++
			i := slices.IndexFunc(posts, func(p Post) bool { return p.Record.ID == r.ID })
			if posts[i].Profile != profile {
				t.Errorf("%s is in %s", r.ID, profile)
			}
			checkImages(t, dir, posts[i])
		}
	}
	if lines != len(posts) {
		t.Errorf("%d records of %d posts", lines, len(posts))
	}
	var truth Truth
	data, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(TruthOf(posts), truth); d != "" {
		t.Error(d)
	}
}

// checkImages decodes every image of p: those of a broken post must not decode.
func checkImages(t *testing.T, dir string, p Post) {
	t.Helper()
	for _, name := range p.Record.Images {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if p.Broken == BombHeader {
			if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err != nil || c.Width != 60_000 || c.Height != 60_000 {
				t.Errorf("%s: header says %v, %v", name, c, err)
			}
			continue // decoding it would take 14 GB
		}
		img, _, err := image.Decode(bytes.NewReader(data))
		switch {
		case p.Broken == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case p.Broken == "" && img.Bounds().Size() != image.Pt(width, height):
			t.Errorf("%s: %v", name, img.Bounds())
		case p.Broken != "" && err == nil:
			t.Errorf("%s: %s, but it decodes", name, p.Broken)
		}
	}
}

func TestLabeler(t *testing.T) {
	truth := Truth{"demo-1": {AttrColor: {"navy", "white"}, AttrGarment: {"dress"}}}
	item := models.Item{ID: "i1", Post: "file.demo-1", OpenedAt: now(), Questions: []models.Question{
		{Attribute: AttrColor, Options: []string{"navy", "red"}}, {Attribute: AttrGarment}, {Attribute: AttrBrand},
	}}
	want := models.Answer{By: "simulated-1", At: now(), Values: map[string][]string{AttrColor: {"navy"}, AttrGarment: {"dress"}, AttrBrand: {}}}
	if d := cmp.Diff(want, Labeler{Truth: truth}.Answer(item)); d != "" {
		t.Error(d)
	}
	stranger := item
	stranger.Post = "file.other"
	if a := (Labeler{Truth: truth}).Answer(stranger); a.Skip == "" || a.Values != nil {
		t.Errorf("answered for an unknown post: %v", a)
	}
	skipped, wrong := 0, 0
	for i := range 1000 {
		item.ID = models.ItemID("p", "quality", string(rune('a'+i)))
		a := Labeler{Truth: truth, ErrorRate: 0.2, Seed: 4}.Answer(item)
		want.At, want.By = a.At, a.By
		if a.Skip != "" {
			skipped++
		} else if !cmp.Equal(a, want) {
			wrong++
		}
	}
	if skipped < 70 || skipped > 130 || wrong < 40 || wrong > 130 {
		t.Errorf("of 1,000 answers at an error rate of 0.2: %d skipped, %d wrong", skipped, wrong)
	}
}

func TestEvaluate(t *testing.T) {
	truth := Truth{
		"1": {AttrColor: {"navy", "white"}, AttrGarment: {"dress"}},
		"2": {AttrColor: {"red"}, AttrGarment: {"hat"}, AttrBrand: {"zara"}},
		"3": {AttrColor: {"pink"}, AttrGarment: {"bag"}}, // was not indexed
	}
	doc := func(id string, pairs ...string) models.SearchDoc {
		d := models.SearchDoc{ID: id}
		for i := 0; i < len(pairs); i += 2 {
			d.Attributes = append(d.Attributes, models.Attribute{Name: pairs[i], Value: pairs[i+1]})
		}
		return d
	}
	r := Evaluate(truth, []models.SearchDoc{
		doc("file.1", "color", "navy", "color", "navy", "color", "red", "garment", "dress", "color_family", "blue"),
		doc("file.2", "color", "red", "garment", "coat", "brand", "zara"),
		doc("file.9", "color", "red"),
	})
	want := Report{Docs: 2, Scores: []Score{
		{AttrGarment, 2, 2, 2, 1, 0.5, 0.5},
		{AttrColor, 2, 3, 3, 2, 2.0 / 3, 2.0 / 3},
		{AttrBrand, 1, 1, 1, 1, 1, 1},
	}}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "67 %") || strings.Count(b.String(), "\n") != 4 {
		t.Errorf("table:\n%s", b.String())
	}
}

func TestFromFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"dress/a.jpg", "dress/b.jpg", "t_shirt/c.JPG", "misc/d.png", "misc/notes.txt"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	posts, err := FromFolder(dir, 1, 10, now())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, p := range posts {
		got[strings.Join(p.Truth[AttrCategory], "")]++
		if p.Truth[AttrBrand] != nil || p.Truth[AttrColor] != nil || p.Truth[AttrMaterial] != nil || strings.ContainsAny(p.Record.Text, "{}") {
			t.Errorf("%s: truth %v, text %q", p.Record.ID, p.Truth, p.Record.Text)
		}
	}
	if d := cmp.Diff(map[string]int{"dress": 2, "t-shirt": 1, "": 1}, got); d != "" {
		t.Error(d)
	}
	out := t.TempDir()
	if err := Write(out, posts); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, posts[0].Record.Images[0]))
	if err != nil || !bytes.Equal(data, must(os.ReadFile(posts[0].Pictures[0].From))) {
		t.Errorf("photo was not copied: %q, %v", data, err)
	}
	if _, err := FromFolder(t.TempDir(), 1, 10, now()); err == nil {
		t.Error("an empty folder made posts")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkJPEG(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		g := Garment{
			Kind: Kinds()[i%10], Color: "red", Second: "navy", Pattern: []string{"plain", "striped"}[i%2],
			Backdrop: Backdrops()[i%6], Material: "wool",
		}
		if _, err := JPEG(g, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
}
