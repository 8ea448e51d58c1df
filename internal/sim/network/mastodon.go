package network

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// MastodonOptions say how the made-up instance behaves.
type MastodonOptions struct {
	Churn   int           // how many events happen with each list that is read
	Late    int           // every Late-th post comes from another server and arrives Delay after it was written; 0: none
	Delay   time.Duration // see Late
	Token   string        // wanted from everybody; empty: strangers are welcome
	Access  string        // what /api/v2/instance says of hashtags: public (when empty), authenticated or disabled
	Old     bool          // the version before 4.3: no call for several statuses
	NoLinks bool          // no Link header, as Pixelfed
}

const (
	mastodonHost = "fashion.example"
	// mastodonBase is the local id of post 0: over 2^53, as real ones are.
	mastodonBase = 114_870_000_000_000_000
	// mastodonStep lies between the ids of two posts.
	mastodonStep = 65_536
	// mastodonSeveral is how many statuses are given by id at once.
	mastodonSeveral = 20
)

// MastodonID returns the ActivityPub address of post n.
func MastodonID(n int) string {
	return "https://" + mastodonHost + "/ap/statuses/" + mastodonLocal(n)
}

func mastodonLocal(n int) string { return strconv.FormatInt(mastodonBase+int64(n)*mastodonStep, 10) }

// mastodonNumber is the number of the post with that local id, or of the next one above.
func mastodonNumber(id string) int {
	v, err := strconv.ParseInt(id, 10, 64)
	if err != nil || v < mastodonBase {
		return -1
	}
	return int((v - mastodonBase + mastodonStep - 1) / mastodonStep)
}

type mastodon struct {
	w     *World
	opt   MastodonOptions
	calls atomic.Int64
}

// Mastodon serves the world as an instance of Mastodon.
func (w *World) Mastodon(opt MastodonOptions) http.Handler {
	m := &mastodon{w: w, opt: opt}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/instance", m.instance)
	mux.HandleFunc("GET /api/v1/timelines/tag/{tag}", m.tag)
	mux.HandleFunc("GET /api/v1/statuses", m.several)
	mux.HandleFunc("GET /api/v1/statuses/{id}", m.one)
	mux.HandleFunc("GET /api/v1/accounts/{id}", m.account)
	mux.Handle("GET /media/", w.Images())
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) { m.fail(rw, http.StatusNotFound, "Not Found") })
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		used := int(m.calls.Add(1)) % 300
		rw.Header().Set("X-Ratelimit-Limit", "300")
		rw.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(300-used))
		rw.Header().Set("X-Ratelimit-Reset", time.Now().UTC().Add(time.Minute).Format("2006-01-02T15:04:05.000000Z"))
		open := !strings.HasPrefix(r.URL.Path, "/api/v1/")
		if !open && m.opt.Token != "" && r.Header.Get("Authorization") != "Bearer "+m.opt.Token {
			m.fail(rw, http.StatusUnauthorized, "This method requires an authenticated user")
			return
		}
		mux.ServeHTTP(rw, r)
	})
}

func (m *mastodon) send(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(rw).Encode(v)
}

func (m *mastodon) fail(rw http.ResponseWriter, status int, message string) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"error": message})
}

func (m *mastodon) instance(rw http.ResponseWriter, _ *http.Request) {
	access := m.opt.Access
	if access == "" {
		access = "public"
	}
	feeds := func(a string) map[string]string { return map[string]string{"local": a, "remote": a} }
	m.send(rw, map[string]any{
		"domain": mastodonHost, "title": "A made-up instance", "version": "4.5.0",
		"configuration": map[string]any{"timelines_access": map[string]any{
			"live_feeds": feeds("disabled"), "hashtag_feeds": feeds(access), "trending_link_feeds": feeds("public"),
		}},
	})
}

// tag serves a hashtag's timeline. As with the real one, max_id and since_id
// give the newest posts between them, min_id gives those right above it, and
// the Link header keeps local, limit and only_media but forgets the rest.
func (m *mastodon) tag(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 20
	}
	limit = min(max(limit, 1), 40)
	if m.opt.Churn > 0 {
		defer m.w.Advance(m.opt.Churn)
	}
	keep := m.filter(r.PathValue("tag"), q)
	var posts []Post
	if id := q.Get("min_id"); id != "" {
		posts = m.w.Oldest(mastodonNumber(id), limit, keep)
	} else {
		posts = m.w.Page(mastodonNumber(q.Get("since_id")), mastodonNumber(q.Get("max_id")), limit, keep)
	}
	list := []any{}
	for _, p := range posts {
		list = append(list, m.status(r, p))
	}
	if len(posts) > 0 && !m.opt.NoLinks {
		rw.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\", <%s>; rel=\"prev\"",
			m.turn(r, "max_id", posts[len(posts)-1].N), m.turn(r, "min_id", posts[0].N)))
	}
	m.send(rw, list)
}

// turn is the address of another page.
func (m *mastodon) turn(r *http.Request, name string, n int) string {
	q := url.Values{name: {mastodonLocal(n)}}
	for _, kept := range []string{"local", "limit", "only_media"} {
		if v := r.URL.Query().Get(kept); v != "" {
			q.Set(kept, v)
		}
	}
	return "http://" + r.Host + r.URL.Path + "?" + q.Encode()
}

// filter decides which posts a timeline has.
func (m *mastodon) filter(tag string, q url.Values) func(*Post) bool {
	now, over := m.w.Now(), m.w.Finished()
	return func(p *Post) bool {
		has := func(tag string) bool { return slices.Contains(p.Tags, strings.ToLower(tag)) }
		switch {
		case m.late(p.N) && !over && now.Before(p.Created.Add(m.opt.Delay)):
			return false
		case !has(tag) && !slices.ContainsFunc(q["any[]"], has):
			return false
		case slices.ContainsFunc(q["none[]"], has):
			return false
		case slices.ContainsFunc(q["all[]"], func(t string) bool { return !has(t) }):
			return false
		case q.Get("local") == "true" && m.remote(p.N), q.Get("remote") == "true" && !m.remote(p.N):
			return false
		}
		return q.Get("only_media") != "true" || len(p.Images) > 0
	}
}

func (m *mastodon) late(n int) bool { return m.opt.Late > 0 && n%m.opt.Late == 0 }

// remote reports whether a post was written on another server.
func (m *mastodon) remote(n int) bool { return n%2 == 1 || m.late(n) }

func (m *mastodon) several(rw http.ResponseWriter, r *http.Request) {
	ids := r.URL.Query()["id[]"]
	switch {
	case m.opt.Old:
		m.fail(rw, http.StatusNotFound, "Not Found")
		return
	case len(ids) > mastodonSeveral:
		m.fail(rw, http.StatusUnprocessableEntity, "Validation failed")
		return
	}
	list := []any{}
	for _, id := range ids {
		if p, ok := m.find(id); ok {
			list = append(list, m.status(r, p))
		}
	}
	m.send(rw, list)
}

func (m *mastodon) one(rw http.ResponseWriter, r *http.Request) {
	p, ok := m.find(r.PathValue("id"))
	if !ok {
		m.fail(rw, http.StatusNotFound, "Record not found")
		return
	}
	m.send(rw, m.status(r, p))
}

// find returns a post that can be seen, by its local id.
func (m *mastodon) find(id string) (Post, bool) {
	n := mastodonNumber(id)
	p, ok := m.w.Post(n)
	return p, ok && p.Seen() && mastodonLocal(n) == id
}

func (m *mastodon) account(rw http.ResponseWriter, r *http.Request) {
	for _, a := range m.w.Authors() {
		if strconv.Itoa(a.N+1) != r.PathValue("id") || a.State == Close {
			continue
		}
		v := m.author(&a, true)
		if a.State == Suspend {
			v["suspended"] = true
		}
		m.send(rw, v)
		return
	}
	m.fail(rw, http.StatusNotFound, "Record not found")
}

func (m *mastodon) author(a *Author, indexable bool) map[string]any {
	return map[string]any{
		"id": strconv.Itoa(a.N + 1), "username": a.Handle, "acct": a.Handle, "display_name": a.Name,
		"locked": false, "bot": false, "discoverable": true, "indexable": indexable, "group": false,
		"created_at": "2022-11-07T00:00:00.000Z", "note": "<p>" + html.EscapeString(a.Place) + "</p>",
		"url": "https://" + mastodonHost + "/@" + a.Handle, "uri": "https://" + mastodonHost + "/users/" + a.Handle,
		"followers_count": a.Followers, "following_count": 1, "statuses_count": 1, "noindex": false,
		"emojis": []any{}, "roles": []any{}, "fields": []any{},
	}
}

func (m *mastodon) status(r *http.Request, p Post) map[string]any {
	id := mastodonLocal(p.N)
	var content strings.Builder
	content.WriteString("<p>" + html.EscapeString(p.Text))
	tags := []any{}
	for _, t := range p.Tags {
		address := "https://" + mastodonHost + "/tags/" + t
		content.WriteString(fmt.Sprintf(` <a href="%s" class="mention hashtag" rel="tag">#<span>%s</span></a>`, address, t))
		tags = append(tags, map[string]string{"name": t, "url": address})
	}
	media := []any{}
	for k, n := range p.Images {
		here := fmt.Sprintf("http://%s/media/%d/%d/%d.jpg", r.Host, p.N, k, n)
		var origin any
		if m.remote(p.N) {
			origin = fmt.Sprintf("https://elsewhere.example/%d/%d/%d.jpg", p.N, k, n)
		}
		media = append(media, map[string]any{
			"id": fmt.Sprint(mastodonBase + p.N*10 + k), "type": "image", "url": here, "preview_url": here, "remote_url": origin,
			"meta": map[string]any{"original": map[string]any{"width": 96, "height": 128}}, "description": p.Alt, "blurhash": nil,
		})
	}
	var edited any
	if !p.EditedAt.IsZero() {
		edited = p.EditedAt.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return map[string]any{
		"id": id, "created_at": p.Created.UTC().Format("2006-01-02T15:04:05.000Z"), "edited_at": edited,
		"in_reply_to_id": nil, "in_reply_to_account_id": nil, "sensitive": p.Adult, "spoiler_text": "", "visibility": "public",
		"language": p.Language, "uri": MastodonID(p.N), "url": "https://" + mastodonHost + "/@" + p.Author.Handle + "/" + id,
		"replies_count": 0, "reblogs_count": 0, "favourites_count": p.Likes, "content": content.String() + "</p>", "filtered": []any{},
		"reblog": nil, "account": m.author(p.Author, !p.NoIndex), "media_attachments": media, "mentions": []any{},
		"tags": tags, "emojis": []any{}, "card": nil, "poll": nil,
	}
}
