package feed_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"weft/models"
	"weft/source"
	"weft/source/feed"
)

func connector() *feed.Connector {
	return feed.New(feed.Options{Now: func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }})
}

func parse(t *testing.T, body string) source.Batch {
	t.Helper()
	b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("WEFT_SHARED")
	for dir, _ := os.Getwd(); root == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "fixtures")); err == nil {
			root = filepath.Join(dir, "shared")
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "fixtures", "rss", name))
	if err != nil {
		t.Skipf("no recorded answers here: set WEFT_SHARED: %v", err)
	}
	return string(data)
}

// TestRecordedPair: the same feed read twice. Posts that are in both have the
// same id and content; those that left the window are not deleted.
func TestRecordedPair(t *testing.T) {
	before, after := parse(t, recorded(t, "rss-top5-old.xml")), parse(t, recorded(t, "rss-top5-new.xml"))
	if len(before.Posts) == 0 || len(after.Posts) == 0 || len(before.Problems)+len(after.Problems)+len(after.Deletions) != 0 {
		t.Fatalf("%+v, %+v", before, after)
	}
	both := 0
	for _, p := range after.Posts {
		for _, old := range before.Posts {
			if p.ID == old.ID {
				both++
				if p.ContentHash() != old.ContentHash() {
					t.Errorf("%s changed", p.NativeID)
				}
			}
		}
		if len(p.Media) != 1 || !strings.HasPrefix(p.Media[0].URL, "https://th.wallhaven.cc/small/") || !strings.HasPrefix(p.Language, "zh") || !p.CreatedAt.Equal(p.CollectedAt) {
			t.Errorf("%+v", p)
		}
	}
	if both == 0 {
		t.Error("no post is in both")
	}
}

// TestIdentity: guid, else link, else a problem; a guid that is no address is
// one feed's own.
func TestIdentity(t *testing.T) {
	b := parse(t, rssOf("<item><guid isPermaLink=\"false\">12</guid></item>", "<item><link>https://b.example/1</link></item>", "<item><title>x</title></item>"))
	if len(b.Posts) != 2 || b.Posts[0].NativeID != "https://b.example/#12" || b.Posts[1].NativeID != "https://b.example/1" {
		t.Fatalf("%+v", b.Posts)
	}
	if len(b.Problems) != 1 || !strings.HasPrefix(b.Problems[0].Error(), "item[2]") {
		t.Errorf("%v", b.Problems)
	}
}

// TestDates: RFC 1123 with its variants, Dublin Core, and none.
func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"<pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate>":                                         "2026-03-01T10:00:00Z",
		"<pubDate>Sun, 1 Mar 2026 10:00:00 +0100</pubDate>":                                        "2026-03-01T09:00:00Z",
		`<dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">2026-03-01T10:00:00+02:00</dc:date>`: "2026-03-01T08:00:00Z",
		"<pubDate>Sun, 01 Mar 2099 10:00:00 GMT</pubDate>":                                         "2026-11-01T00:00:00Z",
		"<pubDate>soon</pubDate>":                                                                  "2026-11-01T00:00:00Z",
	} {
		b := parse(t, rssOf("<item><guid>1</guid>"+in+"</item>"))
		if got := b.Posts[0].CreatedAt.Format(time.RFC3339); got != want {
			t.Errorf("%s: %s; want %s", in, got, want)
		}
	}
}

// TestImages: Media RSS, enclosures, the first picture of the text, thumbnails.
func TestImages(t *testing.T) {
	const mrss = ` xmlns:media="http://search.yahoo.com/mrss/" `
	for name, tt := range map[string]struct{ in, want string }{
		"media":     {`<media:group` + mrss + `><media:content url="/1.jpg" type="image/jpeg"><media:description>a</media:description></media:content><media:content url="/2.mp4" type="video/mp4"/></media:group>`, "https://b.example/1.jpg a"},
		"enclosure": {`<enclosure url="https://c.example/1.PNG" length="1" type=""/><enclosure url="https://c.example/2.mp3" type="audio/mpeg" length="2"/>`, "https://c.example/1.PNG "},
		"text":      {`<description>&lt;img width="1" src="/pixel.gif"&gt;&lt;img src="data:x" data-src="//c.example/3.jpg" alt="late"&gt;&lt;img src="/4.jpg"&gt;</description>`, "https://c.example/3.jpg late"},
		"thumbnail": {`<media:thumbnail` + mrss + `url="/t.jpg"/>`, "https://b.example/t.jpg "},
		"no scheme": {`<enclosure url="javascript:1" type="image/png" length="1"/>`, ""},
	} {
		p := parse(t, rssOf("<item><guid>1</guid><link>https://b.example/p</link>"+tt.in+"</item>")).Posts[0]
		got := ""
		for _, m := range p.Media {
			got += m.URL + " " + m.Alt
		}
		if got != tt.want {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}

// TestSignedAddresses: the same picture signed anew is the same content.
func TestSignedAddresses(t *testing.T) {
	one := func(sig string) models.Post {
		return parse(t, rssOf(`<item><guid>1</guid><enclosure url="https://c.example/1.jpg?w=5&amp;oe=`+sig+`" type="image/jpeg" length="1"/></item>`)).Posts[0]
	}
	if a, b := one("AA"), one("BB"); a.ContentHash() != b.ContentHash() || a.Media[0].URL == b.Media[0].URL {
		t.Errorf("%+v, %+v", a.Media, b.Media)
	}
}

// TestAtom: entries, edits, and RFC 6721 deletions whatever their prefix.
func TestAtom(t *testing.T) {
	b := parse(t, `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="http://purl.org/atompub/tombstones/1.0"><id>urn:f</id><title>T</title>
<x:deleted-entry ref="urn:1" when="2026-03-02T00:00:00Z"/><x:deleted-entry ref="urn:2" when="2026-03-02T00:00:00Z"/><x:deleted-entry ref="urn:3" when="2026-03-02T00:00:00Z"/>
<entry><id>urn:2</id><published>2026-03-01T00:00:00Z</published><updated>2026-03-01T00:00:00Z</updated><content>gone</content></entry>
<entry><id>urn:3</id><published>2026-03-01T00:00:00Z</published><updated>2026-03-03T00:00:00Z</updated><content>written anew</content></entry>
<entry><id>urn:4</id><updated>2026-03-01T00:00:00Z</updated><author><name>Ann</name></author><category term="Street Style"/><content type="html">&lt;b>hi&lt;/b></content></entry></feed>`)
	var got []string
	for _, p := range b.Posts {
		got = append(got, p.NativeID)
	}
	for _, d := range b.Deletions {
		got = append(got, "-"+d.NativeID)
	}
	if s := strings.Join(got, " "); s != "urn:3 urn:4 -urn:1 -urn:2" {
		t.Errorf("%s", s)
	}
	p := b.Posts[1]
	if p.Author.Name != "Ann" || p.Author.ID != "urn:f#Ann" || !slices.Contains(p.Hashtags, "streetstyle") || b.Posts[0].EditedAt.IsZero() || p.Author.Location.Kind != "none" {
		t.Errorf("%+v", p)
	}
}

// TestJSONFeed: version 1.1, and one wrong item beside good ones.
func TestJSONFeed(t *testing.T) {
	b := parse(t, `{"version":"https://jsonfeed.org/version/1.1","home_page_url":"https://b.example/","authors":[{"name":"Ann"}],"items":[
{"id":7,"content_text":"<not html>","image":"/a.jpg","banner_image":"/b.jpg","attachments":[{"url":"/c.png","mime_type":"image/png"},{"url":"/d.mp3","mime_type":"audio/mpeg"}],"date_published":"2026-03-01T10:00:00+01:00","tags":["A"]},
{"id":"8","title":5},null]}`)
	if len(b.Posts) != 2 || len(b.Problems) != 2 || !strings.HasPrefix(b.Problems[0].Error(), "items[1].title: ") {
		t.Fatalf("%+v", b)
	}
	p := b.Posts[0]
	if p.NativeID != "https://b.example/#7" || p.Text != "<not html>" || len(p.Media) != 3 || p.Author.Name != "Ann" || p.CreatedAt.Hour() != 9 || !strings.Contains(string(p.Raw), `"id":7`) {
		t.Errorf("%+v", p)
	}
}

// TestCutFeed: what stands before the cut is read, and the place is named.
func TestCutFeed(t *testing.T) {
	full := rssOf(itemOf("1"), itemOf("2"), itemOf("3"))
	for _, cut := range []int{strings.LastIndex(full, "<item"), strings.LastIndex(full, "<item") + 9, strings.LastIndex(full, "</item") + 4} {
		b := parse(t, full[:cut])
		if len(b.Posts) != 2 || len(b.Problems) != 1 || !strings.Contains(b.Problems[0].Error(), "line ") {
			t.Errorf("cut at %d: %d posts, %v", cut, len(b.Posts), b.Problems)
		}
	}
}

// TestOtherFeeds: what differs between feeds. All are constructed.
func TestOtherFeeds(t *testing.T) {
	channel := func(more, item string) string {
		return `<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title> T </title><link>https://b.example/x/</link>` + more + `<item><guid>https://b.example/1</guid>` + item + `</item></channel></rss>`
	}
	p := parse(t, channel(`<webMaster>tech@b.example (Tech)</webMaster>`, `<link>/p/1</link><description><![CDATA[<a href="../y">here</a> <a href="https://b.example/tag/a" rel="tag">a</a> <img alt="loading" src="i.jpg">]]></description>`)).Posts[0]
	if p.Author.Name != "T" || p.URL != "https://b.example/p/1" || p.Text != "here a" || !slices.Equal(p.Links, []string{"https://b.example/y"}) || p.Media[0].URL != "https://b.example/p/i.jpg" || p.Media[0].Alt != "" {
		t.Errorf("%+v", p)
	}
	p = parse(t, channel("", "<description>one\ntwo &amp;amp; &#1;\x0bthree</description>")).Posts[0]
	if p.Text != "one\ntwo & three" {
		t.Errorf("plain description: %q", p.Text)
	}
	p = parse(t, channel("", `<media:group><media:description>a yellow coat</media:description></media:group>`)).Posts[0]
	if p.Text != "a yellow coat" {
		t.Errorf("media description: %q", p.Text)
	}
	body := `<?xml version="1.0" encoding="windows-1251"?>` + channel("", "<title>Красное</title>")
	if p = parse(t, body).Posts[0]; p.Text != "Красное" {
		t.Errorf("a body that a recorder kept as text: %q", p.Text)
	}
	p = parse(t, `<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:a.example,2020:x</id><link href="https://a.example/"/><entry><id>tag:a.example,2020:1</id><link href="/1"/><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Hi <b>you</b><br/>all</p><img src="p.jpg"/></div></content></entry></feed>`).Posts[0]
	if p.URL != "https://a.example/1" || p.Text != "Hi you\nall" || p.Media[0].URL != "https://a.example/p.jpg" || p.Author.Handle != "a.example" {
		t.Errorf("%+v", p)
	}
}

// TestCharacterSets: the declaration, the mark and the bytes themselves.
func TestCharacterSets(t *testing.T) {
	latin := func(head string) string { return head + rssOf("<item><guid>1</guid><title>caf\xe9</title></item>") }
	wide := "\xff\xfe"
	for _, u := range utf16.Encode([]rune(`<?xml version="1.0" encoding="UTF-16"?>` + rssOf("<item><guid>1</guid><title>café</title></item>"))) {
		wide += string([]byte{byte(u), byte(u >> 8)})
	}
	for name, body := range map[string]string{
		"declared": latin(`<?xml version="1.0" encoding="ISO-8859-1"?>`), "sniffed": latin(""), "utf-16": wide,
		"mark": "\xef\xbb\xbf" + rssOf("<item><guid>1</guid><title>café</title></item>"),
	} {
		if p := parse(t, body).Posts[0]; p.Text != "café" {
			t.Errorf("%s: %q", name, p.Text)
		}
	}
}

// TestRefused: what is no feed, or a trap.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		body, want string
	}{
		"entities":  {200, `<!DOCTYPE r [<!ENTITY a "b">]>` + rssOf(), "XML entities"},
		"depth":     {200, "<rss>" + strings.Repeat("<a:b>", 100_000), "within one another"},
		"page":      {200, "<!DOCTYPE html><html></html>", "a page for people"},
		"cut":       {200, rssOf(itemOf("1"))[:120], "line 1"},
		"root":      {200, "<svg/>", "its root is <svg>"},
		"gone":      {410, "", "gone for good"},
		"error":     {503, "", "503"},
		"empty":     {200, "", "empty"},
		"json":      {200, `{"a":1}`, "items"},
		"half json": {200, `{"items":[`, "byte"},
		"too long":  {200, strings.Repeat(" ", 9<<20), "bytes"},
	} {
		_, err := connector().Parse(source.Exchange{Status: tt.status, Body: []byte(tt.body)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	for _, status := range []int{304, 200} {
		if b, err := connector().Parse(source.Exchange{Status: status, Body: []byte(rssOf())}); err != nil || len(b.Posts) > 0 {
			t.Errorf("empty with %d is no error: %+v, %v", status, b, err)
		}
	}
}

// TestAnyFieldMissingOrRetyped gives posts, problems or an error.
func TestAnyFieldMissingOrRetyped(t *testing.T) {
	item := map[string]any{"id": "1", "url": "https://b.example/1", "title": "t", "content_html": "<p>x</p>", "image": "/a.jpg", "date_published": "2026-03-01T10:00:00Z",
		"authors": []any{map[string]any{"name": "A"}}, "tags": []any{"x"}, "attachments": []any{map[string]any{"url": "/b.jpg", "mime_type": "image/jpeg"}}}
	doc := map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "T", "home_page_url": "https://b.example", "next_url": "/2", "language": "en", "items": []any{item}}
	n := 0
	try := func(o map[string]any) {
		for _, k := range slices.Sorted(maps.Keys(o)) {
			old := o[k]
			for _, kind := range []any{nil, 7.5, "text", map[string]any{}, []any{}, []any{nil, 3}, struct{}{}} {
				if o[k] = kind; kind == (struct{}{}) {
					delete(o, k)
				}
				body, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				b, err := connector().Parse(source.Exchange{Status: 200, Body: body})
				if n++; err == nil && len(b.Posts)+len(b.Problems) == 0 && k != "items" {
					t.Errorf("%s is %v: nothing came of it", k, kind)
				}
			}
			o[k] = old
		}
	}
	try(doc)
	try(item)
	full := recordedLike()
	for _, cut := range strings.SplitAfter(full, "\n") { // each line of an XML feed removed in turn
		b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(strings.Replace(full, cut, "", 1))})
		if n++; err == nil && len(b.Posts)+len(b.Problems) == 0 && !strings.Contains(cut, "item") {
			t.Errorf("without %q: nothing came of it", cut)
		}
	}
	if n < 80 {
		t.Errorf("%d changes", n)
	}
}

func recordedLike() string {
	return "<rss version=\"2.0\">\n<channel>\n<title>T</title>\n<link>https://b.example</link>\n<item>\n<title>x</title>\n<guid>1</guid>\n<pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate>\n<link>https://b.example/1</link>\n</item>\n</channel>\n</rss>"
}

func FuzzParse(f *testing.F) {
	f.Add("application/rss+xml", []byte(rssOf(itemOf("1"))))
	f.Add("", []byte(`{"items":[{"id":1,"authors":[null],"attachments":[{}]}]}`))
	f.Add("text/xml; charset=latin1", []byte(`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><content type="xhtml"><div/></content></entry></feed>`))
	c := connector()
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		b, err := c.Parse(source.Exchange{Status: 200, Header: map[string][]string{"Content-Type": {kind}}, Body: body})
		for _, p := range b.Posts {
			if p.NativeID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) || err != nil {
				t.Error(fmt.Sprint(p), err)
			}
		}
	})
}
