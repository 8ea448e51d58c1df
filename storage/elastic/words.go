package elastic

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"weft/models"
	"weft/storage/spelling"
)

// Which analyzers a cluster has depends on how it was installed, so words are
// told apart and folded here, in documents and queries alike, and Elasticsearch
// only splits at spaces. The rules are those of the embedded search: letters and
// numbers make words, case and width do not matter, nor do accents on Latin
// letters. Chinese, Japanese and Korean are written without (reliable) spaces:
// a run of them becomes overlapping pairs and the last character, "奢侈品" the
// words "奢侈 侈品 品", so any part of a run is a phrase of pairs and a single
// character the beginning of a pair. It costs as many words as characters.

// textsOf returns the searchable words of doc, text by text: no phrase reaches
// from one text into the next.
func textsOf(doc models.SearchDoc) []string {
	texts := []string{doc.Text, doc.Author.Handle, doc.Author.Name}
	texts = append(texts, doc.Hashtags...)
	for _, a := range doc.Attributes {
		texts = append(texts, a.Value)
	}
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		if words := wordsOf(t); words != "" {
			out = append(out, words)
		}
	}
	return out
}

// wordsOf returns the words of a text with single spaces between them.
func wordsOf(s string) string {
	var words []string
	spelling.EachRun(spelling.Clean(s), func(run []rune, dense bool) {
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

// phrase is one thing that must occur: words in a row, or the beginning of one.
type phrase struct {
	words  string
	prefix bool
}

// phrasesOf turns what a user typed into the phrases that must all occur. A
// word with a sign inside, like t-shirt, is a phrase.
func phrasesOf(typed string) []phrase {
	var out []phrase
	for word := range strings.FieldsSeq(spelling.Clean(typed)) {
		spelling.EachRun(word, func(run []rune, dense bool) {
			switch {
			case dense && len(run) == 1:
				out = append(out, phrase{words: string(run), prefix: true})
			case dense:
				pairs := make([]string, 0, len(run)-1)
				for i := range len(run) - 1 {
					pairs = append(pairs, string(run[i:i+2]))
				}
				out = append(out, phrase{words: strings.Join(pairs, " ")})
			default:
				if words := fold(run); len(words) > 0 {
					out = append(out, phrase{words: strings.Join(words, " ")})
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
