package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is one thing that is wrong with a profile, and where. Line and Col
// count from 1; Col counts characters, not bytes.
type Error struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	Msg  string `json:"msg"`
}

// Error is one line: FILE:LINE:COL: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// Errors is everything that is wrong with a file, in the order of the file.
type Errors []*Error

// Error has one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single *Error.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// sorted returns e in the order of the file, each error once.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.CompactFunc(e, func(a, b *Error) bool { return *a == *b })
}

// longestWord bounds how much of a file a message repeats.
const longestWord = 64

// quoted shows a word of the file in a message.
func quoted(word string) string {
	if utf8.RuneCountInString(word) > longestWord {
		word = string([]rune(word)[:longestWord]) + "…"
	}
	return fmt.Sprintf("%q", word)
}

// allowedWords ends a message about word: the nearest allowed one, if any is
// near, and all of them.
func allowedWords(word string, allowed []string) string {
	if len(allowed) == 0 {
		return ""
	}
	hint := ""
	if near := nearest(word, allowed); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return hint + "; allowed: " + strings.Join(allowed, ", ")
}

// nearest returns the allowed word that word begins, or that a slip of the
// fingers may have turned into word, or "".
func nearest(word string, allowed []string) string {
	n := utf8.RuneCountInString(word)
	if n == 0 || n > longestWord {
		return ""
	}
	if n >= 3 {
		if i := slices.IndexFunc(allowed, func(a string) bool { return strings.HasPrefix(a, word) }); i >= 0 {
			return allowed[i]
		}
	}
	best, bestAt := "", max(1, n/3)+1
	for _, a := range allowed {
		if d := distance(strings.ToLower(word), a); d < bestAt {
			best, bestAt = a, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range y {
			change := diagonal
			if r != s {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
