package bluesky

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"weft/models"
)

// filter says which posts of the stream are wanted: those with one of the tags
// or words, if there are any, and in one of the languages.
type filter struct {
	tags, words []string // lower-cased
	langs       []string
	images      bool // only posts with an image
}

func newFilter(tags, words, langs []string, images bool) filter {
	f := filter{langs: langs, images: images}
	for _, tag := range tags {
		if tag = strings.ToLower(strings.Trim(tag, "#＃ ")); tag != "" {
			f.tags = append(f.tags, tag)
		}
	}
	for _, word := range words {
		f.words = append(f.words, strings.ToLower(word))
	}
	return f
}

// record looks at what a post says, before anything is made of it: nearly all
// posts of the stream end here.
func (f filter) record(record object) bool {
	if len(f.tags) == 0 && len(f.words) == 0 {
		return true
	}
	text := strings.ToLower(record.text("text"))
	for _, word := range f.words {
		if within(text, word) {
			return true
		}
	}
	if len(f.tags) == 0 {
		return false
	}
	marked := told(record)
	for _, tag := range f.tags {
		if slices.Contains(marked, tag) {
			return true
		}
		if within(text, "#"+tag) || within(text, "＃"+tag) {
			return true
		}
	}
	return false
}

// post looks at the whole post, when its language is known. Languages are
// compared by their base: "pt" and "pt-BR" are the same.
func (f filter) post(p models.Post) bool {
	if f.images && len(p.Media) == 0 {
		return false
	}
	if len(f.langs) == 0 {
		return true
	}
	for _, lang := range append(toldLangs(p.Raw), p.Language) {
		for _, want := range f.langs {
			if lang != "" && base(lang) == base(want) {
				return true
			}
		}
	}
	return false
}

func base(lang string) string {
	b, _, _ := strings.Cut(strings.ToLower(lang), "-")
	return b
}

// toldLangs returns all languages that a post's record names; a post keeps one.
func toldLangs(raw json.RawMessage) []string {
	o := asObject(raw)
	if commit := o.object("commit"); commit != nil {
		o = commit
	}
	return o.object("record").texts("langs", 3)
}

// within reports whether text has word as a word of its own: "hat" is not in
// "that". Scripts that don't part words with spaces have no such bounds.
func within(text, word string) bool {
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for rest, from := text, 0; ; {
		i := strings.Index(rest, word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !(joined(first) && start > 0 && joined(before)) && !(joined(last) && end < len(text) && joined(after)) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[start:])
		from = start + size
		rest = text[from:]
	}
}

// joined reports whether r is part of a word that ends where other signs begin.
func joined(r rune) bool {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
		return false
	}
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
