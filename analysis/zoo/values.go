package zoo

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// text returns a word, or otherwise if there is none. With allowed values it
// must be one of them.
func (n node) text(otherwise string, allowed ...string) string {
	if !n.there() {
		return otherwise
	}
	s, ok := n.yaml.(*ast.StringNode)
	if !ok {
		if len(allowed) > 0 {
			n.errorf("%s must be one of %s, not %s", n.path, strings.Join(allowed, ", "), kind(n.yaml))
		} else {
			n.errorf("%s must be text, not %s; quotes make text of it", n.path, kind(n.yaml))
		}
		return otherwise
	}
	if len(allowed) > 0 && !slices.Contains(allowed, s.Value) {
		n.errorf("%s is %q%s", n.path, s.Value, suggest(s.Value, allowed))
		return otherwise
	}
	return s.Value
}

// word is text that may look like a whole number.
func (n node) word() string {
	if i, ok := n.yaml.(*ast.IntegerNode); ok {
		return i.GetToken().Value
	}
	return n.text("")
}

// number returns a number from lo to hi.
func (n node) number(lo, hi, otherwise float64) float64 {
	if !n.there() {
		return otherwise
	}
	v, ok := number(n.yaml)
	switch {
	case !ok:
		n.errorf("%s must be a number from %s to %s, not %s", n.path, plain(lo), plain(hi), kind(n.yaml))
	case !(v >= lo && v <= hi):
		n.errorf("%s is %s; allowed: %s to %s", n.path, n.yaml.GetToken().Value, plain(lo), plain(hi))
	default:
		return v
	}
	return otherwise
}

// integer returns a whole number from lo to hi.
func (n node) integer(lo, hi, otherwise int) int {
	v := n.number(float64(lo), float64(hi), float64(otherwise))
	if v != math.Trunc(v) {
		n.errorf("%s is %s; a whole number is wanted", n.path, plain(v))
		return otherwise
	}
	return int(v)
}

// three returns one number for each channel; a single number is for all.
func (n node) three(lo, hi, otherwise float64) [3]float64 {
	all := [3]float64{otherwise, otherwise, otherwise}
	if !n.there() {
		return all
	}
	if _, ok := n.yaml.(*ast.SequenceNode); !ok {
		v := n.number(lo, hi, otherwise)
		return [3]float64{v, v, v}
	}
	items := n.list()
	if len(items) != 3 {
		n.errorf("%s has %d numbers; one for all channels or three are wanted", n.path, len(items))
		return all
	}
	for i, item := range items {
		all[i] = item.number(lo, hi, otherwise)
	}
	return all
}

// duration returns a time span from lo to hi.
func (n node) duration(lo, hi, otherwise time.Duration) time.Duration {
	if !n.there() {
		return otherwise
	}
	s, ok := n.yaml.(*ast.StringNode)
	if !ok {
		n.errorf("%s must be a duration such as 500ms or 2s, not %s", n.path, kind(n.yaml))
		return otherwise
	}
	d, err := time.ParseDuration(s.Value)
	if err != nil || d < lo || d > hi {
		n.errorf("%s is %q; allowed: %s to %s, such as 500ms or 2s", n.path, s.Value, lo, hi)
		return otherwise
	}
	return d
}

// truth returns true or false, which is what it is without a word.
func (n node) truth() bool {
	if !n.there() {
		return false
	}
	b, ok := n.yaml.(*ast.BoolNode)
	if !ok {
		n.errorf("%s must be true or false, not %s", n.path, kind(n.yaml))
		return false
	}
	return b.Value
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

func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// suggest ends a message about a word: what it may have been meant to be, and
// all that is allowed.
func suggest(word string, allowed []string) string {
	hint := ""
	best := max(1, len(word)/3) + 1
	for _, a := range allowed {
		if d := distance(strings.ToLower(word), a); d < best {
			best, hint = d, ", did you mean "+strconv.Quote(a)+"?"
		}
	}
	return hint + "; allowed: " + strings.Join(allowed, ", ")
}

// distance is Levenshtein's, over bytes: keys and names here are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
