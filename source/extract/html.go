package extract

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// longest bounds what is read of a post, in bytes. The longest posts that the
// networks allow are a tenth of it.
const longest = 1 << 20

// HTML turns a post written in HTML into plain text: a break is a new line, a
// paragraph an empty one, an entry of a list a line with a bullet. Links keep
// what people see of them, Mastodon's shortened ones their whole address; an
// image that is an emoji keeps its alt text. Scripts and styles are left out.
// What begins as HTML and ends in nowhere is read as far as it goes.
func HTML(s string) string { return read(s, &writer{}) }

// HTMLLines is HTML for networks that show a line feed as one: Mastodon does,
// and some of the servers that send it posts rely on it.
func HTMLLines(s string) string { return read(s, &writer{lines: true}) }

func read(s string, w *writer) string {
	z := html.NewTokenizer(strings.NewReader(cut(strings.ToValidUTF8(s, "\uFFFD"), longest)))
	z.SetMaxBuf(longest + 1)
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				w.text(string(z.Raw()))
			}
			return strings.TrimSpace(w.b.String())
		case html.TextToken:
			if w.silent == 0 {
				w.text(string(z.Text()))
			}
		case html.StartTagToken:
			t := z.Token()
			w.open(t)
			if hidden(t.DataAtom) {
				w.silent++
			}
		case html.SelfClosingTagToken:
			w.open(z.Token())
		case html.EndTagToken:
			w.close(z.Token().DataAtom)
		}
	}
}

// writer collects text, with at most one space and two line breaks in a row.
type writer struct {
	b      strings.Builder
	breaks int
	feeds  int // line feeds in the white space that is being read
	lines  bool
	space  bool
	silent int // depth of elements that nobody reads
}

func (w *writer) open(t html.Token) {
	switch t.DataAtom {
	case atom.Br:
		w.breaks++
	case atom.P, atom.Blockquote, atom.Pre, atom.Ul, atom.Ol, atom.Table, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.breaks = max(w.breaks, 2)
	case atom.Div, atom.Tr, atom.Hr, atom.Section, atom.Article:
		w.breaks = max(w.breaks, 1)
	case atom.Li:
		w.breaks = max(w.breaks, 1)
		if w.silent == 0 {
			w.text("• ")
		}
	case atom.Td, atom.Th:
		w.space = true
	case atom.Img:
		if w.silent == 0 && emoji(t) {
			w.text(attribute(t, "alt"))
		}
	}
}

func (w *writer) close(a atom.Atom) {
	switch a {
	case atom.P, atom.Blockquote, atom.Pre, atom.Ul, atom.Ol, atom.Table, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.breaks = max(w.breaks, 2)
	case atom.Div, atom.Li, atom.Tr, atom.Section, atom.Article:
		w.breaks = max(w.breaks, 1)
	}
	if hidden(a) {
		w.silent = max(w.silent-1, 0)
	}
}

// hidden reports whether an element's text is not for people.
func hidden(a atom.Atom) bool {
	return a == atom.Script || a == atom.Style || a == atom.Template
}

// text adds text, its white space folded. A line break is only written before
// something that follows it.
func (w *writer) text(s string) {
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			w.space = true
			if r == '\n' && w.lines {
				w.feeds++
				w.breaks = max(w.breaks, min(w.feeds, 2))
			}
			continue
		case r == 0 || unicode.Is(unicode.Cc, r):
			continue
		}
		if w.b.Len() > 0 {
			switch {
			case w.breaks > 0:
				w.b.WriteString("\n\n"[:min(w.breaks, 2)])
			case w.space:
				w.b.WriteByte(' ')
			}
		}
		w.breaks, w.feeds, w.space = 0, 0, false
		w.b.WriteRune(r)
	}
}

// emoji reports whether an image stands for a sign within the text: it says so,
// or its alt text is in [brackets] or :colons:, or has no letters. Other alt
// texts tell of a picture, or that it is still "loading".
func emoji(t html.Token) bool {
	class := strings.ToLower(attribute(t, "class"))
	for _, word := range []string{"emoji", "emote", "emoticon", "smiley", "smilies"} {
		if strings.Contains(class, word) {
			return true
		}
	}
	alt := strings.TrimSpace(attribute(t, "alt"))
	if n := len(alt); n > 2 && (alt[0] == '[' && alt[n-1] == ']' || alt[0] == ':' && alt[n-1] == ':') {
		return !strings.ContainsFunc(alt[1:n-1], unicode.IsSpace)
	}
	return !strings.ContainsFunc(alt, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// HTMLLinks returns where the links of a post written in HTML lead, as they are
// written there, those of hashtags and mentions left out. What people see of a
// link is often shortened, or other words.
func HTMLLinks(s string) []string {
	var found []string
	var at *html.Token // the link that is open
	var shown strings.Builder
	done := func() {
		if at != nil && !sign(*at, shown.String()) {
			found = append(found, strings.TrimSpace(attribute(*at, "href")))
		}
		at = nil
		shown.Reset()
	}
	z := html.NewTokenizer(strings.NewReader(cut(strings.ToValidUTF8(s, "\uFFFD"), longest)))
	z.SetMaxBuf(longest + 1)
	for len(found) < mostFound {
		switch z.Next() {
		case html.ErrorToken:
			done()
			return found
		case html.TextToken:
			if at != nil && shown.Len() < 16 {
				shown.WriteString(strings.TrimSpace(string(z.Text())))
			}
		case html.StartTagToken:
			if t := z.Token(); t.DataAtom == atom.A {
				done()
				at = &t
			}
		case html.EndTagToken:
			if z.Token().DataAtom == atom.A {
				done()
			}
		}
	}
	return found
}

// sign reports whether a link is a hashtag or a mention.
func sign(t html.Token, shown string) bool {
	names := strings.Fields(strings.ToLower(attribute(t, "class")))
	return slices.Contains(names, "hashtag") || slices.Contains(names, "mention") || attribute(t, "href") == "" ||
		slices.Contains(strings.Fields(strings.ToLower(attribute(t, "rel"))), "tag") ||
		shown != "" && strings.ContainsAny(shown[:1], "#@") || strings.HasPrefix(shown, "＃") || strings.HasPrefix(shown, "＠")
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// cut returns at most n bytes of s, whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
