package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/analysis"
	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
	"weft/profile"
	"weft/storage/sqlite"
)

// shelves are a library's surroundings: a store of versions, and a folder.
type shelves struct {
	t     *testing.T
	docs  *sqlite.Documents
	reg   *analysis.Registry
	files string
}

func newShelves(t *testing.T) *shelves {
	t.Helper()
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	all, err := app.OpenModels(config.Default().Analysis, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &shelves{t: t, docs: docs, reg: all.Registry, files: t.TempDir()}
}

func (s *shelves) write(name, body string) string {
	s.t.Helper()
	path := filepath.Join(s.files, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *shelves) library(paths ...string) *app.Library {
	s.t.Helper()
	l, err := app.NewLibrary(paths, s.docs, s.reg)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

func TestLibraryOverrides(t *testing.T) {
	s := newShelves(t)
	shipped, err := s.library().Named(t.Context(), "catalog")
	if err != nil {
		t.Fatal(err)
	}
	mine := "name: catalog\nanalyze-light: { models: [ caption ] }\n"
	s.write("deep/er/mine.yml", mine)
	s.write("notes.txt", "not a profile: [")
	l := s.library(s.files)
	if want := []string{"catalog", "quality", "tendencies"}; !slices.Equal(l.Names(), want) {
		t.Errorf("profiles %v, want %v", l.Names(), want)
	}
	p, err := l.Named(t.Context(), "catalog")
	if err != nil || string(p.Body) != mine || p.Version == shipped.Version {
		t.Errorf("%q, version %s, %v; want the user's", p.Body, p.Version, err)
	}
	if old, err := l.Profile(t.Context(), shipped.Version); err != nil || old.Version != shipped.Version {
		t.Errorf("the shipped version, which runs may have started with: %v", err)
	}
	if _, err := l.Named(t.Context(), "catalogue"); err == nil || !strings.Contains(err.Error(), `no profile "catalogue"; there are: catalog, quality, tendencies`) {
		t.Errorf("error %v", err)
	}
}

func TestLibraryReportsAllErrors(t *testing.T) {
	s := newShelves(t)
	one := s.write("one.yaml", "name: One\nindex: { when: 'colour > 3' }\n")
	two := s.write("two.yaml", "name: two\nfetsh: {}\nanalyze-light: { models: [ colour ] }\n")
	missing := filepath.Join(s.files, "missing.yaml")
	_, err := app.NewLibrary([]string{s.files, missing}, s.docs, s.reg)
	if err == nil {
		t.Fatal("bad profiles were taken")
	}
	for _, want := range []string{one + ":1:", one + ":2:", two + ":2:", two + ":3:", "fetsh", missing} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestLibraryKeepsOldVersions(t *testing.T) {
	s := newShelves(t)
	path := s.write("mine.yaml", "name: mine\nindex: { retention: 1h }\n")
	old, err := s.library(path).Named(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	s.write("mine.yaml", "name: mine\nindex: { retention: 2h }\n")
	l := s.library(path)
	fresh, err := l.Named(t.Context(), "mine")
	if err != nil || fresh.Version == old.Version {
		t.Fatalf("version %s, %v; want another one", fresh.Version, err)
	}
	for range 2 { // from the store, then from memory
		got, err := l.Profile(t.Context(), old.Version)
		if err != nil || got.Index.Retention != old.Index.Retention || got.Name != "mine" {
			t.Errorf("%+v, %v; want the old version", got, err)
		}
	}
	if _, err := l.Profile(t.Context(), profile.Version([]byte("other"))); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a version that never was: %v", err)
	}
	// A model that is gone makes a stored version unreadable: that is the post's trouble, not the store's.
	body := []byte("name: gone\nanalyze-light: { models: [ sibyl ] }\n")
	if err := s.docs.PutProfile(t.Context(), "gone", profile.Version(body), body); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Profile(t.Context(), profile.Version(body)); models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "sibyl") {
		t.Errorf("error %v, want a permanent one that names the model", err)
	}
}

// TestRunsKeepTheirVersion: a run that started before its profile was edited
// finishes under the version it started with.
func TestRunsKeepTheirVersion(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(2), "plain")
	_, before := r.post("file.p00", "plain")
	r.profiles(strings.ReplaceAll(plain, "index: {", "index: { when: 'has(\"brand\")',"))
	r.run()
	r.counted(map[models.State]int64{models.Done: 2})
	if _, run := r.post("file.p00", "plain"); run.Version != before.Version {
		t.Errorf("version %s, began with %s", run.Version, before.Version)
	}
	r.app = r.open(nil)
	rep := r.reanalyze(app.Reanalysis{Profile: "plain"})
	r.run()
	r.counted(map[models.State]int64{models.Done: 2, models.Dropped: 2})
	if _, run := r.post("file.p00", "plain"); run.Version != rep.Version || run.Version == before.Version {
		t.Errorf("version %s, want the campaign's, %s", run.Version, rep.Version)
	}
}
