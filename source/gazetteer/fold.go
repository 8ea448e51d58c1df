package gazetteer

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a place's name into the form in which names are compared: NFKC,
// lower case, without Latin, Greek and Cyrillic accents, without full stops and
// apostrophes, any other punctuation as one space, "st" and "mt" written out.
// The built-in table is sorted by it, so a change here needs a new table (see
// scripts/gazetteer).
func Fold(s string) string {
	s = norm.NFD.String(cases.Fold().String(norm.NFKC.String(strings.ToValidUTF8(s, " "))))
	var b strings.Builder
	b.Grow(len(s))
	base, gap := ' ', false
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) && (bare(base) || r == '\u0307'):
			continue
		case strings.ContainsRune(".'’‘ʻʼʹ`´·\u200c\u200d", r):
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			base = r
		default:
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteString(plain(r))
	}
	return written(norm.NFC.String(b.String()))
}

// bare reports whether r belongs to a script whose accents people leave out.
// Kana and Indic marks make other letters.
func bare(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew)
}

// plain spells the Latin letters that are no accented ones.
func plain(r rune) string {
	switch r {
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'ı':
		return "i"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'þ':
		return "th"
	default:
		return string(r)
	}
}

// written spells out what stands abbreviated before a name.
func written(s string) string {
	for short, long := range map[string]string{"st ": "saint ", "ste ": "sainte ", "mt ": "mount ", "ft ": "fort "} {
		if rest, ok := strings.CutPrefix(s, short); ok {
			return long + rest
		}
	}
	return s
}
