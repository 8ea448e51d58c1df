package weibo

import (
	"strings"

	"golang.org/x/net/html"

	"weft/source/extract"
)

// maxText bounds a post's text, in bytes. Weibo's longest are about 15,000 signs.
const maxText = 256 << 10

// plain turns the mobile pages' HTML into the text that the open API gives for
// the same post, as far as that is possible: short links instead of their
// titles, [doge] instead of its picture, and no "全文" link at the end.
func plain(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return tidy(extract.HTML(inner(text)))
}

// inner rewrites what only Weibo means with its links and pictures; what is
// left is common HTML.
func inner(text string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(text))
	skip := false // until the end of a link that was replaced
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return b.String()
		}
		raw := string(z.Raw())
		t := z.Token()
		switch {
		case t.Data == "a" && kind == html.EndTagToken:
			if !skip {
				b.WriteString(raw)
			}
			skip = false
		case skip:
		case t.Data == "a" && kind == html.StartTagToken:
			if short := attr(t, "data-url"); short != "" {
				b.WriteString(html.EscapeString(short))
				skip = true
			} else if strings.HasPrefix(attr(t, "href"), "/status/") {
				skip = true
			} else {
				b.WriteString(raw)
			}
		case t.Data == "img" && kind != html.TextToken:
			b.WriteString(html.EscapeString(attr(t, "alt")))
		default:
			b.WriteString(raw)
		}
	}
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// entities reads the few signs that the plain texts have escaped.
func entities(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&nbsp;", " ", "&amp;", "&").Replace(text)
}

// tidy takes away the space and the zero-width signs that Weibo puts at the end
// of a text, by one API and not by the other: they would look like an edit.
func tidy(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Trim(text, " \t\n\u00a0\u3000\u200b\u200c\u200d\ufeff")
}
