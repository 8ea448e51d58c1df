package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// link is an address. Chinese ends it: Weibo's people write on without a space.
var link = regexp.MustCompile(`(?i)(?:https?://|www\.)[^\s\p{Han}。、《》【】「」“”]+`)

// blanks are spaces within a line, which people write more of than there are in
// a term.
var blanks = regexp.MustCompile(`[ \t]{2,}`)

// clean brings a caption into NFKC, with single spaces, and blanks its links
// out: their paths hold words that nobody wrote.
func clean(caption string) string {
	return blankLinks(blanks.ReplaceAllString(norm.NFKC.String(strings.ToValidUTF8(caption, " ")), " "))
}

func blankLinks(s string) string {
	return link.ReplaceAllStringFunc(s, func(l string) string { return strings.Repeat(" ", len(l)) })
}

// folder folds case and Latin accents, so that "Hermes", "HERMÈS" and "hermès"
// are one: people leave accents out.
type folder struct{ caser cases.Caser }

func newFolder() folder { return folder{cases.Fold()} }

// fold returns s folded; s must be in NFKC.
func (f folder) fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		f.foldRune(&b, r)
	}
	return b.String()
}

// foldMapped is fold that also says for every folded byte where its rune
// begins in s.
func (f folder) foldMapped(s string) (string, []int) {
	var b strings.Builder
	b.Grow(len(s))
	at := make([]int, 0, len(s)+1)
	for i, r := range s {
		f.foldRune(&b, r)
		for len(at) < b.Len() {
			at = append(at, i)
		}
	}
	return b.String(), append(at, len(s))
}

func (f folder) foldRune(b *strings.Builder, r rune) {
	switch {
	case r < utf8.RuneSelf:
		b.WriteRune(unicode.ToLower(r))
	case r == '’' || r == 'ʼ' || r == '‘':
		b.WriteByte('\'')
	case r == 'œ' || r == 'Œ':
		b.WriteString("oe")
	case r == 'æ' || r == 'Æ':
		b.WriteString("ae")
	case unicode.Is(unicode.Latin, r):
		base, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r)))
		b.WriteString(f.caser.String(string(base)))
	case unicode.Is(unicode.Mn, r): // a mark that NFKC could not compose
	default:
		b.WriteString(f.caser.String(string(r)))
	}
}

// wordRune reports whether r is part of a word in scripts that separate words.
// Han characters are not: Chinese has no boundaries to check.
func wordRune(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !unicode.Is(unicode.Han, r)
}

// compact leaves letters and digits only, as hashtags do.
func compact(folded string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, folded)
}
