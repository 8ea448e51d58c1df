package profile_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/profile"
)

func shipped(t testing.TB) map[string]*profile.Profile {
	t.Helper()
	files, err := profile.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*profile.Profile{}
	for _, f := range files {
		p, err := profile.Parse(f.Name, f.Body, catalog{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != "profiles/"+p.Name+".yaml" {
			t.Errorf("%s holds the profile %s", f.Name, p.Name)
		}
		out[p.Name] = p
	}
	return out
}

// TestShippedRoutes holds the three profiles to what they promise.
func TestShippedRoutes(t *testing.T) {
	sure := []models.Attribute{attr("color", "navy", 0.9), attr("category", "outwear", 0.97)}
	unsure := []models.Attribute{attr("color", "navy", 0.9), attr("category", "outwear", 0.6)}
	unsureOfColor := []models.Attribute{attr("color", "navy", 0.45), attr("category", "outwear", 0.97)}
	twoColors := []models.Attribute{attr("color", "navy", 0.6), attr("color", "white", 0.5), attr("category", "outwear", 0.97)}
	lost := []models.Attribute{attr("color", "navy", 0.3)}
	tests := []struct {
		profile, name string
		light, heavy  []models.Attribute
		route         string
	}{
		{"quality", "nothing found", nil, nil, "fetch → analyze-light → label (waits) → index → archive → done"},
		{"quality", "sure", sure, nil, "fetch → analyze-light → label (waits) → index → archive → done"},
		{"tendencies", "nothing found", nil, nil, "fetch → analyze-light → index → archive → done"},
		{"catalog", "sure", sure, nil, "fetch → analyze-light → index → archive → done"},
		{"catalog", "light unsure", unsure, sure, "fetch → analyze-light → analyze-heavy → index → archive → done"},
		{"catalog", "light unsure of the colour", unsureOfColor, nil, "fetch → analyze-light → index → archive → done"},
		{"catalog", "two colours", twoColors, sure, "fetch → analyze-light → analyze-heavy → index → archive → done"},
		{"catalog", "both unsure", lost, lost, "fetch → analyze-light → analyze-heavy → label (waits) → index → archive → done"},
		{"catalog", "nothing found", nil, nil, "fetch → analyze-light → analyze-heavy → label (waits) → dropped"},
	}
	nowhere := parse(t, "name: nowhere\nindex: {when: 'false'}") // so that every route is a change
	profiles := shipped(t)
	for _, tt := range tests {
		t.Run(tt.profile+"/"+tt.name, func(t *testing.T) {
			s := profile.Subject{Post: post("instagram.1", "img"), Light: tt.light, Heavy: tt.heavy}
			d := profile.Diff(nowhere, profiles[tt.profile], all([]profile.Subject{s}), nil)
			if len(d.Changes) != 1 || d.Changes[0].New != tt.route {
				t.Errorf("want %s, got %+v", tt.route, d.Changes)
			}
		})
	}
	if then := profiles["quality"].Label.Then; then != profile.ThenEscalate {
		t.Errorf("quality would %s unanswered posts", then)
	}
	if got := profiles["catalog"].AskedAttributes(); !cmp.Equal(got, []string{"category", "color"}) {
		t.Errorf("catalog asks for %v", got)
	}
	if got := profiles["tendencies"].AskedAttributes(); len(got) != len(catalog{}.Attributes()) {
		t.Errorf("tendencies asks for %v", got)
	}
	if got := profiles["tendencies"].Models(models.AnalyzeHeavy); got != nil {
		t.Errorf("tendencies runs %v", got)
	}
}

// TestProfileIsShared: many goroutines route with one profile and agree.
func TestProfileIsShared(t *testing.T) {
	p := shipped(t)["catalog"]
	want := p.Next(post("x.1", "img"), run(models.AnalyzeLight, attr("color", "red", 0.8)), models.Spent{})
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wg.Go(func() {
			for range 200 {
				got := p.Next(post("x.1", "img"), run(models.AnalyzeLight, attr("color", "red", 0.8)), models.Spent{})
				if got != want {
					errs <- fmt.Errorf("got %+v, want %+v", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func BenchmarkNext(b *testing.B) {
	p := shipped(b)["catalog"]
	x, r := post("instagram.1", "img", "img2"), run(models.AnalyzeLight)
	for _, n := range names() {
		r.Attributes = append(r.Attributes, attr(n, "a", 0.7, "img"), attr(n, "b", 0.6, "img2"))
	}
	for b.Loop() {
		p.Next(x, r, models.Spent{})
	}
}
