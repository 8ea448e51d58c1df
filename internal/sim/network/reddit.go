package network

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// RedditOptions say how the API of a World behaves.
type RedditOptions struct {
	ID, Secret string // of the app, wanted for a token if set
	Advance    int    // events that happen before each listing
	Ceiling    int    // how many posts a listing has at most; 0: 1,000
	Lifetime   int    // how many calls a token is good for; 0: for ever
}

// RedditID is the name of post n.
func RedditID(n int) string { return "t3_" + strconv.FormatInt(int64(1_000_000+n), 36) }

// redditSub is the one subreddit there is.
const redditSub = "streetwear"

// RedditText is the title and text of p as a reader of the API puts them together.
func RedditText(p Post) string {
	title, body := redditText(p)
	return strings.TrimSpace(title + "\n\n" + body)
}

// redditText says the tags in the body of every third post, else in the title.
func redditText(p Post) (title, body string) {
	tags := "#" + strings.Join(p.Tags, " #")
	if p.N%3 == 0 {
		return p.Text, tags
	}
	return p.Text + " " + tags, ""
}

// reddit serves the API.
type reddit struct {
	w   *World
	opt RedditOptions

	mu    sync.Mutex
	token string
	left  int // calls that the token is good for
	calls int
	given int // tokens
}

// Reddit serves the parts of Reddit's API that read posts: /r/streetwear/new,
// /search, /api/info and the tokens for them. Removed posts are still given by
// api/info, without their content; those of suspended authors aren't.
func (w *World) Reddit(opt RedditOptions) http.Handler {
	if opt.Ceiling == 0 {
		opt.Ceiling = 1000
	}
	s := &reddit{w: w, opt: opt}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/access_token", s.grant)
	mux.HandleFunc("GET /r/{sub}/new", s.allowed(s.listing))
	mux.HandleFunc("GET /search", s.allowed(s.listing))
	mux.HandleFunc("GET /api/info", s.allowed(s.info))
	mux.Handle("GET /images/", w.Images())
	return mux
}

func (s *reddit) grant(rw http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if s.opt.ID != "" && (id != s.opt.ID || secret != s.opt.Secret) {
		s.reply(rw, http.StatusUnauthorized, map[string]any{"message": "Unauthorized", "error": 401})
		return
	}
	s.mu.Lock()
	s.given++
	s.token, s.left = fmt.Sprintf("token-%d", s.given), s.opt.Lifetime
	token := s.token
	s.mu.Unlock()
	s.reply(rw, http.StatusOK, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 86400, "scope": "*"})
}

// allowed checks the token and adds the rate headers.
func (s *reddit) allowed(next http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls++
		used := s.calls % 600
		good := r.Header.Get("Authorization") == "Bearer "+s.token && s.token != "" && (s.opt.Lifetime == 0 || s.left > 0)
		s.left--
		s.mu.Unlock()
		rw.Header().Set("X-Ratelimit-Used", strconv.Itoa(used))
		rw.Header().Set("X-Ratelimit-Remaining", fmt.Sprintf("%d.0", 600-used))
		rw.Header().Set("X-Ratelimit-Reset", "66")
		if !good {
			s.reply(rw, http.StatusUnauthorized, map[string]any{"message": "Unauthorized", "error": 401})
			return
		}
		next(rw, r)
	}
}

func (s *reddit) reply(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body)
}

func (s *reddit) listing(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch sub := r.PathValue("sub"); {
	case sub == "private":
		s.reply(rw, http.StatusForbidden, map[string]any{"message": "Forbidden", "error": 403, "reason": "private"})
		return
	case sub != "" && sub != redditSub: // the real one leads to a search for subreddits
		s.reply(rw, http.StatusOK, redditListing([]any{map[string]any{"kind": "t5", "data": map[string]any{"display_name": sub}}}, ""))
		return
	}
	s.w.Advance(s.opt.Advance)
	n := 25
	if v, err := strconv.Atoi(q.Get("limit")); err == nil && v > 0 {
		n = min(v, 100)
	}
	// The whole listing, so that it ends at its ceiling.
	posts := s.w.Page(-1, -1, s.opt.Ceiling, nil)
	if after := q.Get("after"); after != "" {
		at := redditNumber(after)
		for len(posts) > 0 && posts[0].N >= at {
			posts = posts[1:]
		}
		if p, ok := s.w.Post(at); !ok || !p.Seen() {
			posts = nil // an anchor that was deleted gives an empty page
		}
	}
	more := len(posts) > n
	posts = posts[:min(n, len(posts))]
	children := []any{}
	for _, p := range posts {
		children = append(children, map[string]any{"kind": "t3", "data": s.link(r, p)})
	}
	after := ""
	if more {
		after = RedditID(posts[len(posts)-1].N)
	}
	s.reply(rw, http.StatusOK, redditListing(children, after))
}

func redditListing(children []any, after string) map[string]any {
	data := map[string]any{"modhash": nil, "dist": len(children), "children": children, "before": nil, "after": nil}
	if after != "" {
		data["after"] = after
	}
	return map[string]any{"kind": "Listing", "data": data}
}

func redditNumber(name string) int {
	n, err := strconv.ParseInt(strings.TrimPrefix(name, "t3_"), 36, 64)
	if err != nil {
		return -1
	}
	return int(n) - 1_000_000
}

func (s *reddit) info(rw http.ResponseWriter, r *http.Request) {
	children := []any{}
	for name := range strings.SplitSeq(r.URL.Query().Get("id"), ",") {
		p, ok := s.w.Post(redditNumber(name))
		if !ok || (p.Author.State == Suspend && !p.Removed) {
			continue
		}
		children = append(children, map[string]any{"kind": "t3", "data": s.link(r, p)})
	}
	s.reply(rw, http.StatusOK, redditListing(children, ""))
}

// link is one post as the API has it.
func (s *reddit) link(r *http.Request, p Post) map[string]any {
	id := strings.TrimPrefix(RedditID(p.N), "t3_")
	title, body := redditText(p)
	permalink := "/r/" + redditSub + "/comments/" + id + "/made_up/"
	m := map[string]any{
		"id": id, "name": "t3_" + id, "title": title, "selftext": body, "subreddit": redditSub, "subreddit_type": "public",
		"author": p.Author.Handle, "author_fullname": fmt.Sprintf("t2_%d", p.Author.N), "permalink": permalink, "url": redditSite(r) + permalink,
		"created_utc": float64(p.Created.Unix()), "edited": false, "over_18": p.Adult, "is_robot_indexable": !p.NoIndex,
		"score": p.Likes, "num_comments": p.N % 11, "removed_by_category": nil, "hide_score": p.N%13 == 0,
	}
	if !p.EditedAt.IsZero() {
		m["edited"] = float64(p.EditedAt.Unix())
	}
	s.images(r, p, m)
	if p.Removed || p.Author.State == Close {
		m["author"], m["selftext"] = "[deleted]", "[deleted]"
		delete(m, "author_fullname")
		for _, name := range []string{"preview", "gallery_data", "media_metadata"} {
			delete(m, name)
		}
		if p.Removed {
			m["removed_by_category"] = "deleted"
		}
	}
	if r.URL.Query().Get("raw_json") != "1" {
		for name, v := range m {
			if text, ok := v.(string); ok {
				m[name] = html.EscapeString(text)
			}
		}
	}
	return m
}

func redditSite(r *http.Request) string { return "http://" + r.Host }

// images puts one image into the link, and several into a gallery whose
// metadata is in no order.
func (s *reddit) images(r *http.Request, p Post, m map[string]any) {
	switch {
	case len(p.Images) == 1 && p.N%2 == 0:
		m["url"], m["post_hint"] = fmt.Sprintf("%s/images/%d.jpg", redditSite(r), p.Images[0]), "image"
	case len(p.Images) == 1: // a link with a preview, whose address is signed
		m["post_hint"] = "link"
		m["preview"] = map[string]any{"images": []any{map[string]any{
			"id": fmt.Sprintf("preview%d", p.N), "source": map[string]any{"url": s.signed(r, p.Images[0]), "width": 96, "height": 128},
		}}}
	case len(p.Images) > 1:
		m["is_gallery"] = true
		items, meta := []any{}, map[string]any{}
		for i, n := range p.Images {
			id := fmt.Sprintf("%c%dm%d", 'z'-i, i, p.N)
			items = append(items, map[string]any{"media_id": id, "id": i, "caption": p.Alt})
			meta[id] = map[string]any{"status": "valid", "e": "Image", "m": "image/jpg", "s": map[string]any{"u": s.signed(r, n), "x": 96, "y": 128}}
		}
		m["gallery_data"], m["media_metadata"] = map[string]any{"items": items}, meta
	}
}

func (s *reddit) signed(r *http.Request, n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%s/images/%d.jpg?auto=webp&s=%x", redditSite(r), n, s.calls)
}
