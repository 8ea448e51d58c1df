package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"weft/models"
)

// What one condition may cost. Together with the refusal of ranges, of loops
// within loops and of most builtins they keep an evaluation linear in the post.
const (
	maxSource = 2000 // characters
	maxNodes  = 300
)

// Where is a compiled condition over a post and its run: a profile's `when`,
// or the filter of a reanalysis.
type Where struct {
	source   string
	program  *vm.Program
	mentions []mention // in the order of the source
	root     *comparison
}

// String returns the condition as it was written.
func (w *Where) String() string { return w.source }

// problem is something wrong with an expression, offset characters into it.
type problem struct {
	offset int
	msg    string
}

// ParseWhere compiles a condition that stands outside a profile. Names of
// attributes are taken as they come. The error is Errors with positions within
// the expression.
func ParseWhere(source string) (*Where, error) {
	w, problems := compile(source, nil)
	if len(problems) == 0 {
		return w, nil
	}
	d := &document{file: "where"}
	for _, p := range problems {
		before := []rune(source)[:min(p.offset, utf8.RuneCountInString(source))]
		line, col := 1, 1
		for _, r := range before {
			if col++; r == '\n' {
				line, col = line+1, 1
			}
		}
		d.errorAt(line, col, "%s", p.msg)
	}
	return nil, d.errs.sorted()
}

// Match evaluates the condition. A run of nil means that nothing was analysed yet.
func (w *Where) Match(post *models.Post, run *models.Run) (bool, error) {
	ok, _, _, err := w.evaluate(post, run)
	return ok, err
}

// evaluate runs the program and returns what it saw on the way.
func (w *Where) evaluate(post *models.Post, run *models.Run) (bool, facts, trace, error) {
	t := trace{}
	f := newFacts(post, run, t)
	out, err := vm.Run(w.program, f)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return false, f, t, fmt.Errorf("evaluate %s: %s", w.source, first)
	}
	ok, isBool := out.(bool)
	if !isBool {
		return false, f, t, fmt.Errorf("evaluate %s: got %T, want true or false", w.source, out)
	}
	return ok, f, t, nil
}

// compile checks source and returns everything that is wrong with it.
// attributes are the names it may ask for; nil allows all.
func compile(source string, attributes []string) (*Where, []problem) {
	if strings.TrimSpace(source) == "" {
		return nil, []problem{{0, "the expression is empty; write 'true' for always"}}
	}
	if n := utf8.RuneCountInString(source); n > maxSource {
		return nil, []problem{{0, fmt.Sprintf("the expression has %d characters; it may have %d", n, maxSource)}}
	}
	options := language()
	config := conf.CreateNew()
	for _, o := range options {
		o(config)
	}
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, []problem{problemOf(err)}
	}
	c := &check{attributes: attributes}
	c.walk(tree.Node)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	program, err := expr.Compile(source, options...)
	if err != nil {
		return nil, []problem{problemOf(err)}
	}
	return &Where{source: source, program: program, mentions: c.mentions, root: comparisonOf(tree.Node)}, nil
}

// language is expr-lang cut down to our vocabulary.
func language() []expr.Option {
	options := []expr.Option{
		expr.Env(facts{}), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(),
		expr.DisableIfOperator(),
	}
	for _, name := range safeBuiltins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	return options
}

var expectedBool = regexp.MustCompile(`^expected bool, but got (.*)$`)

// problemOf turns expr's error into ours.
func problemOf(err error) problem {
	if fe, ok := errors.AsType[*file.Error](err); ok {
		return problem{fe.From, fe.Message}
	}
	if m := expectedBool.FindStringSubmatch(err.Error()); m != nil {
		return problem{0, "the expression must be true or false, but is of type " + m[1]}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return problem{0, first}
}

// check walks an expression before it is compiled: expr stops at its first
// error, and knows nothing of attributes.
type check struct {
	attributes []string
	problems   []problem
	mentions   []mention
}

func (c *check) problem(n ast.Node, format string, args ...any) {
	c.problems = append(c.problems, problem{n.Location().From, fmt.Sprintf(format, args...)})
}

func (c *check) walk(root ast.Node) {
	called := map[ast.Node]bool{} // names and arguments that their call has dealt with
	var nodes []ast.Node
	ast.Walk(&root, visit(func(n ast.Node) { nodes = append(nodes, n) }))
	slices.SortStableFunc(nodes, func(a, b ast.Node) int { return a.Location().From - b.Location().From })
	for _, n := range nodes {
		if call, ok := n.(*ast.CallNode); ok {
			called[call.Callee] = true
			c.call(call)
		}
	}
	for _, n := range nodes {
		if !called[n] {
			c.node(n)
		}
	}
}

type visit func(ast.Node)

// Visit makes a function an ast.Visitor.
func (v visit) Visit(n *ast.Node) { v(*n) }

func (c *check) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		c.variable(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && slices.Contains(askers(), id.Value) && len(n.Arguments) == 1 {
			if s, ok := n.Arguments[0].(*ast.StringNode); ok {
				c.mention(mention{id.Value, s.Value})
			}
		}
	case *ast.BuiltinNode:
		if !slices.Contains(safeBuiltins(), n.Name) {
			c.problem(n, "unknown function %s%s", quoted(n.Name), allowedWords(n.Name, functions()))
		}
	case *ast.PredicateNode:
		if ast.Find(n.Node, func(x ast.Node) bool { _, loop := x.(*ast.PredicateNode); return loop }) != nil {
			c.problem(n, "a condition on each of a list may not hold another one")
		}
	case *ast.BinaryNode:
		if n.Operator == ".." {
			c.problem(n, "ranges (..) are not allowed")
		}
	case *ast.VariableDeclaratorNode, *ast.SequenceNode, *ast.MapNode, *ast.BytesNode:
		c.problem(n, "only one plain condition is allowed: no let, no sequence with ;, no map, no bytes")
	}
}

func (c *check) variable(n *ast.IdentifierNode) {
	switch {
	case slices.Contains(askers(), n.Value):
		c.problem(n, "%s is a function: write %s(\"…\") with the name of an attribute", n.Value, n.Value)
	case !slices.Contains(variables(), n.Value):
		c.problem(n, "unknown name %s%s", quoted(n.Value), allowedWords(n.Value, words()))
	default:
		c.mention(mention{word: n.Value})
	}
}

func (c *check) call(n *ast.CallNode) {
	id, ok := n.Callee.(*ast.IdentifierNode)
	switch {
	case !ok:
		c.problem(n, "only the functions of the vocabulary can be called; allowed: %s", strings.Join(functions(), ", "))
	case slices.Contains(variables(), id.Value):
		c.problem(n, "%s is no function: write it without ( )", id.Value)
	case !slices.Contains(askers(), id.Value):
		c.problem(n, "unknown function %s%s", quoted(id.Value), allowedWords(id.Value, functions()))
	case len(n.Arguments) != 1:
		c.problem(n, "%s takes one argument, the name of an attribute, not %d", id.Value, len(n.Arguments))
	default:
		c.attribute(id.Value, n.Arguments[0])
	}
}

// attribute wants names written out: a name that is computed could not be
// checked before the first post comes by.
func (c *check) attribute(function string, arg ast.Node) {
	s, ok := arg.(*ast.StringNode)
	switch {
	case !ok:
		c.problem(arg, "%s wants the name of an attribute in quotes", function)
	case c.attributes != nil && !slices.Contains(c.attributes, s.Value):
		c.problem(arg, "unknown attribute %s%s", quoted(s.Value), allowedWords(s.Value, c.attributes))
	}
}

func (c *check) mention(m mention) {
	if !slices.Contains(c.mentions, m) {
		c.mentions = append(c.mentions, m)
	}
}

func words() []string {
	var out []string
	for _, w := range Vocabulary() {
		out = append(out, w.Name)
	}
	return out
}

func variables() []string {
	return slices.DeleteFunc(words(), func(w string) bool { return slices.Contains(askers(), w) })
}

func functions() []string { return append(askers(), safeBuiltins()...) }
