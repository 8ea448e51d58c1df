package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// namedTest is a test as the documents name it: `tasks.TestHandle`, with
	// the folder in front.
	namedTest = regexp.MustCompile("`([a-z0-9_/]+)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)(?:/([^`]*))?`")
	// namedFile is a file or folder of this repository: `tasks/chain.go`, `internal/sim/`.
	namedFile = regexp.MustCompile("`((?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_-]+\\.(?:go|yaml|md|sh)|(?:[a-z0-9_.-]+/)+)`")
	// linked is a relative link of Markdown.
	linked = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// TestDocs holds the documents to what is there: every test and every file
// that they name.
func TestDocs(t *testing.T) {
	tests := declared(t)
	for _, doc := range documents(t) {
		text, err := os.ReadFile(filepath.Join(root(t), doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range missing(doc, string(text), tests, exists(t)) {
			t.Error(problem)
		}
	}
}

// TestInvariantsNameTests wants each law to name a test that holds it, or to
// say openly that none does.
func TestInvariantsNameTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs/INVARIANTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	laws := strings.Split(string(text), "\n### ")[1:]
	if len(laws) < 10 {
		t.Errorf("docs/INVARIANTS.md has %d laws under ###; there were more", len(laws))
	}
	for _, law := range laws {
		name, body, _ := strings.Cut(law, "\n")
		if !namedTest.MatchString(body) && !strings.Contains(body, "No test holds this yet") {
			t.Errorf("docs/INVARIANTS.md: %q names no test that holds it", name)
		}
	}
}

func TestMissing(t *testing.T) {
	tests := map[string]bool{"tasks.TestHandle": true, "tasks.TestScenarios": true}
	there := func(path string) bool { return path == "tasks/chain.go" || path == "docs/adr/0001.md" }
	text := "`tasks.TestHandle` `tasks.TestHandle/poison` `tasks.TestGone` `tasks.TestScenarios/gone` `tasks/chain.go` `tasks/gone.go` `internal/gone/` `a.b` [x](adr/0001.md#why) [y](adr/0002.md) [z](https://example.org)"
	want := []string{
		"docs/X.md: names the test tasks.TestGone, which does not exist",
		"docs/X.md: names the scenario tasks/testdata/scenarios/gone.yaml, which does not exist",
		"docs/X.md: names tasks/gone.go, which does not exist",
		"docs/X.md: names internal/gone/, which does not exist",
		"docs/X.md: links to adr/0002.md, which does not exist",
	}
	if diff := cmp.Diff(want, missing("docs/X.md", text, tests, there)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// missing returns what a document names that is not there.
func missing(doc, text string, tests map[string]bool, exists func(path string) bool) []string {
	var out []string
	for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
		name, scenario := m[1]+"."+m[2], m[1]+"/testdata/scenarios/"+m[3]+".yaml"
		if !tests[name] {
			out = append(out, fmt.Sprintf("%s: names the test %s, which does not exist", doc, name))
		}
		if m[2] == "TestScenarios" && m[3] != "" && !exists(scenario) {
			out = append(out, fmt.Sprintf("%s: names the scenario %s, which does not exist", doc, scenario))
		}
	}
	for _, m := range namedFile.FindAllStringSubmatch(text, -1) {
		if !exists(m[1]) {
			out = append(out, fmt.Sprintf("%s: names %s, which does not exist", doc, m[1]))
		}
	}
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		if !exists(filepath.ToSlash(filepath.Join(filepath.Dir(doc), m[1]))) {
			out = append(out, fmt.Sprintf("%s: links to %s, which does not exist", doc, m[1]))
		}
	}
	return out
}

// exists tells whether a path from the module's root is there. What only comes
// to be at run time counts as there.
func exists(t *testing.T) func(path string) bool {
	made := []string{"bin/", "weft-data/", "weft.yaml"}
	dir := root(t)
	return func(path string) bool {
		_, err := os.Stat(filepath.Join(dir, path))
		return err == nil || slices.Contains(made, path)
	}
}

// documents lists the Markdown files that speak about the code. The changelog
// is left out: it may speak about what is gone.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rel, err := filepath.Rel(root(t), f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, filepath.ToSlash(rel))
		}
	}
	if len(out) < 5 {
		t.Fatalf("found only %v", out)
	}
	return out
}

// declared returns every test function of the module, as "folder.Name".
func declared(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	set := token.NewFileSet()
	files(t, "_test.go", func(path string) {
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := filepath.Rel(root(t), filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				out[filepath.ToSlash(folder)+"."+fn.Name.Name] = true
			}
		}
	})
	return out
}
