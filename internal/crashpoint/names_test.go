package crashpoint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weft/internal/crashpoint"
)

// TestNamesAgree reads the module's source: packages that must not import this
// one call their points by name, and a name that nobody knows is never hit.
func TestNamesAgree(t *testing.T) {
	root := filepath.Join("..", "..")
	called := map[string]string{} // names, and where
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			maps.Copy(called, calls(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := crashpoint.All()
	for name, at := range called {
		if !slices.Contains(all, name) {
			t.Errorf("%s: no point %q", at, name)
		}
	}
	for _, name := range all {
		if called[name] == "" {
			t.Errorf("nobody calls %q", name)
		}
	}
}

// calls returns the points that the files of a folder call, and where.
func calls(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	known := map[string]string{"crashpoint.AdmitStored": crashpoint.AdmitStored} // constants by name
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, value := range spec.Values {
					known[spec.Names[i].Name] = literal(value)
				}
			}
			return true
		})
	}
	out := map[string]string{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"crash", "Crash", "Hit"}, sel.Sel.Name) {
				for _, name := range points(call.Args[0], known) {
					out[name] = set.Position(call.Pos()).String()
				}
			}
			return true
		})
	}
	return out
}

// points are the names that an argument stands for: rewrites of the history have
// the same four under two names.
func points(arg ast.Expr, known map[string]string) []string {
	switch x := arg.(type) {
	case *ast.BasicLit:
		return []string{literal(x)}
	case *ast.Ident:
		return []string{known[x.Name]}
	case *ast.SelectorExpr:
		return []string{known["crashpoint."+x.Sel.Name]}
	case *ast.BinaryExpr:
		return []string{"erase" + literal(x.Y), "compact" + literal(x.Y)}
	}
	return []string{"something that this test can't read"}
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
