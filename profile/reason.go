package profile

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"weft/models"
)

// finding is what a condition came to, in words: text with the values that
// were found, rule without them, so that equal rules can be counted.
type finding struct {
	ok         bool
	text, rule string
}

// find evaluates a condition. An error counts as false: what can't be decided
// takes the cheap way, and the reason says so.
func (w *Where) find(post *models.Post, run *models.Run) finding {
	ok, f, t, err := w.evaluate(post, run)
	if err != nil {
		return finding{text: err.Error() + " (taken as false)", rule: "error in " + w.source}
	}
	if w.root != nil {
		return w.root.find(f, t, ok)
	}
	if len(w.mentions) == 0 {
		text := map[bool]string{true: "always", false: "never"}[ok]
		return finding{ok, text, text}
	}
	var seen []string
	for _, m := range w.mentions {
		v, called := t[m]
		if m.attribute == "" {
			v, called = f.variable(m.word), true
		}
		if called {
			seen = append(seen, m.shown(v))
		}
	}
	return finding{
		ok:   ok,
		text: fmt.Sprintf("%s: %s → %t", w.source, strings.Join(seen, ", "), ok),
		rule: fmt.Sprintf("%s → %t", w.source, ok),
	}
}

// comparison is a condition so simple that its reason needs no source text:
// one word against one constant, or has("x"), or labeled("x").
type comparison struct {
	mention mention
	op      string // empty for has and labeled
	limit   any    // float64 or string
}

// comparisonOf returns nil for anything more complicated.
func comparisonOf(n ast.Node) *comparison {
	if m, ok := mentionOf(n); ok && (m.word == "has" || m.word == "labeled") {
		return &comparison{mention: m}
	}
	b, ok := n.(*ast.BinaryNode)
	if !ok || signs(b.Operator, true) == "" {
		return nil
	}
	m, ok := mentionOf(b.Left)
	limit := constantOf(b.Right)
	if !ok || limit == nil {
		return nil
	}
	return &comparison{mention: m, op: b.Operator, limit: limit}
}

func mentionOf(n ast.Node) (mention, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return mention{word: n.Value}, true
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && len(n.Arguments) == 1 {
			s, ok := n.Arguments[0].(*ast.StringNode)
			if ok {
				return mention{id.Value, s.Value}, true
			}
		}
	}
	return mention{}, false
}

func constantOf(n ast.Node) any {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value)
	case *ast.FloatNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	default:
		return nil
	}
}

// signs returns how a comparison that came out ok is written: 0.91 < 0.80 is
// false, so 0.91 ≥ 0.80 is said.
func signs(op string, ok bool) string {
	pair := map[string][2]string{
		"<": {"<", "≥"}, "<=": {"≤", ">"}, ">": {">", "≤"}, ">=": {"≥", "<"}, "==": {"=", "≠"}, "!=": {"≠", "="},
	}[op]
	if ok {
		return pair[0]
	}
	return pair[1]
}

func (c *comparison) find(f facts, t trace, ok bool) finding {
	v := t[c.mention]
	name := c.mention.attribute
	if name == "" {
		v, name = f.variable(c.mention.word), c.mention.word
	}
	if c.op == "" {
		text := c.mention.shown(v)
		return finding{ok, text, text}
	}
	sign := signs(c.op, ok)
	limit, isNumber := c.limit.(float64)
	if !isNumber {
		limit := brief(c.limit)
		return finding{ok, fmt.Sprintf("%s %s %s %s", name, brief(v), sign, limit), fmt.Sprintf("%s %s %s", name, sign, limit)}
	}
	digits, found := 0, 0.0
	switch v := v.(type) {
	case float64:
		digits, found = 2, v
	case int:
		found = float64(v)
	}
	digits = enough(found, limit, digits)
	return finding{
		ok:   ok,
		text: fmt.Sprintf("%s %s %s %s", name, decimal(found, digits), sign, decimal(limit, digits)),
		rule: fmt.Sprintf("%s %s %s", name, sign, decimal(limit, enough(limit, limit, min(digits, 2)))),
	}
}

// enough returns how many digits show b whole and tell a from b: 0.796 against
// 0.80 must not read 0.80 < 0.80.
func enough(a, b float64, digits int) int {
	const most = 6
	for ; digits < most; digits++ {
		whole := math.Abs(b-parsed(decimal(b, digits))) < 1e-9
		if whole && (a == b || decimal(a, digits) != decimal(b, digits)) {
			return digits
		}
	}
	return most
}

func decimal(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func parsed(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil { // it was written by decimal
		return math.NaN()
	}
	return v
}
