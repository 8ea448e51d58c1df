package sqlite

import (
	"strings"
	"unicode"

	"weft/models"
	"weft/storage/spelling"
)

// Chinese and Japanese are written without spaces, so their words can't be told
// by the tokenizer. Runs of such characters are indexed as overlapping pairs and
// the last character, "奢侈品" as "奢侈 侈品 品": any part of a run is then found
// as a phrase of pairs, a single character as the beginning of a pair, and
// nothing that reaches over the end of a run is. It costs as many tokens as there
// are characters. Korean is treated alike, since its words carry particles.

// searchWords are the searchable words of a document, field by field, so that
// no phrase reaches from one into the next.
type searchWords struct {
	text, tags, author, attributes string
}

func wordsOf(doc models.SearchDoc) searchWords {
	values := make([]string, 0, len(doc.Attributes))
	for _, a := range doc.Attributes {
		values = append(values, a.Value)
	}
	return searchWords{
		text:       indexText(doc.Text),
		tags:       indexTexts(doc.Hashtags),
		author:     indexTexts([]string{doc.Author.Handle, doc.Author.Name}),
		attributes: indexTexts(values),
	}
}

// apart is a word between two values of a field: no phrase reaches over it, and
// as a character of private use it is in nothing that matchText lets through.
const apart = " \ue000 "

func indexTexts(values []string) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		texts = append(texts, indexText(v))
	}
	return strings.Join(texts, apart)
}

// indexText returns s as it is given to the tokenizer.
func indexText(s string) string {
	var b strings.Builder
	spelling.EachRun(spelling.Clean(s), func(run []rune, kind bool) {
		if !kind {
			b.WriteString(string(run))
			return
		}
		b.WriteByte(' ')
		for i := range run {
			b.WriteString(string(run[i:min(i+2, len(run))]))
			b.WriteByte(' ')
		}
	})
	return b.String()
}

// matchText turns what a user typed into an expression of FTS5: every word
// must occur. Each word is quoted, so nothing typed is ever syntax. A word with
// a sign inside, like t-shirt, becomes a phrase. It returns the number of words,
// 0 if there is nothing to look for.
func matchText(typed string) (expr string, words int) {
	var parts []string
	for word := range strings.FieldsSeq(spelling.Clean(typed)) {
		spelling.EachRun(word, func(run []rune, kind bool) {
			if kind {
				parts = append(parts, matchRun(run))
			} else if p := matchWord(run); p != "" {
				parts = append(parts, p)
			}
		})
	}
	return strings.Join(parts, " AND "), len(parts)
}

func matchRun(run []rune) string {
	if len(run) == 1 {
		return `"` + string(run) + `"*`
	}
	pairs := make([]string, 0, len(run)-1)
	for i := range len(run) - 1 {
		pairs = append(pairs, string(run[i:i+2]))
	}
	return `"` + strings.Join(pairs, " ") + `"`
}

func matchWord(run []rune) string {
	letters := false
	for i, r := range run {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			letters = true
		} else if !unicode.IsMark(r) {
			run[i] = ' '
		}
	}
	if !letters {
		return ""
	}
	return `"` + strings.TrimSpace(string(run)) + `"`
}
