package network

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// InstagramOptions say how the Graph API of a World behaves.
type InstagramOptions struct {
	Token   string                                    // wanted of every call, if set
	Secret  string                                    // of the app: calls must be signed with it, if set
	Advance int                                       // events that happen before each page
	Held    bool                                      // every page has the same cursor, and the server remembers where it is
	Fault   func(r *http.Request) (code, subcode int) // an error of the API for this call; zero: none
	Usage   func() int                                // percent of the calls that are used; nil: no header
}

// InstagramID is the id of post n.
func InstagramID(n int) string { return strconv.Itoa(17_840_000_000_000_000 + n) }

// InstagramText is the caption of p.
func InstagramText(p Post) string { return p.Text + " #" + strings.Join(p.Tags, " #") }

// instagramHashtag is the id of the one hashtag there is.
const instagramHashtag = "17843000000000001"

const instagramTime = "2006-01-02T15:04:05-0700"

// instagram serves the Graph API.
type instagram struct {
	w   *World
	opt InstagramOptions

	mu    sync.Mutex
	calls int
	held  map[string]int // by list: before which post the next page begins
}

// Instagram serves the parts of the Graph API that read hashtags and accounts.
// The authors of a World are its accounts; one that is closed isn't found.
func (w *World) Instagram(opt InstagramOptions) http.Handler {
	s := &instagram{w: w, opt: opt, held: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{version}/ig_hashtag_search", s.search)
	mux.HandleFunc("GET /{version}/{id}/recent_media", s.hashtag)
	mux.HandleFunc("GET /{version}/{id}/top_media", s.hashtag)
	mux.HandleFunc("GET /{version}/{id}", s.discovery)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/images/"):
			w.Images().ServeHTTP(rw, r)
		case s.allowed(rw, r):
			mux.ServeHTTP(rw, r)
		}
	})
}

func (s *instagram) allowed(rw http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if s.opt.Usage != nil {
		n := s.opt.Usage()
		rw.Header().Set("X-App-Usage", fmt.Sprintf(`{"call_count":%d,"total_cputime":1,"total_time":2}`, n))
	}
	q := r.URL.Query()
	mac := hmac.New(sha256.New, []byte(s.opt.Secret))
	mac.Write([]byte(q.Get("access_token")))
	code, sub, message := 0, 0, "made up"
	if s.opt.Fault != nil {
		code, sub = s.opt.Fault(r)
	}
	switch {
	case code != 0:
	case s.opt.Token != "" && q.Get("access_token") != s.opt.Token:
		code, sub, message = 190, 467, "Invalid OAuth access token"
	case s.opt.Secret != "" && q.Get("appsecret_proof") != hex.EncodeToString(mac.Sum(nil)):
		code, message = 100, "Invalid appsecret_proof provided in the API argument"
	default:
		return true
	}
	instagramFail(rw, code, sub, message)
	return false
}

func instagramFail(rw http.ResponseWriter, code, subcode int, message string) {
	e := map[string]any{"message": fmt.Sprintf("(#%d) %s", code, message), "type": "OAuthException", "code": code, "fbtrace_id": "A0"}
	if subcode != 0 {
		e["error_subcode"] = subcode
	}
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	rw.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(rw).Encode(map[string]any{"error": e})
}

func (s *instagram) search(rw http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.URL.Query().Get("q"), s.w.Opt.Tag) {
		instagramFail(rw, 24, 2207024, "The requested resource does not exist")
		return
	}
	instagramReply(rw, map[string]any{"data": []any{map[string]string{"id": instagramHashtag}}})
}

func (s *instagram) hashtag(rw http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != instagramHashtag {
		instagramFail(rw, 100, 33, "Unsupported get request. Object does not exist")
		return
	}
	recent := strings.HasSuffix(r.URL.Path, "recent_media")
	s.w.Advance(s.opt.Advance)
	since := s.w.Now().Add(-24 * time.Hour)
	keep := func(p *Post) bool { return !recent || p.Created.After(since) }
	q := r.URL.Query()
	posts, after := s.page(r.URL.Path, q.Get("after"), instagramLimit(q.Get("limit"), 50), keep)
	data := []any{}
	for _, p := range posts {
		m := s.media(r, p)
		if !recent {
			delete(m, "timestamp")
		}
		data = append(data, m)
	}
	// Neighbours change places: the list isn't quite in order.
	for i := 0; i+1 < len(data); i += 2 {
		data[i], data[i+1] = data[i+1], data[i]
	}
	body := map[string]any{"data": data}
	if after != "" {
		next := url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path}
		q.Set("after", after)
		next.RawQuery = q.Encode() // with the token in it, as the real one
		body["paging"] = map[string]any{"cursors": map[string]any{"after": after}, "next": next.String()}
	}
	instagramReply(rw, body)
}

func instagramLimit(s string, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 25
	}
	return min(n, most)
}

// page returns the posts of one page, and the cursor of the next. The next one
// begins with the last two posts of this one again.
func (s *instagram) page(list, cursor string, n int, keep func(*Post) bool) ([]Post, string) {
	before := -1
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cursor == "":
	case s.opt.Held:
		before = s.held[list]
	default:
		before, _ = strconv.Atoi(strings.TrimPrefix(cursor, "QVFIU"))
	}
	posts := s.w.Page(-1, before, n, keep)
	if len(posts) < n {
		return posts, ""
	}
	next := posts[len(posts)-2].N
	s.held[list] = next
	if s.opt.Held {
		return posts, "QVFIUsame"
	}
	return posts, "QVFIU" + strconv.Itoa(next)
}

// media is one post as the API has it. Addresses are signed anew each time.
func (s *instagram) media(r *http.Request, p Post) map[string]any {
	m := map[string]any{
		"id": InstagramID(p.N), "caption": InstagramText(p), "comments_count": p.N % 9,
		"permalink": fmt.Sprintf("https://www.instagram.com/p/C%d/", p.N), "timestamp": p.Created.UTC().Format(instagramTime),
	}
	if p.N%7 != 0 { // every seventh author hides likes
		m["like_count"] = p.Likes
	}
	switch len(p.Images) {
	case 0:
		m["media_type"], m["media_url"] = "VIDEO", "http://"+r.Host+"/images/film.mp4?"+s.signature()
	case 1:
		m["media_type"] = "IMAGE"
		if p.N%97 != 0 { // somebody claims rights to the others
			m["media_url"] = s.image(r, p.Images[0])
		}
	default:
		m["media_type"] = "CAROUSEL_ALBUM"
		var children []any
		for i, n := range p.Images {
			children = append(children, map[string]any{"id": fmt.Sprintf("%s%d", InstagramID(p.N), i), "media_type": "IMAGE", "media_url": s.image(r, n)})
		}
		m["children"] = map[string]any{"data": children}
	}
	return m
}

func (s *instagram) image(r *http.Request, n int) string {
	return fmt.Sprintf("http://%s/images/%d.jpg?%s", r.Host, n, s.signature())
}

func (s *instagram) signature() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("oh=%x&oe=%X", s.calls, 1_700_000_000+s.calls)
}

var discoveryForm = regexp.MustCompile(`^business_discovery\.username\(([^)]+)\)\{.*media\.limit\((\d+)\)(?:\.after\(([^)]*)\))?\{`)

func (s *instagram) discovery(rw http.ResponseWriter, r *http.Request) {
	asked := discoveryForm.FindStringSubmatch(r.URL.Query().Get("fields"))
	if asked == nil {
		instagramFail(rw, 100, 0, "Tried accessing nonexisting field")
		return
	}
	s.w.Advance(s.opt.Advance)
	var who *Author
	for _, a := range s.w.Authors() {
		if a.Handle == asked[1] && a.State == "" {
			who = &a
		}
	}
	if who == nil {
		instagramFail(rw, 24, 2207013, "The requested resource does not exist")
		return
	}
	posts, after := s.page("account/"+who.Handle, asked[3], instagramLimit(asked[2], 50), func(p *Post) bool { return p.Author.N == who.N })
	data := []any{}
	for _, p := range posts {
		data = append(data, s.media(r, p))
	}
	media := map[string]any{"data": data}
	if after != "" {
		media["paging"] = map[string]any{"cursors": map[string]any{"after": after}}
	}
	instagramReply(rw, map[string]any{
		"business_discovery": map[string]any{
			"id": strconv.Itoa(17_841_400_000_000_000 + who.N), "username": who.Handle, "name": who.Name,
			"followers_count": who.Followers, "media": media,
		},
		"id": cmp.Or(r.PathValue("id"), "1"),
	})
}

func instagramReply(rw http.ResponseWriter, body any) {
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(rw).Encode(body)
}
