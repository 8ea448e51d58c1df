package tasks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScenarios plays every file of testdata/scenarios.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("%d scenarios; there were more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s, err := readScenario(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, embedded(t, t.TempDir()), s)
			defer w.close()
			w.run(s)
		})
	}
}

func TestScenariosAreReadStrictly(t *testing.T) {
	const fine = "about: x\nprofiles: {a: 'index: {}'}\nposts: {p: {text: t}}\nexpect: {counts: {done: 1}}\n"
	for _, c := range []struct{ name, body, want string }{
		{"fine", fine, ""},
		{"misspelt expectation", strings.Replace(fine, "counts", "count", 1), `unknown field "count"`},
		{"nothing expected", strings.Replace(fine, "expect: {counts: {done: 1}}", "", 1), "it expects nothing"},
		{"no story", strings.Replace(fine, "about: x", "about: ''", 1), "about is missing"},
		{"no posts", strings.Replace(fine, "posts: {p: {text: t}}", "", 1), "profiles and posts"},
	} {
		path := filepath.Join(t.TempDir(), "s.yaml")
		if err := os.WriteFile(path, []byte(c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readScenario(path)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
