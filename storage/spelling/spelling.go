// Package spelling reads text alike for every search: what counts as one form of
// writing, and where scripts without spaces begin and end.
package spelling

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Clean brings text and queries into one form: full-width letters become
// plain ones, and so on; what is no UTF-8, and NUL, separates words.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, " ")
	return strings.ReplaceAll(norm.NFKC.String(s), "\x00", " ")
}

// Unspaced reports whether r belongs to a script written without (reliable) spaces.
func Unspaced(r rune) bool {
	return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// EachRun calls fn for the parts of s, alternating between Unspaced runs and the rest.
func EachRun(s string, fn func(run []rune, dense bool)) {
	runes := []rune(s)
	for start := 0; start < len(runes); {
		kind := Unspaced(runes[start])
		end := start + 1
		for end < len(runes) && Unspaced(runes[end]) == kind {
			end++
		}
		fn(runes[start:end], kind)
		start = end
	}
}
