package mongo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// source is this package's code, to look at its queries without running them.
type source struct {
	files  map[string]*ast.File
	consts map[string]ast.Expr
	funcs  map[string]*ast.FuncDecl
	set    *token.FileSet
}

func readSource(t *testing.T) source {
	t.Helper()
	set := token.NewFileSet()
	pkgs, err := parser.ParseDir(set, ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // no build tags here
	if err != nil {
		t.Fatal(err)
	}
	src := source{files: map[string]*ast.File{}, consts: map[string]ast.Expr{}, funcs: map[string]*ast.FuncDecl{}, set: set}
	for name, f := range pkgs["mongo"].Files {
		src.files[name] = f
		ast.Inspect(f, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Recv == nil {
				src.funcs[fn.Name.Name] = fn
			}
			if v, ok := n.(*ast.ValueSpec); ok {
				for i := range v.Values {
					src.consts[v.Names[i].Name] = v.Values[i]
				}
			}
			return true
		})
	}
	return src
}

// text evaluates a constant string.
func (src source) text(s scope, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.Ident:
		if c, ok := s[e.Name]; ok && c != ast.Expr(e) {
			return src.text(nil, c)
		}
		if c, ok := src.consts[e.Name]; ok {
			return src.text(nil, c)
		}
	case *ast.BinaryExpr:
		a, ok := src.text(s, e.X)
		b, also := src.text(s, e.Y)
		return a + b, ok && also
	}
	return "", false
}

// scope is a function: what is assigned to a name in it.
type scope map[string]ast.Expr

func scopeOf(f *ast.FuncDecl) scope {
	s := scope{}
	ast.Inspect(f, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.DEFINE || len(a.Lhs) != len(a.Rhs) {
			return true
		}
		for i, l := range a.Lhs {
			if id, ok := l.(*ast.Ident); ok && s[id.Name] == nil {
				s[id.Name] = a.Rhs[i]
			}
		}
		return true
	})
	return s
}

// value evaluates what a filter is made of as far as names and operators go; all
// other values become "x". It is false for what can't be told from the code.
func (src source) value(s scope, e ast.Expr) (any, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		if e.Name == "nil" {
			return bson.D{}, true
		}
		if def, ok := s[e.Name]; ok {
			switch def.(type) {
			case *ast.CompositeLit, *ast.CallExpr:
				return src.value(s, def)
			}
		}
		return "x", false
	case *ast.BasicLit:
		n, err := strconv.Atoi(e.Value)
		return n, err == nil
	case *ast.UnaryExpr:
		n, ok := src.value(s, e.X)
		if n, isInt := n.(int); isInt && e.Op == token.SUB {
			return -n, ok
		}
	case *ast.CompositeLit:
		return src.composite(s, e)
	case *ast.CallExpr:
		return src.called(s, e)
	}
	return "x", false
}

// called evaluates a helper of the package that makes a condition.
func (src source) called(s scope, e *ast.CallExpr) (any, bool) {
	id, ok := e.Fun.(*ast.Ident)
	if !ok {
		return "x", false
	}
	switch fn := src.funcs[id.Name]; {
	case id.Name == "append":
		return src.appended(s, e)
	case id.Name == "asc":
		var keys []string
		for _, arg := range e.Args {
			key, known := src.text(s, arg)
			ok = ok && known
			keys = append(keys, key)
		}
		return asc(keys...), ok
	case fn != nil && len(fn.Body.List) == 1:
		ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
		if !ok || len(ret.Results) != 1 {
			return "x", false
		}
		inner := scope{}
		for _, p := range fn.Type.Params.List {
			for _, name := range p.Names {
				if len(inner) < len(e.Args) {
					inner[name.Name] = e.Args[len(inner)]
				}
			}
		}
		return src.value(inner, ret.Results[0])
	}
	return "x", false
}

func (src source) appended(s scope, e *ast.CallExpr) (any, bool) {
	base, ok := src.value(s, e.Args[0])
	d, isDoc := base.(bson.D)
	for _, arg := range e.Args[1:] {
		if e.Ellipsis.IsValid() {
			more, known := src.value(s, arg)
			list, isList := more.(bson.D)
			return append(d, list...), ok && isDoc && known && isList
		}
		v, known := src.value(s, arg)
		el, isElem := v.(bson.E)
		ok = ok && known && isElem
		d = append(d, el)
	}
	return d, ok && isDoc
}

func (src source) composite(s scope, e *ast.CompositeLit) (any, bool) {
	kind := ""
	if sel, ok := e.Type.(*ast.SelectorExpr); ok {
		kind = sel.Sel.Name
	}
	if kind == "A" || kind == "" && len(e.Elts) > 0 && !keyed(e) {
		out := bson.A{}
		for _, el := range e.Elts {
			v, _ := src.value(s, el)
			out = append(out, v)
		}
		return out, true
	}
	if kind == "D" {
		out := bson.D{}
		for _, el := range e.Elts {
			v, ok := src.value(s, el)
			pair, isElem := v.(bson.E)
			if !ok || !isElem {
				return out, false
			}
			out = append(out, pair)
		}
		return out, true
	}
	var pair bson.E // bson.E, or an element of a bson.D
	for _, el := range e.Elts {
		kv, ok := el.(*ast.KeyValueExpr)
		if !ok {
			return "x", false
		}
		switch kv.Key.(*ast.Ident).Name {
		case "Key":
			if pair.Key, ok = src.text(s, kv.Value); !ok {
				return "x", false
			}
		case "Value":
			pair.Value, _ = src.value(s, kv.Value)
		}
	}
	return pair, true
}

func keyed(e *ast.CompositeLit) bool { _, ok := e.Elts[0].(*ast.KeyValueExpr); return ok }

// orders finds the orders that filters of a function are asked in.
func (src source) orders(fn *ast.FuncDecl) map[*ast.CallExpr]bson.D {
	out, names := map[*ast.CallExpr]bson.D{}, scopeOf(fn)
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "sorted" {
			return true
		}
		of := sel.X
		if id, ok := of.(*ast.Ident); ok { // the filter was made before
			of = names[id.Name]
		}
		if of, ok := of.(*ast.CallExpr); ok {
			v, _ := src.value(names, call.Args[0])
			out[of], _ = v.(bson.D)
		}
		return true
	})
	return out
}

// TestQueriesAreCovered reads every filter in the code, also of paths that no
// other test takes. What is put together at run time is checked when it is
// asked, see filter.check, and the filters of runs in TestRunFiltersAreCovered.
func TestQueriesAreCovered(t *testing.T) {
	src := readSource(t)
	byName := map[string]index{}
	for _, ix := range indexes() {
		byName[ix.name] = ix
	}
	checked := 0
	for _, f := range src.files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			names, orders := scopeOf(fn), src.orders(fn)
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 2 || fn.Name.Name == "whereRuns" {
					return true
				}
				if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "where" {
					return true
				}
				name, ok := src.text(names, call.Args[0])
				cond, known := src.value(names, call.Args[1])
				if !ok || !known {
					t.Logf("%s: told only at run time", src.set.Position(call.Pos()))
					return true
				}
				checked++
				ix, ok := byName[name]
				if !ok {
					t.Errorf("%s: no index %q is declared", src.set.Position(call.Pos()), name)
					return true
				}
				if err := ix.covers(cond.(bson.D), orders[call]); err != nil {
					t.Errorf("%s: %v", src.set.Position(call.Pos()), err)
				}
				return true
			})
		}
	}
	if checked < 40 {
		t.Errorf("only %d filters were found in the code: does this test still read it?", checked)
	}
}

// TestCallsGoThroughOps: nothing asks the server past the checked filters.
func TestCallsGoThroughOps(t *testing.T) {
	src := readSource(t)
	for name, f := range src.files {
		if name == "ops.go" || name == "schema.go" { // the latter makes indexes
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Collection" {
				t.Errorf("%s: a collection is used outside of ops.go", src.set.Position(sel.Pos()))
			}
			return true
		})
	}
}

func TestRunFiltersAreCovered(t *testing.T) {
	d := &Documents{indexes: map[string]index{}}
	for _, ix := range indexes() {
		d.indexes[ix.name] = ix
	}
	for bits := range 32 {
		var f models.RunFilter
		set := func(bit int, field *string) {
			if bits&bit != 0 {
				*field = "x"
			}
		}
		set(1, (*string)(&f.State))
		set(2, (*string)(&f.Step))
		set(4, &f.Profile)
		set(8, &f.Campaign)
		set(16, &f.Post)
		if err := d.whereRuns(f, "weibo.1").sorted(asc("_id")).check(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestUncoveredFiltersAreRefused(t *testing.T) {
	byName := map[string]index{}
	for _, ix := range indexes() {
		byName[ix.name] = ix
	}
	for _, c := range []struct {
		name, index string
		cond, sort  bson.D
	}{
		{"another field", postsDue, bson.D{{Key: "content", Value: "x"}}, nil},
		{"a field besides", postsDirty, bson.D{{Key: "dirty", Value: 1}, {Key: "content", Value: "x"}}, nil},
		{"not the first key", itemsList, bson.D{{Key: "priority", Value: 1}}, nil},
		{"without the partial condition", itemsWaiting, nil, asc("opened_at")},
		{"an order of its own", postsState, bson.D{{Key: "runs.state", Value: "done"}}, asc("runs.due")},
		{"an order behind a range", postsState, bson.D{{Key: "runs.state", Value: bson.D{{Key: "$gt", Value: "a"}}}}, asc("_id")},
		{"an or with another field", postsDue, bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: "runs.due", Value: 1}}, bson.D{{Key: "content", Value: "x"}}}}}, nil},
	} {
		if err := byName[c.index].covers(c.cond, c.sort); models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v, want it refused", c.name, err)
		}
	}
}
