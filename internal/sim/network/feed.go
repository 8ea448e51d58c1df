package network

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FeedOptions say how the made-up blog behaves.
type FeedOptions struct {
	Churn int // how many events happen with each page that is read
	Page  int // posts on a page; 0: 100
}

const feedHost = "https://blog.example"

// FeedID returns the guid of post n.
func FeedID(n int) string { return feedHost + "/posts/" + strconv.Itoa(n) }

// Feed serves the world as a blog's feed: /rss, /atom and /json, each in pages
// that lead to the next, with ETag. Only /atom tells of deleted posts.
func (w *World) Feed(opt FeedOptions) http.Handler {
	if opt.Page == 0 {
		opt.Page = 100
	}
	mux := http.NewServeMux()
	for path, write := range map[string]func(feedPage) []byte{"rss": writeRSS, "atom": writeAtom, "json": writeJSONFeed} {
		mux.HandleFunc("GET /"+path, func(rw http.ResponseWriter, r *http.Request) {
			before := -1
			if v := r.URL.Query().Get("before"); v != "" {
				before, _ = strconv.Atoi(v)
			}
			p := feedPage{base: "http://" + r.Host, posts: w.Page(-1, before, opt.Page, nil)}
			if len(p.posts) == opt.Page {
				p.next = fmt.Sprintf("http://%s/%s?before=%d", r.Host, path, p.posts[len(p.posts)-1].N)
			}
			if before < 0 && path == "atom" {
				p.dead = w.removed()
			}
			body := write(p)
			sum := sha256.Sum256(body)
			tag := `"` + hex.EncodeToString(sum[:8]) + `"`
			rw.Header().Set("ETag", tag)
			if opt.Churn > 0 {
				defer w.Advance(opt.Churn)
			}
			if r.Header.Get("If-None-Match") == tag {
				rw.WriteHeader(http.StatusNotModified)
				return
			}
			rw.Header().Set("Content-Type", map[string]string{"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}[path])
			_, _ = rw.Write(body)
		})
	}
	mux.Handle("GET /images/", w.Images())
	return mux
}

// feedPage is what a feed shows at once.
type feedPage struct {
	base  string
	next  string
	posts []Post
	dead  map[int]time.Time
}

// removed returns the posts that are gone for good, and since when.
func (w *World) removed() map[int]time.Time {
	dead := map[int]time.Time{}
	events, _ := w.Events(0, 1<<30)
	for _, e := range events {
		switch e.Kind {
		case Remove:
			dead[e.Post] = e.At
		case Close:
			for _, n := range w.AuthorPosts(e.Author) {
				dead[n] = e.At
			}
		default: // nothing goes
		}
	}
	return dead
}

func (p feedPage) image(post Post, k int) string {
	return fmt.Sprintf("%s/images/%d/%d/%d.jpg", p.base, post.N, k, post.Images[k])
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// writeRSS gives the images as Media RSS, and the last one as enclosure.
func writeRSS(p feedPage) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>A made-up blog</title><link>` + feedHost + `</link><language>en</language>`)
	if p.next != "" {
		b.WriteString(`<atom:link rel="next" href="` + escape(p.next) + `"/>`)
	}
	for _, post := range p.posts {
		fmt.Fprintf(&b, `<item><title>%s</title><link>%s</link><guid>%s</guid><pubDate>%s</pubDate><dc:creator>%s</dc:creator>`,
			escape(fmt.Sprintf("No. %d", post.N)), FeedID(post.N), FeedID(post.N), post.Created.UTC().Format(time.RFC1123Z), escape(post.Author.Name))
		for _, t := range post.Tags {
			b.WriteString("<category>" + escape(t) + "</category>")
		}
		for k := range post.Images {
			fmt.Fprintf(&b, `<media:content url="%s" medium="image"><media:description>%s</media:description></media:content>`, p.image(post, k), escape(post.Alt))
		}
		b.WriteString("<description>" + escape("<p>"+html.EscapeString(post.Text)+"</p>") + "</description></item>")
	}
	b.WriteString("</channel></rss>")
	return []byte(b.String())
}

// writeAtom gives the first image within the text alone.
func writeAtom(p feedPage) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"><id>` + feedHost + `/</id><title>A made-up blog</title>`)
	if p.next != "" {
		b.WriteString(`<link rel="next" href="` + escape(p.next) + `"/>`)
	}
	for n, at := range p.dead {
		fmt.Fprintf(&b, `<at:deleted-entry ref="%s" when="%s"/>`, FeedID(n), at.UTC().Format(time.RFC3339))
	}
	for _, post := range p.posts {
		updated := post.Created
		if !post.EditedAt.IsZero() {
			updated = post.EditedAt
		}
		var text strings.Builder
		text.WriteString("<p>" + html.EscapeString(post.Text) + "</p>")
		for k := range post.Images {
			text.WriteString(fmt.Sprintf(`<img src="%s" alt="%s">`, p.image(post, k), html.EscapeString(post.Alt)))
		}
		fmt.Fprintf(&b, `<entry><id>%s</id><title>No. %d</title><link href="%s"/><published>%s</published><updated>%s</updated><author><name>%s</name></author><content type="html">%s</content></entry>`,
			FeedID(post.N), post.N, FeedID(post.N), post.Created.UTC().Format(time.RFC3339), updated.UTC().Format(time.RFC3339), escape(post.Author.Name), escape(text.String()))
	}
	b.WriteString("</feed>")
	return []byte(b.String())
}

func writeJSONFeed(p feedPage) []byte {
	items := []any{}
	for _, post := range p.posts {
		it := map[string]any{
			"id": FeedID(post.N), "url": FeedID(post.N), "content_html": "<p>" + html.EscapeString(post.Text) + "</p>", "tags": post.Tags, "language": post.Language,
			"date_published": post.Created.UTC().Format(time.RFC3339), "authors": []any{map[string]string{"name": post.Author.Name}},
		}
		if !post.EditedAt.IsZero() {
			it["date_modified"] = post.EditedAt.UTC().Format(time.RFC3339)
		}
		files := []any{}
		for k := range post.Images {
			files = append(files, map[string]string{"url": p.image(post, k), "mime_type": "image/jpeg", "title": post.Alt})
		}
		it["attachments"] = files
		items = append(items, it)
	}
	v := map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "A made-up blog", "home_page_url": feedHost + "/", "items": items}
	if p.next != "" {
		v["next_url"] = p.next
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
