package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	prefix       = "WEFT_"
	pathVariable = "WEFT_CONFIG" // the file's path; not a key, since the file can't name itself
	// tracingVariable is the one foreign variable that is listened to: every
	// OpenTelemetry program knows it.
	tracingVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	// sharedVariable names the folder of test data, and testPrefix begins the
	// addresses of test servers: a test's environment is no misspelt configuration.
	sharedVariable = "WEFT_SHARED"
	testPrefix     = prefix + "TEST_"
)

// kubernetesVariable matches what Kubernetes puts into each container's
// environment for a service whose name begins with weft.
var kubernetesVariable = regexp.MustCompile(`^WEFT_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// variables picks those that are for Weft out of an environment.
func variables(environ []string) map[string]string {
	vars := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, prefix) || name == tracingVariable {
			vars[name] = value
		}
	}
	return vars
}

// environment applies the variables.
func (l *loader) environment(vars map[string]string) {
	known := []string{pathVariable}
	if v := vars[tracingVariable]; v != "" {
		l.set("tracing.endpoint", v, tracingVariable)
	}
	for _, k := range l.keys {
		known = append(known, k.env())
		if v, ok := vars[k.env()]; ok {
			l.set(k.name, v, k.env())
		}
	}
	var unknown []string
	for name := range vars {
		foreign := name == tracingVariable || name == sharedVariable || strings.HasPrefix(name, testPrefix) || kubernetesVariable.MatchString(name)
		if !slices.Contains(known, name) && !foreign {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		l.problem(name, "", "unknown variable%s", suggestion(name, known))
	}
}

// file applies the YAML in data.
func (l *loader) file(path string, data []byte) {
	at := func(t *token.Token) string {
		if t == nil || t.Position == nil {
			return path
		}
		return fmt.Sprintf("%s:%d:%d", path, t.Position.Line, t.Position.Column)
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		if y, ok := errors.AsType[yaml.Error](err); ok {
			l.problem(at(y.GetToken()), "", "%s", y.GetMessage())
		} else {
			l.problem(path, "", "%v", err)
		}
		return
	}
	r := &reader{loader: l, at: at}
	for i, doc := range f.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			l.problem(at(doc.Body.GetToken()), "", "a second document: the configuration is one")
		default:
			r.mapping("", doc.Body)
		}
	}
}

// reader walks the file.
type reader struct {
	*loader
	at func(*token.Token) string
}

// mapping reads a node whose keys begin with name.
func (r *reader) mapping(name string, n ast.Node) {
	values, ok := pairs(n)
	if !ok {
		r.problem(r.at(n.GetToken()), name, "a mapping (key: value) is wanted here")
		return
	}
	for _, v := range values {
		part, full := v.Key.GetToken().Value, v.Key.GetToken().Value
		if name != "" {
			full = name + "." + part
		}
		if k, ok := r.find(full); ok {
			r.value(k, v.Value)
			continue
		}
		if r.group(full) {
			if v.Value.Type() != ast.NullType { // a group whose lines are all commented out
				r.mapping(full, v.Value)
			}
			continue
		}
		r.unknown(full, r.at(v.Key.GetToken()))
	}
}

// group reports whether keys begin with name.
func (r *reader) group(name string) bool {
	return slices.ContainsFunc(r.keys, func(k key) bool { return strings.HasPrefix(k.name, name+".") })
}

// value sets k from a node.
func (r *reader) value(k key, n ast.Node) {
	where := r.at(n.GetToken())
	if seq, ok := n.(*ast.SequenceNode); ok && k.list != plain {
		r.origin[k.name] = where
		switch k.list {
		case objectList:
			r.objects(k, seq)
			return
		default: // plain texts
		}
		parts := []string{}
		for _, e := range seq.Values {
			s, ok := scalar(e)
			if !ok || strings.Contains(s, ",") {
				r.problem(r.at(e.GetToken()), k.name, "a plain text without a comma is wanted here")
				continue
			}
			parts = append(parts, s)
		}
		r.set(k.name, strings.Join(parts, ","), where)
		return
	}
	s, ok := scalar(n)
	if !ok {
		want := "one value is wanted here"
		if k.list != plain {
			want = "a list is wanted here"
		}
		r.problem(where, k.name, "%s", want)
		return
	}
	r.set(k.name, s, where)
}

// objects reads a list of mappings as JSON. Numbers and truth values become
// texts, so that nobody has to quote them.
func (r *reader) objects(k key, seq *ast.SequenceNode) {
	var out []any
	for _, e := range seq.Values {
		v, ok := r.object(k, e)
		if !ok {
			return
		}
		out = append(out, v)
	}
	text, err := json.Marshal(out)
	if err != nil {
		r.problem(r.at(seq.Start), k.name, "%v", err)
		return
	}
	r.set(k.name, string(text), r.at(seq.Start))
}

func (r *reader) object(k key, n ast.Node) (any, bool) {
	if values, ok := pairs(n); ok {
		m := map[string]any{}
		for _, v := range values {
			if m[v.Key.GetToken().Value], ok = r.object(k, v.Value); !ok {
				return nil, false
			}
		}
		return m, true
	}
	if seq, ok := n.(*ast.SequenceNode); ok {
		list := []any{}
		for _, e := range seq.Values {
			v, ok := r.object(k, e)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	}
	s, ok := scalar(n)
	if !ok {
		r.problem(r.at(n.GetToken()), k.name, "a plain value, a list or a mapping is wanted here")
	}
	return s, ok
}

// pairs returns the entries of a mapping; a mapping of one entry is a node of its own kind.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// scalar returns a plain value as text. Anchors, tags and block texts have no
// use in a configuration, so they are none.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		return "", true
	}
	return "", false
}

// suggestion returns the nearest of names in words, if one is near.
func suggestion(name string, names []string) string {
	best, distance := "", 1+max(2, len(name)/4)
	for _, n := range names {
		if d := edits(name, n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" { // a right name in the wrong place, such as listen for metrics.listen
		for _, n := range names {
			if strings.HasSuffix(n, "."+name) {
				best = n
				break
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits returns the Levenshtein distance of a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
