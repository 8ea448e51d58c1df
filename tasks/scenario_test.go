package tasks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/internal/servers"
	"weft/storage/elastic"
	"weft/storage/mongo"
)

// TestScenarios plays every file of testdata/scenarios.
func TestScenarios(t *testing.T) {
	scenarios(t, func(t *testing.T) stores { return embedded(t, t.TempDir()) })
}

// TestScenariosOnServers plays them on MongoDB and Elasticsearch.
func TestScenariosOnServers(t *testing.T) { //nolint:tparallel // they do, once there are servers
	t.Parallel()
	scenarios(t, func(t *testing.T) stores {
		t.Parallel() // it mostly waits for servers
		return production(t)
	})
}

// scenarios plays each file in a world of its own, over stores that are empty.
func scenarios(t *testing.T, open func(t *testing.T) stores) {
	t.Helper()
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("%d scenarios; there were more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			in := open(t)
			s, err := readScenario(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, in, s)
			defer w.close()
			w.run(s)
		})
	}
}

// production makes a place of a test's own on the servers.
func production(t *testing.T) stores {
	t.Helper()
	docs, err := mongo.OpenDocuments(t.Context(), servers.Database(t, servers.URL(t, servers.Mongo)))
	if err != nil {
		t.Fatal(err)
	}
	none := 0
	search, err := elastic.Open(t.Context(), servers.Indices(t, servers.URL(t, servers.Elastic)), elastic.Options{Replicas: &none, Refresh: true, Linger: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	return stores{docs, search, anyBlobs(t)}
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
