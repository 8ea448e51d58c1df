package spelling

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The rules of words are those of the embedded search, whose tokenizer is SQLite's:
// letters and numbers make words, case and width do not matter, nor do accents on
// Latin letters. Chinese, Japanese and Korean are written without (reliable) spaces:
// a run of them becomes overlapping pairs and the last character, "奢侈品" the
// words "奢侈 侈品 品", so any part of a run is a phrase of pairs and a single
// character the beginning of a pair. It costs as many words as characters.

// Words returns the words of a text with single spaces between them.
func Words(s string) string {
	if w, ok := plainWords(s); ok {
		return w
	}
	var words []string
	EachRun(Clean(s), func(run []rune, dense bool) {
		if !dense {
			words = append(words, fold(run)...)
			return
		}
		for i := range run {
			words = append(words, string(run[i:min(i+2, len(run))]))
		}
	})
	return strings.Join(words, " ")
}

// plainWords are the Words of a text that is ASCII alone, as most are: twenty times
// as fast (0.4 and 7.8 µs a caption), where words were more than half of what it
// costs to make a post ready for search.
func plainWords(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	gap := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return "", false
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			gap = true
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, ' ')
		}
		gap = false
		out = append(out, c)
	}
	return string(out), true
}

// Phrase is one thing that must occur: words in a row, or the beginning of one.
type Phrase struct {
	Words  string
	Prefix bool
}

// In reports whether the phrase occurs in a text, given as its Words.
func (p Phrase) In(words string) bool {
	rest := " " + words + " "
	if p.Prefix {
		return strings.Contains(rest, " "+p.Words)
	}
	return strings.Contains(rest, " "+p.Words+" ")
}

// Phrases turns what a user typed into the phrases that must all occur. A
// word with a sign inside, like t-shirt, is a phrase.
func Phrases(typed string) []Phrase {
	var out []Phrase
	for word := range strings.FieldsSeq(Clean(typed)) {
		EachRun(word, func(run []rune, dense bool) {
			switch {
			case dense && len(run) == 1:
				out = append(out, Phrase{Words: string(run), Prefix: true})
			case dense:
				pairs := make([]string, 0, len(run)-1)
				for i := range len(run) - 1 {
					pairs = append(pairs, string(run[i:i+2]))
				}
				out = append(out, Phrase{Words: strings.Join(pairs, " ")})
			default:
				if words := fold(run); len(words) > 0 {
					out = append(out, Phrase{Words: strings.Join(words, " ")})
				}
			}
		})
	}
	return out
}

// fold splits a run into its words, in lower case and without accents.
func fold(run []rune) []string {
	var words []string
	var word []rune
	for _, r := range run {
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			word = append(word, foldRune(r))
		case accent(r) && len(word) > 0: // the letter before it is the word's
		case len(word) > 0:
			words, word = append(words, string(word)), nil
		}
	}
	if len(word) > 0 {
		words = append(words, string(word))
	}
	return words
}

// accent reports whether r is a sign that belongs to the Latin letter before it.
func accent(r rune) bool {
	const accents = 0x000361F8<<32 | 0x08029FDF // of U+0300 and on: those that SQLite takes off, too
	return r >= 0x300 && r < 0x300+64 && uint64(accents)>>(r-0x300)&1 == 1
}

// foldRune lowers a letter, and takes the accents off a Latin one.
func foldRune(r rune) rune {
	r = unicode.ToLower(r)
	if r < 0x80 {
		return r
	}
	if r == 'ς' { // the sigma at a word's end
		return 'σ'
	}
	if base, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r))); base < 0x80 {
		return unicode.ToLower(base)
	}
	return r
}
