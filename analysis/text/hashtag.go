package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a part of a cleaned caption: the sign (and a closing one) included
// in from and to, the tag's own text in tag.
type span struct {
	from, to int
	tag      string
}

// Hashtags returns the tags of a caption without their signs, lower-cased, each
// once, in order. It knows the full-width sign, Weibo's pairs (#穿搭#), also
// with spaces within, and Xiaohongshu's mark (#穿搭[话题]#). A sign within a
// word or an address is none, nor is a tag of digits only.
func Hashtags(caption string) []string {
	var tags []string
	for _, s := range findTags(clean(caption)) {
		if tag := strings.ToLower(s.tag); !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// findTags finds the hashtags in a cleaned caption.
func findTags(s string) []span {
	pairs := strings.Count(s, "#")%2 == 0
	var tags []span
	end := -1 // of the tag before
	for i := 0; i < len(s); {
		if s[i] != '#' || (i != end && !opens(s, i)) {
			i++
			continue
		}
		t, ok := paired(s, i, pairs)
		if !ok {
			t, ok = single(s, i)
		}
		if !ok {
			i++
			continue
		}
		tags = append(tags, t)
		i, end = t.to, t.to
	}
	return tags
}

// opens reports whether the sign at i may begin a tag.
func opens(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	return i == 0 || !(wordRune(before) || before == '&' || before == '/' || before == '_')
}

// paired reads "#…#" around Chinese text. Signs that come in even number are
// taken for pairs, as Weibo and Xiaohongshu write them.
func paired(s string, i int, pairs bool) (span, bool) {
	body, _, closed := strings.Cut(s[i+1:], "#")
	const longest = 32 // characters, as Weibo has it
	if !pairs || !closed || utf8.RuneCountInString(body) > longest || strings.ContainsAny(body, "\n。！？!?") {
		return span{}, false
	}
	tag := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(body), "[话题]"))
	if !strings.ContainsFunc(tag, isHan) || tag != strings.TrimSpace(body) && tag == "" {
		return span{}, false
	}
	return span{i, i + 1 + len(body) + 1, tag}, true
}

// single reads "#" and the letters, digits, marks and underscores behind it.
func single(s string, i int) (span, bool) {
	end, letters := i+1, false
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '_' {
			break
		}
		letters = letters || unicode.IsLetter(r)
		end += size
	}
	return span{i, end, s[i+1 : end]}, letters
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// mask blanks tags out, so that the rest can be read without them.
func mask(s string, tags []span) string {
	b := []byte(s)
	for _, t := range tags {
		for i := t.from; i < t.to; i++ {
			b[i] = ' '
		}
	}
	return string(b)
}
