package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commands have to be there: a rule about a package that is gone holds nothing.
func commands() []string {
	return []string{"weft/cmd/weft", "weft/cmd/worker", "weft/cmd/enqueuer", "weft/cmd/asynqmon", "weft/cmd/api"}
}

func TestImports(t *testing.T) {
	pkgs := list(t)
	for _, problem := range violations(pkgs) {
		t.Error(problem)
	}
	there := map[string]bool{}
	for _, p := range pkgs {
		there[p.ImportPath] = true
	}
	for _, c := range commands() {
		if !there[c] {
			t.Errorf("%s is not there", c)
		}
	}
}

// TestRules shows each rule broken once, on packages that don't exist.
func TestRules(t *testing.T) {
	std := pkg{ImportPath: "fmt", Standard: true}
	for _, c := range []struct {
		name string
		pkgs []pkg
		want []string
	}{
		{"all as it should be", []pkg{
			std,
			{ImportPath: "weft/models", Imports: []string{"fmt"}},
			{ImportPath: "weft/tasks", Imports: []string{"weft/models", "weft/profile", "go.opentelemetry.io/otel/trace"}},
			{ImportPath: "weft/storage/sqlite", Imports: []string{"weft/models", "weft/storage/sqlite/internal/x", "modernc.org/sqlite"}},
			{ImportPath: "weft/storage/storagetest", Imports: []string{"testing", "weft/models"}},
			{ImportPath: "weft/queue/monitor", Imports: []string{"github.com/hibiken/asynqmon", "github.com/hibiken/asynq"}},
			{ImportPath: "weft/cmd/worker", Imports: []string{"weft/internal/app"}, Deps: []string{"modernc.org/sqlite"}},
			{ImportPath: "weft/cmd/weft", Imports: []string{"weft/internal/app"}, Deps: []string{"github.com/duckdb/duckdb-go/v2"}},
			{ImportPath: "weft/internal/app", Imports: []string{"weft/storage/sqlite", "weft/tasks", "github.com/redis/go-redis/v9"}},
			{ImportPath: "github.com/other/thing", Imports: []string{"github.com/hibiken/asynq"}},
		}, nil},
		{
			"models takes a module",
			[]pkg{std, {ImportPath: "weft/models", Imports: []string{"fmt", "github.com/google/uuid"}}},
			[]string{"weft/models: imports github.com/google/uuid; it may import the standard library only"},
		},
		{
			"models looks up",
			[]pkg{{ImportPath: "weft/models", Imports: []string{"weft/profile"}}},
			[]string{"weft/models: imports weft/profile; of ours it may import: weft/models"},
		},
		{
			"an adapter takes another",
			[]pkg{{ImportPath: "weft/storage/sqlite", Imports: []string{"weft/storage/blobs"}}},
			[]string{"weft/storage/sqlite: imports weft/storage/blobs; of ours it may import: weft/storage/sqlite, weft/models, weft/storage/document, weft/storage/spelling"},
		},
		{
			"a source takes another",
			[]pkg{{ImportPath: "weft/source/weibo", Imports: []string{"weft/source/file"}}},
			[]string{"weft/source/weibo: imports weft/source/file; of ours it may import: weft/source/weibo, weft/models, =weft/source, weft/source/web, weft/source/extract, weft/source/gazetteer, weft/source/loose"},
		},
		{
			"a step knows its store",
			[]pkg{{ImportPath: "weft/tasks", Imports: []string{"weft/storage/sqlite"}}},
			[]string{"weft/tasks: imports weft/storage/sqlite; of ours it may import: weft/tasks, weft/models, weft/profile"},
		},
		{
			"a driver gets out",
			[]pkg{{ImportPath: "weft/tasks", Imports: []string{"github.com/hibiken/asynq"}}},
			[]string{"weft/tasks: imports github.com/hibiken/asynq; only weft/queue, weft/internal/bench may"},
		},
		{
			"production takes a test's helper",
			[]pkg{{ImportPath: "weft/internal/app", Imports: []string{"testing", "weft/storage/storagetest"}}},
			[]string{"weft/internal/app: imports testing, which is for tests", "weft/internal/app: imports weft/storage/storagetest, which is for tests"},
		},
		{
			"the worker links DuckDB",
			[]pkg{{ImportPath: "weft/cmd/worker", Deps: []string{"github.com/duckdb/duckdb-go/v2"}}},
			[]string{"weft/cmd/worker: links DuckDB; only cmd/weft and cmd/api may"},
		},
		{
			"nobody decided",
			[]pkg{{ImportPath: "weft/utils"}},
			[]string{"weft/utils: no rule says what it may import; give it a line in layers()"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, violations(c.pkgs)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// list asks go list for the module's packages and all that they import.
func list(t *testing.T) []pkg {
	t.Helper()
	// go test keeps the result of a test as long as the files it read are the
	// same, and knows nothing of those that go list reads. So look at them.
	files(t, ".go", func(path string) {
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	})
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = root(t)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, problems.String())
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// files calls fn for each file of the module with that ending.
func files(t *testing.T, ending string, fn func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir() && strings.HasSuffix(path, ending):
			fn(path)
		case d.IsDir() && path != root(t) && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}
