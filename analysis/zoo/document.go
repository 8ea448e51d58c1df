package zoo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// longest bounds a file: real ones have a few KB, and the parser's work grows
// faster than they do.
const longest = 256 << 10

// document collects what is wrong with a file while it is read.
type document struct {
	file string
	errs Errors
}

// node is one value of the file, and how it is called in messages. The zero
// node is one that isn't there.
type node struct {
	doc  *document
	path string
	yaml ast.Node
	key  ast.Node // nil in lists
}

func (d *document) at(p position, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.file, Line: max(1, p.line), Col: max(1, p.col), Msg: fmt.Sprintf(format, args...)})
}

// open parses body.
func (d *document) open(body []byte) (root node, ok bool) {
	if len(body) > longest {
		d.at(position{}, "the file has %d bytes; %d are possible", len(body), longest)
		return node{}, false
	}
	file, err := parse(body)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
			p := ye.GetToken().Position
			d.at(position{p.Line, p.Column}, "not YAML: %s", ye.GetMessage())
			return node{}, false
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		d.at(position{}, "not YAML: %s", first)
		return node{}, false
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		d.at(position{}, "one YAML document is wanted, which begins with models:")
		return node{}, false
	}
	return node{doc: d, yaml: file.Docs[0].Body}, true
}

// parse turns a panic of the parser into an error.
func parse(body []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parse: %v", r)
		}
	}()
	return parser.ParseBytes(body, 0, parser.AllowDuplicateMapKey())
}

func (n node) there() bool { return n.yaml != nil }

// position is where the value begins. A block mapping's own token is its first
// colon, so it is asked for its first key.
func (n node) position() position {
	at := n.yaml
	if at == nil {
		at = n.key
	}
	switch m := at.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			at = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		at = m.Key
	}
	if at != nil && at.GetToken() != nil && at.GetToken().Position != nil {
		return position{at.GetToken().Position.Line, at.GetToken().Position.Column}
	}
	return position{}
}

func (n node) errorf(format string, args ...any) { n.doc.at(n.position(), format, args...) }

// fields are the values of a mapping. Unknown and repeated keys are reported,
// and so is a missing one of those that are required.
func (n node) fields(required, optional []string) map[string]node {
	allowed := slices.Concat(required, optional)
	found := map[string]node{}
	for _, v := range n.pairs() {
		key := node{doc: n.doc, yaml: v.Key}
		name := v.Key.String()
		switch {
		case !slices.Contains(allowed, name):
			key.errorf("unknown key %q%s%s", name, n.in(), suggest(name, allowed))
		case found[name].there():
			key.errorf("key %q%s is there twice", name, n.in())
		default:
			child := node{doc: n.doc, path: n.child(name), yaml: v.Value, key: v.Key}
			if _, empty := v.Value.(*ast.NullNode); empty {
				key.errorf("%s is empty", child.path)
				continue
			}
			found[name] = child
		}
	}
	for _, name := range required {
		if _, ok := found[name]; !ok && !n.mentions(name) {
			n.errorf("%s is missing", n.child(name))
		}
	}
	return found
}

// mentions reports whether a key is there, be it empty.
func (n node) mentions(name string) bool {
	return slices.ContainsFunc(n.rawPairs(), func(v *ast.MappingValueNode) bool { return v.Key.String() == name })
}

func (n node) in() string {
	if n.path == "" {
		return ""
	}
	return " in " + n.path
}

func (n node) child(name string) string {
	if n.path == "" {
		return name
	}
	return n.path + "." + name
}

func (n node) pairs() []*ast.MappingValueNode {
	switch n.yaml.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return n.rawPairs()
	default:
		n.errorf("%s must be a mapping, not %s", n.name(), kind(n.yaml))
		return nil
	}
}

func (n node) rawPairs() []*ast.MappingValueNode {
	switch m := n.yaml.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	default:
		return nil
	}
}

func (n node) name() string {
	if n.path == "" {
		return "the file"
	}
	return n.path
}

// list returns the values of a list.
func (n node) list() []node {
	if !n.there() {
		return nil
	}
	seq, ok := n.yaml.(*ast.SequenceNode)
	if !ok {
		n.errorf("%s must be a list, not %s", n.name(), kind(n.yaml))
		return nil
	}
	out := make([]node, len(seq.Values))
	for i, v := range seq.Values {
		out[i] = node{doc: n.doc, path: fmt.Sprintf("%s[%d]", n.path, i), yaml: v}
	}
	return out
}

// kind names the type of a node for people.
func kind(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return fmt.Sprintf("the word %q", n.GetToken().Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.BoolNode:
		return n.Token.Value
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.NullNode:
		return "nothing"
	default:
		return n.Type().YAMLName()
	}
}
