package network

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// WeiboOptions say how a made-up Weibo behaves.
type WeiboOptions struct {
	Token  string // what the open API wants; empty: any
	Cookie string // what the mobile pages want; empty: none
	Step   int    // events that happen before each page of a list
	Limit  int    // every so many calls one is refused for coming too often; 0: never
}

// weiboBase is the id of post 0: over 2^53, and odd, so that whoever reads it as
// a float gets another post.
const weiboBase = 1<<53 + 1

// WeiboID is the native id of post n.
func WeiboID(n int) string { return strconv.FormatInt(weiboID(n), 10) }

// WeiboUser is the id of author n.
func WeiboUser(n int) string { return strconv.Itoa(2_000_000_000 + n) }

func weiboID(n int) int64 { return weiboBase + 2*int64(n) }

// weiboPost is the number of a post by its id; -1 if it is none.
func weiboPost(id string) int {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < weiboBase {
		return -1
	}
	return int((n - weiboBase) / 2)
}

func weiboAuthor(id string) int {
	n, err := strconv.Atoi(id)
	if err != nil {
		return -1
	}
	return n - 2_000_000_000
}

// WeiboText is the text of a post as both APIs must give it.
func WeiboText(p Post) string {
	var t strings.Builder
	t.WriteString(p.Text)
	for _, tag := range p.Tags {
		t.WriteString(" #" + tag + "#")
	}
	if weiboLong(p) {
		t.WriteString("\n" + strings.Repeat("一件很好看的衣服，", 20) + "[doge] http://t.cn/" + strconv.Itoa(p.N))
	}
	return t.String()
}

// weiboLong reports whether lists cut a post's text.
func weiboLong(p Post) bool { return p.N%12 == 5 }

// weibo serves both APIs.
type weibo struct {
	w   *World
	opt WeiboOptions

	mu     sync.Mutex
	calls  int
	newest int // number of the newest post that was ever seen: pages by number count from it
}

// Weibo serves the world as Weibo: the open API under /2, the mobile pages, and
// the pictures.
func (w *World) Weibo(opt WeiboOptions) http.Handler {
	s := &weibo{w: w, opt: opt, newest: -1}
	mux := http.NewServeMux()
	api := func(path string, h http.HandlerFunc) { mux.HandleFunc("GET /2/"+path+".json", s.token(h)) }
	api("search/topics", s.topics)
	api("statuses/home_timeline", s.timeline(nil))
	api("statuses/user_timeline", s.user)
	api("statuses/show", s.show)
	mux.HandleFunc("GET /api/container/getIndex", s.session(s.container))
	mux.HandleFunc("GET /statuses/show", s.session(s.mobileShow))
	mux.HandleFunc("GET /statuses/extend", s.session(s.extend))
	mux.Handle("GET /large/", w.Images())
	return mux
}

// tired counts a call, and reports whether it is one too many.
func (s *weibo) tired() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.calls, s.opt.Limit > 0 && s.calls%s.opt.Limit == 0
}

// token lets through who has one. The code of an error is now a number, now a string.
func (s *weibo) token(h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		refuse := func(code any, message string) {
			weiboReply(rw, http.StatusForbidden, map[string]any{"request": r.URL.Path, "error_code": code, "error": message})
		}
		given := r.URL.Query().Get("access_token")
		if given == "" || s.opt.Token != "" && given != s.opt.Token {
			refuse(21332, "invalid_access_token")
			return
		}
		switch n, tired := s.tired(); {
		case tired && n/s.opt.Limit%2 == 0:
			refuse("10022", "IP requests out of rate limit!")
		case tired:
			refuse(10023, "User requests out of rate limit!")
		default:
			h(rw, r)
		}
	}
}

// session is what the mobile pages do to whom they don't know, or know too well.
func (s *weibo) session(h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if s.opt.Cookie != "" && r.Header.Get("Cookie") != s.opt.Cookie {
			weiboReply(rw, http.StatusOK, map[string]any{"ok": -100, "url": "https://passport.weibo.cn/signin/login"})
			return
		}
		if _, tired := s.tired(); tired {
			rw.WriteHeader(432)
			return
		}
		h(rw, r)
	}
}

// topics pages by number over all posts that were ever written. Those that are
// gone leave their place empty, as on Weibo, where pages are often short.
func (s *weibo) topics(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	posts, more := s.numbered(q.Get("q"), q.Get("page"), min(max(weiboNumber(q.Get("count"), 10), 1), 50))
	var statuses []any
	for _, p := range posts {
		statuses = append(statuses, s.status(r, p, false))
	}
	out := map[string]any{"total_number": s.newest + 1, "next_cursor": 0}
	if more { // an ad that only the list beside it names as one
		ad := s.status(r, Post{N: 40_000_000, Author: &Author{Name: "shop"}, Created: s.w.Now(), Text: "buy!"}, false)
		statuses = append(statuses, ad)
		out["ad"] = []any{map[string]any{"id": weiboID(40_000_000), "mark": "1_AD"}}
	}
	out["statuses"] = weiboList(statuses)
	weiboReply(rw, http.StatusOK, out)
}

func (s *weibo) numbered(tag, page string, count int) ([]Post, bool) {
	s.w.Advance(s.opt.Step)
	s.mu.Lock()
	if top := s.w.Page(-1, -1, 1, nil); len(top) > 0 {
		s.newest = max(s.newest, top[0].N)
	}
	before := s.newest + 1 - (max(weiboNumber(page, 1), 1)-1)*count
	s.mu.Unlock()
	if before <= 0 {
		return nil, false
	}
	return s.w.Page(before-count-1, before, count, func(p *Post) bool { return strings.EqualFold(p.Tags[0], tag) }), true
}

func (s *weibo) user(rw http.ResponseWriter, r *http.Request) {
	who := weiboAuthor(r.URL.Query().Get("uid"))
	s.timeline(func(p *Post) bool { return p.Author.N == who })(rw, r)
}

// timeline pages by max_id.
func (s *weibo) timeline(keep func(*Post) bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		s.w.Advance(s.opt.Step)
		q, before := r.URL.Query(), -1
		if last := q.Get("max_id"); last != "" {
			before = weiboPost(last) + 1
		}
		statuses := []any{}
		if before != 0 {
			for _, p := range s.w.Page(-1, before, min(weiboNumber(q.Get("count"), 20), 100), keep) {
				statuses = append(statuses, s.status(r, p, false))
			}
		}
		weiboReply(rw, http.StatusOK, map[string]any{"statuses": statuses, "hasvisible": false, "previous_cursor": 0, "next_cursor": 0})
	}
}

func (s *weibo) show(rw http.ResponseWriter, r *http.Request) {
	p, ok := s.w.Post(weiboPost(r.URL.Query().Get("id")))
	switch {
	case !ok || !p.Seen() && p.Author.State != Suspend:
		weiboReply(rw, http.StatusBadRequest, map[string]any{"request": r.URL.Path, "error_code": 20101, "error": "target weibo does not exist!"})
	case !p.Seen():
		weiboReply(rw, http.StatusBadRequest, map[string]any{"request": r.URL.Path, "error_code": "20112", "error": "Permission Denied!"})
	default:
		weiboReply(rw, http.StatusOK, s.status(r, p, r.URL.Query().Get("isGetLongText") == "1"))
	}
}

// status is a post as the open API writes it.
func (s *weibo) status(r *http.Request, p Post, whole bool) map[string]any {
	text := WeiboText(p)
	st := weiboCommon(p)
	if weiboLong(p) {
		st["isLongText"] = true
		if whole {
			st["longText"] = map[string]any{"longTextContent": text}
		}
		text = weiboCut(text) + "全文： http://m.weibo.cn/1/" + WeiboID(p.N) + " \u200b"
	}
	thumbs := []any{}
	for _, n := range p.Images {
		thumbs = append(thumbs, map[string]any{"thumbnail_pic": fmt.Sprintf("http://%s/thumbnail/%d.jpg", r.Host, n)})
	}
	province, city := "100", "1000"
	if strings.Contains(p.Author.Place, "Shanghai") {
		province = "31"
	}
	who := WeiboUser(p.Author.N)
	st["id"], st["idstr"], st["mid"], st["text"], st["pic_urls"], st["geo"] = weiboID(p.N), WeiboID(p.N), WeiboID(p.N), text+" \u200b\u200b", thumbs, nil
	st["user"] = map[string]any{
		"id": 2_000_000_000 + p.Author.N, "idstr": who, "screen_name": p.Author.Handle, "name": p.Author.Name,
		"province": province, "city": city, "location": cmp.Or(p.Author.Place, "其他"), "followers_count": p.Author.Followers,
	}
	return st
}

// weiboCommon are the fields that both APIs write in the same way.
func weiboCommon(p Post) map[string]any {
	china := time.FixedZone("", 8*60*60)
	st := map[string]any{
		"created_at": p.Created.In(china).Format(time.RubyDate), "visible": map[string]any{"type": 0, "list_id": 0},
		"attitudes_count": p.Likes, "comments_count": p.Likes / 10, "reposts_count": p.Likes / 20,
		"source": "<a href=\"http://weibo.com/\" rel=\"nofollow\">微博 weibo.com</a>", "isLongText": false,
	}
	if !p.EditedAt.IsZero() {
		st["edit_count"], st["edit_at"] = 1, p.EditedAt.In(china).Format(time.RubyDate)
	}
	return st
}

// weiboCut is the beginning of a long text.
func weiboCut(text string) string { return string([]rune(text)[:20]) + "..." }

// weiboHTML is text as the mobile pages write it.
func weiboHTML(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(html.EscapeString(text), "#") {
		if i%2 == 1 {
			fmt.Fprintf(&b, `<a  href="https://m.weibo.cn/search?containerid=231522" data-hide=""><span class="surl-text">#%s#</span></a>`, part)
			continue
		}
		b.WriteString(part)
	}
	out := strings.ReplaceAll(b.String(), "\n", "<br />")
	out = strings.ReplaceAll(out, "[doge]", `<span class="url-icon"><img alt=[doge] src="https://h5.sinaimg.cn/m/emoticon/icon/doge.png" style="width:1em; height:1em;" /></span>`)
	if at := strings.Index(out, "http://t.cn/"); at >= 0 {
		link := out[at:]
		out = out[:at] + fmt.Sprintf(`<a data-url="%s" href="%s" data-hide=""><span class='url-icon'><img src='x.png'></span><span class="surl-text">网页链接</span></a>`, link, link)
	}
	return out
}

func weiboNumber(s string, none int) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return none
	}
	return n
}

func weiboList(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func weiboReply(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v)
}
