package extract_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/models"
	"weft/source/extract"
)

func TestHTML(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"plain":                    "plain",
		"a<br>b<br />c":            "a\nb\nc",
		"a<br><br><br><br>b":       "a\n\nb",
		"<p>one</p><p>two</p>":     "one\n\ntwo",
		"a<p>b</p>c":               "a\n\nb\n\nc",
		"<p>one<br>two</p>":        "one\ntwo",
		"  a \n\t b&nbsp;&nbsp; c": "a b c",
		"&lt;b&gt; &amp; &quot;x&quot; &#39;y&#39; &#x1F457;": `<b> & "x" 'y' 👗`,
		"<ul><li>red</li><li>blue</li></ul>after":             "• red\n• blue\n\nafter",
		"<p>x</p><script>alert(1)</script><style>p{}</style>": "x",
		"cute <img alt=[doge] src=x>!":                        "cute [doge]!",
		"hi <img alt=:cat: src=x><img alt='👗'>":               "hi :cat:👗",
		"hi <img class='wp-smiley' alt='smile'> you":          "hi smile you",
		"a <img alt=loading class=lazyload data-src=x> b":     "a b",
		"<img alt='A woman: in red'><img alt='[a b]'>":        "",
		"a\nb":                        "a b",
		"<b>un</b>broken w<i>or</i>d": "unbroken word",
		"a <!-- no --> b":             "a b",
		"1 < 2 and 3 > 2":             "1 < 2 and 3 > 2",
		"cut <a href=\"https://x":     "cut",
		"\x00\x07a\xffb":              "a\uFFFDb",
		`<p>see <a href="https://shop.example/very/long"><span class="invisible">https://</span><span class="ellipsis">shop.example/very</span><span class="invisible">/long</span></a></p>`: "see https://shop.example/very/long",
		`<a href="https://m.example/tags/ootd" class="mention hashtag" rel="tag">#<span>ootd</span></a>`:                                                                                     "#ootd",
		`<span class="h-card"><a href="https://m.example/@ana">@<span>ana</span></a></span> hi`:                                                                                              "@ana hi",
		`<a href="/x"><span class="surl-text">#明日方舟#</span></a> 今天<br /><br />好`:                                                                                                             "#明日方舟# 今天\n\n好",
	} {
		if got := extract.HTML(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestHTMLLines(t *testing.T) {
	for in, want := range map[string]string{
		"<p>a\nb</p>\n<p>c</p>":             "a\nb\n\nc",
		"<p>a<br />\nb</p>":                 "a\nb",
		"a\n\n\n\nb \r\n c":                 "a\n\nb\nc",
		"\n <a>#x</a> <a>#y</a>\n\nz\n ":    "#x #y\n\nz",
		"<p>\n a</p>\n\n\n<ul>\n<li>b</ul>": "a\n\n• b",
	} {
		if got := extract.HTMLLines(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestHTMLLinks(t *testing.T) {
	in := `<p><a href="https://m.example/tags/x" class="mention hashtag" rel="tag">#<span>x</span></a>
		<a href="https://akko.example/tag/y" rel="tag ugc">#y</a> <a href="https://b.example/search?q=%23z">#z</a>
		<span class="h-card"><a href="https://m.example/@bo" class="u-url mention">@<span>bo</span></a></span>
		<a href="https://one.example/?a=1&amp;b=2"><span class="invisible">https://</span><span class="ellipsis">one.example</span></a>
		<a href="/two">here</a><a name="x">no</a><A HREF=' https://three.example '><img src="x"></A> <a href="https://four.example">four</p>`
	want := []string{"https://one.example/?a=1&b=2", "/two", "https://three.example", "https://four.example"}
	if diff := cmp.Diff(want, extract.HTMLLinks(in)); diff != "" {
		t.Error(diff)
	}
	if n := len(extract.HTMLLinks(strings.Repeat("<a href=x>y</a>", 1000))); n != 200 {
		t.Errorf("%d links", n)
	}
}

func TestFill(t *testing.T) {
	for name, c := range map[string]struct{ in, want models.Post }{
		"nothing": {},
		"told tags come first": {
			in:   models.Post{Text: "#Blue #ootd", Hashtags: []string{"OOTD", "#Red", "ＲＥＤ", " "}},
			want: models.Post{Hashtags: []string{"ootd", "red", "blue"}},
		},
		"latin tags side by side": {in: models.Post{Text: "#a#b"}, want: models.Post{Hashtags: []string{"a", "b"}}},
		"chinese pairs": {
			in:   models.Post{Source: "weibo", Text: "#红色#蓝色 ＃穿搭＃"},
			want: models.Post{Hashtags: []string{"红色", "穿搭"}, Language: "zh"},
		},
		"chinese tags side by side where pairs are unknown": {
			in:   models.Post{Source: "instagram", Text: "#红色#蓝色"},
			want: models.Post{Hashtags: []string{"红色", "蓝色"}, Language: "zh"},
		},
		"weibo writes on behind an address": {
			in:   models.Post{Source: "weibo", Text: "看http://t.cn/A6abc今天#穿搭#。"},
			want: models.Post{Hashtags: []string{"穿搭"}, Links: []string{"http://t.cn/A6abc"}, Language: "zh"},
		},
		"numbers and addresses hold no tags": {in: models.Post{Text: "#1 https://x.org/#frag"}, want: models.Post{Links: []string{"https://x.org/#frag"}}},
		"mentions": {
			in:   models.Post{Text: "@Ana, @bo@m.example. ＠小明 a@b.org mail:x.y@z.com 谢谢@小红 //@li: https://m.example/@url @ana"},
			want: models.Post{Mentions: []string{"Ana", "bo@m.example", "小明", "小红", "li"}, Links: []string{"https://m.example/@url"}},
		},
		"a told mention has the server": {
			in:   models.Post{Text: "@bo hi @cy", Mentions: []string{"@bo@m.example"}},
			want: models.Post{Mentions: []string{"bo@m.example", "cy"}},
		},
		"a handle with dots": {in: models.Post{Text: "(@ana.bsky.social.)"}, want: models.Post{Mentions: []string{"ana.bsky.social"}}},
		"links end where people stop": {
			in: models.Post{
				Text:  "(https://a.org/x_(y)). HTTP://B.org/?q=1, “https://c.org”。https://d.org/路，完 https://a.org/x_(y) ftp://e.org https://",
				Links: []string{"https://told.org", "javascript:alert(1)"},
			},
			want: models.Post{Links: []string{"https://told.org", "https://a.org/x_(y)", "HTTP://B.org/?q=1", "https://c.org", "https://d.org/路"}},
		},
		"a link cut short": {
			in:   models.Post{Text: "https://a.org/lo... https://a.org/lo… https://b.org...", Links: []string{"https://a.org/long"}},
			want: models.Post{Links: []string{"https://a.org/long", "https://b.org"}},
		},
		"told language":            {in: models.Post{Text: "the dress is here", Language: "pt-BR"}, want: models.Post{Language: "pt"}},
		"chinese with its script":  {in: models.Post{Language: "zh-Hant-TW"}, want: models.Post{Language: "zh"}},
		"an unreadable language":   {in: models.Post{Text: "the dress is here", Language: "??"}, want: models.Post{Language: "en"}},
		"an undetermined language": {in: models.Post{Text: "the dress is here", Language: "und"}, want: models.Post{Language: "en"}},
	} {
		got := c.in
		extract.Fill(&got)
		c.want.Source, c.want.Text = c.in.Source, c.in.Text
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func post(t *rapid.T) models.Post {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"#", "＃", "@", "＠", "穿搭", "ootd", "https://x.org/a", "http://t.cn/", ".", "，", " ", "\n", "@a@b.org", "İ", "ﬃ", "://", "'", "•",
	}))
	list := rapid.SliceOfN(piece, 0, 4)
	return models.Post{
		Source: rapid.SampledFrom([]string{"weibo", "instagram", "feed"}).Draw(t, "source"), Text: strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "text"), ""),
		Hashtags: list.Draw(t, "tags"), Mentions: list.Draw(t, "mentions"), Links: list.Draw(t, "links"), Language: piece.Draw(t, "language"),
	}
}

func TestFillTwiceIsFillOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := post(t)
		extract.Fill(&p)
		again := p
		extract.Fill(&again)
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("the second time (-once +twice)\n%s", diff)
		}
	})
}

func TestHostileTextStaysBounded(t *testing.T) {
	for name, s := range map[string]string{
		"signs": strings.Repeat("#", 1<<20), "pairs": strings.Repeat("#好", 1<<18), "tags": strings.Repeat("#ab ", 1<<18),
		"mentions": strings.Repeat("@ab ", 1<<18), "links": strings.Repeat("https://a.b ", 1<<17), "one link": "https://" + strings.Repeat("a", 1<<20),
		"brackets": "https://a.b/" + strings.Repeat(")", 1<<20), "glued": strings.Repeat("@a", 1<<19),
	} {
		p := models.Post{Text: s, Hashtags: []string{s}, Links: []string{s}}
		extract.Fill(&p)
		if n := len(p.Hashtags) + len(p.Mentions) + len(p.Links); n > 600 {
			t.Errorf("%s: %d findings", name, n)
		}
		for _, list := range [][]string{p.Hashtags, p.Mentions, p.Links} {
			for _, found := range list {
				if len(found) > 4<<10 {
					t.Errorf("%s: a finding of %d bytes", name, len(found))
				}
			}
		}
	}
	for name, s := range map[string]string{
		"nesting": strings.Repeat("<p><ul><li>", 1<<17), "attributes": "<a " + strings.Repeat("x=y ", 1<<18), "entities": strings.Repeat("&#x1F457;", 1<<18),
	} {
		if got := extract.HTML(s); len(got) > len(s) {
			t.Errorf("%s: %d bytes of %d", name, len(got), len(s))
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<p>a<br>b</p>", "<ul><li>x", "&amp;&#0;&lt", "<img alt='x'>", "<script>", "<!--", "<a href=\"", "\xff<p"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := extract.HTML(s)
		if !utf8.ValidString(got) || len(got) > 4*len(s)+4 || strings.Contains(got, "\n\n\n") || got != strings.TrimSpace(got) {
			t.Fatalf("%q is %q", s, got)
		}
	})
}

func FuzzFill(f *testing.F) {
	f.Add("#a#b ＃红色＃ @x https://x.org/a).", "#T", "en")
	f.Fuzz(func(t *testing.T, s, tag, lang string) {
		p := models.Post{Source: "weibo", Text: s, Hashtags: []string{tag}, Mentions: []string{tag}, Links: []string{tag}, Language: lang}
		extract.Fill(&p)
		again := p
		extract.Fill(&again)
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("the second time (-once +twice)\n%s", diff)
		}
	})
}
