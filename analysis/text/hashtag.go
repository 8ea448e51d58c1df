package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
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
	return names(findTags(blankLinks(Narrow(caption))))
}

// SingleHashtags is Hashtags for networks that know no pairs, such as
// Instagram: there "#红色#蓝色" is two tags, which on Weibo is one and a word.
func SingleHashtags(caption string) []string {
	return names(spans(blankLinks(Narrow(caption)), false))
}

// Narrow brings text into NFC and makes full-width letters, digits and signs of
// tags and mentions narrow. Punctuation stays: "，" in a tag is its author's.
func Narrow(s string) string {
	return strings.Map(func(r rune) rune {
		if n := r - '！' + '!'; r >= '！' && r <= '～' && (unicode.IsLetter(n) || unicode.IsDigit(n) || n == '#' || n == '@') {
			return n
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(s, " ")))
}

// names returns the tags' texts, lower-cased, each once.
func names(found []span) []string {
	seen := map[string]bool{}
	var tags []string
	for _, s := range found {
		if tag := strings.ToLower(s.tag); !seen[tag] {
			seen[tag] = true
			tags = append(tags, tag)
		}
	}
	return tags
}

// findTags finds the hashtags in a cleaned caption. Signs that come in even
// number are taken for pairs, as Weibo and Xiaohongshu write them.
func findTags(s string) []span { return spans(s, strings.Count(s, "#")%2 == 0) }

func spans(s string, pairs bool) []span {
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

// paired reads "#…#" around Chinese text.
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
