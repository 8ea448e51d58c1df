// Package extract finds in a post's text what every network hides there in its
// own way: hashtags, mentions, links and the language. Connectors hand over
// plain text, with what their network told already; this package does the rest
// once, in one place.
package extract

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"weft/analysis/text"
	"weft/models"
)

// No post has more of anything than these; what is over is left out.
const (
	readable   = 64 << 10 // bytes of text that are searched
	mostFound  = 200      // tags, mentions and links each
	longestTag = 100      // characters
	longestURL = 4 << 10  // bytes
)

// Fill completes p's hashtags, mentions, links and language from its text. What
// the network told comes first and is kept. Doing it twice changes nothing.
func Fill(p *models.Post) {
	s := cut(strings.ToValidUTF8(p.Text, "\uFFFD"), readable)
	p.Hashtags = tags(p.Hashtags, hashtags(p.Source, s))
	p.Links = join(p.Links, links(s, p.Links), address)
	p.Mentions = mentions(p.Mentions, s)
	p.Language = spoken(p.Language, s)
}

// hashtags reads the text as the network does: these four have no pairs.
func hashtags(source, s string) []string {
	switch source {
	case "instagram", "mastodon", "bluesky", "reddit":
		return text.SingleHashtags(s)
	default:
		return text.Hashtags(s)
	}
}

func tags(told, found []string) []string { return join(told, found, tag) }

// tag is the one form of a hashtag: narrow, lower case, without signs.
func tag(s string) string {
	if len(s) > longestURL {
		return ""
	}
	s = text.Narrow(strings.ToLower(text.Narrow(strings.ToValidUTF8(s, ""))))
	s = strings.Join(strings.Fields(strings.TrimFunc(s, func(r rune) bool { return r == '#' || unicode.IsSpace(r) })), " ")
	if utf8.RuneCountInString(s) > longestTag {
		return ""
	}
	return s
}

// join brings two lists into form and returns each entry once, in order.
func join(told, found []string, form func(string) string) []string {
	seen := map[string]bool{}
	var all []string
	for _, list := range [][]string{told, found} {
		for _, s := range list {
			if s = form(s); s != "" && !seen[s] && len(all) < mostFound {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// spoken returns the language's base: "zh" for "zh-Hant-TW". What the network
// told wins over a guess, unless it told nothing that can be read.
func spoken(told, s string) string {
	if t, err := language.Parse(told); err == nil {
		switch base, sure := t.Base(); base.String() {
		case "und", "mul", "zxx", "mis":
		default:
			if sure != language.No {
				return base.String()
			}
		}
	}
	return text.Language(s)
}

// anyURL ends at white space, quotes and brackets, and at Chinese punctuation.
var anyURL = regexp.MustCompile("(?i)https?://[^\\s<>\"`{}|^\\\\\u00a0\u3000-\u3003\u3008-\u3011\u3014-\u301f\u2018-\u201f\u2026\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff5e]+") //nolint:gocritic // the ranges are meant

// links returns the addresses in s, as written. One that s cuts short with dots
// is left out where the network told the whole of it.
func links(s string, told []string) []string {
	var found []string
	for _, at := range anyURL.FindAllStringIndex(s, 10*mostFound) {
		l := trimmed(s[at[0]:at[1]])
		dots := strings.HasPrefix(s[at[0]+len(l):], "...") || strings.HasPrefix(s[at[0]+len(l):], "…")
		if dots && slices.ContainsFunc(told, func(whole string) bool { return strings.HasPrefix(whole, l) }) {
			continue
		}
		found = append(found, l)
	}
	return found
}

// trimmed takes off what stands behind an address and is none of it.
func trimmed(l string) string {
	_, rest, _ := strings.Cut(l, "://")
	if host, _, _ := strings.Cut(strings.ToLower(rest), "/"); host == "t.cn" { // Weibo's, with Chinese written right behind
		if i := strings.IndexFunc(l, func(r rune) bool { return r > unicode.MaxASCII }); i > 0 {
			l = l[:i]
		}
	}
	for l != "" {
		last, size := utf8.DecodeLastRuneInString(l)
		open := strings.IndexRune(")]", last)
		if !strings.ContainsRune(".,;:!?'*_~#&", last) &&
			(open < 0 || strings.Count(l, ")]"[open:open+1]) <= strings.Count(l, "(["[open:open+1])) {
			break
		}
		l = l[:len(l)-size]
	}
	return l
}

// address is l when it is an http address that a browser would open.
func address(l string) string {
	l = strings.TrimSpace(strings.ToValidUTF8(l, ""))
	if len(l) > longestURL {
		return ""
	}
	u, err := url.Parse(l)
	if err != nil || u.Host == "" || u.Hostname() == "" || !strings.EqualFold(u.Scheme, "http") && !strings.EqualFold(u.Scheme, "https") {
		return ""
	}
	return l
}

var mention = regexp.MustCompile(`@([\p{L}\p{N}_][\p{L}\p{N}\p{M}_.\-]{0,99})(?:@([\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+))?`)

// mentions adds those in s to those that were told. Mastodon shows a person of
// another server as @user: the told user@host is the same one.
func mentions(told []string, s string) []string {
	all := join(told, nil, handle)
	known := map[string]bool{}
	for _, m := range all {
		local, _, _ := strings.Cut(strings.ToLower(m), "@")
		known[local], known[strings.ToLower(m)] = true, true
	}
	s = strings.ReplaceAll(anyURL.ReplaceAllString(s, " "), "＠", "@")
	end := 0 // of the match before
	for _, at := range mention.FindAllStringSubmatchIndex(s, 10*mostFound) {
		if len(all) >= mostFound {
			break
		}
		glued := at[0] == end && end > 0
		end = at[1]
		if glued || !begins(s[:at[0]]) {
			continue
		}
		name := strings.TrimRight(s[at[2]:at[3]], ".-")
		if at[4] >= 0 {
			name += "@" + s[at[4]:at[5]]
		}
		if name = handle(name); name != "" && !known[strings.ToLower(name)] {
			local, _, _ := strings.Cut(strings.ToLower(name), "@")
			known[local], known[strings.ToLower(name)] = true, true
			all = append(all, name)
		}
	}
	return all
}

// begins reports whether a sign behind before may begin a mention: not in an
// e-mail address or a path. Chinese has no spaces, so a mention may follow it,
// and Weibo writes "//@user:" before what is passed on.
func begins(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	switch {
	case before == "":
		return true
	case r == '/':
		return strings.HasSuffix(before, "//") || before == "/"
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
		return true
	default:
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("_-.+@%=", r)
	}
}

// handle is a mention without its sign.
func handle(s string) string {
	s = strings.TrimFunc(strings.ToValidUTF8(s, ""), unicode.IsSpace)
	s = strings.TrimSpace(strings.TrimLeftFunc(s, func(r rune) bool { return r == '@' || r == '＠' || unicode.IsSpace(r) }))
	if utf8.RuneCountInString(s) > 2*longestTag {
		return ""
	}
	return s
}
