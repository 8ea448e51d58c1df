package profile

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// section is one mapping of the file while its keys are read one after the
// other. Asking for a key that is absent returns nil; done reports the rest.
type section struct {
	doc   *document
	name  string   // for messages
	at    ast.Node // where complaints about the whole belong
	keys  []string // allowed
	found map[string]ast.Node
	where map[string]ast.Node // the keys themselves
}

// section reads n as a mapping with the given keys and reports unknown and
// repeated ones.
func (d *document) section(name string, at, n ast.Node, keys ...string) *section {
	s := &section{doc: d, name: name, at: at, keys: keys, found: map[string]ast.Node{}, where: map[string]ast.Node{}}
	for _, v := range d.pairs(name, n) {
		key, ok := d.key(v)
		switch {
		case !ok:
		case !slices.Contains(keys, key):
			d.errorf(v.Key, "unknown key %s%s%s", quoted(key), in(name), allowedWords(key, keys))
		case s.where[key] != nil:
			line, _ := position(s.where[key])
			d.errorf(v.Key, "key %s%s is there twice, first in line %d", quoted(key), in(name), line)
		default:
			s.found[key], s.where[key] = v.Value, v.Key
		}
	}
	return s
}

func in(name string) string {
	if name == "" {
		return ""
	}
	return " in " + name
}

// pairs returns the entries of a mapping. Nothing at all is an empty mapping.
func (d *document) pairs(name string, n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		d.errorf(n, "%s must be a mapping, not %s", name, kind(n))
		return nil
	}
}

func (d *document) key(v *ast.MappingValueNode) (string, bool) {
	s, ok := v.Key.(*ast.StringNode)
	if !ok {
		d.errorf(v.Key, "a key must be a word, not %s", kind(v.Key))
		return "", false
	}
	return s.Value, true
}

// sub is a mapping within s.
func (s *section) sub(key string, keys ...string) *section {
	name := key
	if s.name != "" {
		name = s.name + "." + key
	}
	at := s.at
	if s.where[key] != nil {
		at = s.where[key]
	}
	return s.doc.section(name, at, s.found[key], keys...)
}

func (s *section) has(key string) bool { return s.where[key] != nil }

// value returns the node of a key that is there and not empty.
func (s *section) value(key string) ast.Node {
	n := s.found[key]
	if _, empty := n.(*ast.NullNode); empty {
		s.doc.errorf(s.where[key], "%s is empty", s.path(key))
		return nil
	}
	return n
}

func (s *section) path(key string) string {
	if s.name == "" {
		return key
	}
	return s.name + "." + key
}

func (s *section) wrong(n ast.Node, key, wanted string) {
	s.doc.errorf(n, "%s must be %s, not %s", s.path(key), wanted, kind(n))
}

// text returns a string and its node.
func (s *section) text(key string) (string, ast.Node) {
	n := s.value(key)
	if n == nil {
		return "", nil
	}
	v, ok := text(n)
	if !ok {
		s.wrong(n, key, "text")
		return "", nil
	}
	return v, n
}

func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	default:
		return "", false
	}
}

// integer reads a whole number from lo to hi.
func (s *section) integer(key string, lo, hi, otherwise int) int {
	n := s.value(key)
	if n == nil {
		return otherwise
	}
	v, ok := number(n)
	if !ok || v != math.Trunc(v) {
		s.doc.errorf(n, "%s must be a whole number from %d to %d, not %s", s.path(key), lo, hi, kind(n))
		return otherwise
	}
	if v < float64(lo) || v > float64(hi) {
		s.doc.errorf(n, "%s is %s; allowed: %d to %d", s.path(key), n.GetToken().Value, lo, hi)
		return otherwise
	}
	return int(v)
}

// fraction reads a number from 0 to 1.
func (s *section) fraction(key string) float64 {
	n := s.value(key)
	if n == nil {
		return 0
	}
	v, ok := number(n)
	if !ok {
		s.wrong(n, key, "a number from 0 to 1")
		return 0
	}
	if !(v >= 0 && v <= 1) {
		s.doc.errorf(n, "%s is %s; allowed: 0 to 1", s.path(key), n.GetToken().Value)
		return 0
	}
	return v
}

func number(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return float64(v), true
		case uint64:
			return float64(v), true
		}
	case *ast.FloatNode:
		return n.Value, true
	}
	return 0, false
}

// boolean reads true or false.
func (s *section) boolean(key string, otherwise bool) bool {
	n := s.value(key)
	if n == nil {
		return otherwise
	}
	b, ok := n.(*ast.BoolNode)
	if !ok {
		s.wrong(n, key, "true or false")
		return otherwise
	}
	return b.Value
}

// duration reads a time span longer than nothing.
func (s *section) duration(key string, otherwise time.Duration) time.Duration {
	const form = "a duration such as 90d, 72h, 1d12h or 30s"
	n := s.value(key)
	if n == nil {
		return otherwise
	}
	v, ok := text(n)
	if !ok {
		s.wrong(n, key, form)
		return otherwise
	}
	d, err := parseDuration(v)
	switch {
	case err != nil:
		s.doc.errorf(n, "%s: %s is %s; give %s", s.path(key), quoted(v), err, form)
	case d <= 0:
		s.doc.errorf(n, "%s: %s is not longer than nothing", s.path(key), quoted(v))
	default:
		return d
	}
	return otherwise
}

// words reads a list of words. check returns the word as it shall be kept, or
// what is wrong with it.
func (s *section) words(key string, check func(string) (word, problem string)) []string {
	n := s.value(key)
	if n == nil {
		return nil
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		s.wrong(n, key, "a list of words in [ ]")
		return nil
	}
	if len(seq.Values) == 0 {
		s.doc.errorf(n, "%s is empty; leave it out instead", s.path(key))
	}
	var out []string
	for _, v := range seq.Values {
		raw, ok := text(v)
		if !ok {
			s.doc.errorf(v, "%s must hold words, not %s; quotes make a word of it", s.path(key), kind(v))
			continue
		}
		word, problem := check(raw)
		switch {
		case problem != "":
			s.doc.errorf(v, "%s: %s %s", s.path(key), quoted(raw), problem)
		case slices.Contains(out, word):
			s.doc.errorf(v, "%s: %s is there twice", s.path(key), quoted(raw))
		default:
			out = append(out, word)
		}
	}
	return out
}

// require reports key if it is absent.
func (s *section) require(key, hint string) {
	if !s.has(key) {
		s.doc.errorf(s.at, "%s is missing%s", s.path(key), hint)
	}
}
