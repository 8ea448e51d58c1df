package profile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a profile may be at most. Real ones have 2 KB, 200 tokens and five
// levels; the parser's work grows with the square of the depth and of the keys
// of a mapping (256 KB of keys took it seconds), so both are bounded first.
const (
	maxBytes  = 256 << 10
	maxTokens = 20_000
	maxDepth  = 16
)

// document is a YAML file that is being read: its text, for positions, and
// what was found wrong so far.
type document struct {
	file  string
	lines [][]rune
	errs  Errors
}

func (d *document) errorAt(line, col int, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.file, Line: max(1, line), Col: max(1, col), Msg: fmt.Sprintf(format, args...)})
}

// errorf reports something about a node, at its first character.
func (d *document) errorf(n ast.Node, format string, args ...any) {
	line, col := position(n)
	d.errorAt(line, col, format, args...)
}

// position is where n begins. A block mapping's own token is its first colon,
// so it is asked for its first key.
func position(n ast.Node) (line, col int) {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line, t.Position.Column
	}
	return 1, 1
}

// open reads body as one YAML mapping. It returns nil when that is impossible,
// with the reason in d.errs.
func (d *document) open(body []byte) *ast.MappingNode {
	if len(body) > maxBytes {
		d.errorAt(1, 1, "the file has %d bytes; a profile may have %d", len(body), maxBytes)
		return nil
	}
	if line, col, ok := badText(body); !ok {
		d.errorAt(line, col, "not UTF-8 text")
		return nil
	}
	text := string(normalise(body))
	for line := range strings.SplitSeq(text, "\n") {
		d.lines = append(d.lines, []rune(line))
	}
	tokens := lexer.Tokenize(text)
	if !d.guard(tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		d.syntax(err)
		return nil
	}
	return d.root(file)
}

// parseTokens turns a panic of the parser into an error: profiles may come
// from strangers, and one file must not stop a worker.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parse: %v", r)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// badText finds the first byte that is not text.
func badText(body []byte) (line, col int, ok bool) {
	line, col = 1, 1
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 || r == 0 {
			return line, col, false
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
		i += size
	}
	return 0, 0, true
}

// syntax reports what the YAML parser could not read.
func (d *document) syntax(err error) {
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
		p := ye.GetToken().Position
		d.errorAt(p.Line, p.Column, "not YAML: %s", ye.GetMessage())
		return
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	d.errorAt(1, 1, "not YAML: %s", first)
}

func (d *document) root(file *ast.File) *ast.MappingNode {
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			d.errorf(doc.Body, "a second YAML document; a file holds one profile")
			return nil
		default:
			body = doc.Body
		}
	}
	m, ok := body.(*ast.MappingNode)
	switch {
	case body == nil:
		d.errorAt(1, 1, "the file is empty; a profile begins with name: …")
	case !ok:
		d.errorf(body, "%s where a mapping of sections is wanted; a profile begins with name: …", kind(body))
	}
	return m
}

// guard refuses what a profile has no use for and a parser could choke on:
// anchors and aliases (they multiply), tags, directives, and deep nesting.
func (d *document) guard(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		p := tokens[maxTokens].Position
		d.errorAt(p.Line, p.Column, "too much: the file has %d words and signs, a profile may have %d", len(tokens), maxTokens)
		return false
	}
	flow := 0
	var block []int // columns of the open block levels
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType:
			d.errorAt(t.Position.Line, t.Position.Column, "%s is not allowed: a profile has no anchors, aliases, merges, tags or directives", quoted(t.Value))
			return false
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if flow == 0 {
				block = nest(block, t)
			}
		}
		if flow+len(block) > maxDepth {
			d.errorAt(t.Position.Line, t.Position.Column, "nested deeper than %d levels", maxDepth)
			return false
		}
	}
	return true
}

// nest returns the open block levels after t: those to its left, and its own.
// The level of a colon is that of the key before it.
func nest(block []int, t *token.Token) []int {
	if t.Type == token.MappingValueType && t.Prev != nil {
		t = t.Prev
	}
	for len(block) > 0 && block[len(block)-1] >= t.Position.Column {
		block = block[:len(block)-1]
	}
	return append(block, t.Position.Column)
}

// kind names the type of a node for people.
func kind(n ast.Node) string {
	switch n := n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "the word " + quoted(n.GetToken().Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.BoolNode:
		return n.Token.Value
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	default:
		return n.Type().YAMLName()
	}
}

// within returns where the character at offset of n's text stands in the file.
// Text and file differ by quotes, escapes and folded lines, so it walks both:
// every character of the text that is not blank is looked for in the file.
func (d *document) within(n ast.Node, text string, offset int) (line, col int) {
	startLine, startCol := position(n)
	line, col = startLine, startCol
	if _, block := n.(*ast.LiteralNode); block {
		line, col = line+1, 1
	}
	for i, r := range []rune(text) {
		if r == ' ' || r == '\t' || r == '\n' {
			if i >= offset {
				return line, col
			}
			continue
		}
		for line <= len(d.lines) && (col > len(d.lines[line-1]) || d.lines[line-1][col-1] != r) {
			if col++; col > len(d.lines[line-1]) {
				line, col = line+1, 1
			}
		}
		if line > len(d.lines) { // an escape hid the character
			return startLine, startCol
		}
		if i >= offset {
			return line, col
		}
		col++
	}
	return line, col
}
