package network

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// blueskyWindow is how many calls the made-up server allows in five minutes.
const blueskyWindow = 3000

func blueskyError(rw http.ResponseWriter, status int, name, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"error": name, "message": message})
}

func (b *bluesky) answer(rw http.ResponseWriter, v any) {
	b.mu.Lock()
	b.calls++
	left := blueskyWindow - b.calls%blueskyWindow
	b.mu.Unlock()
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Ratelimit-Limit", strconv.Itoa(blueskyWindow))
	h.Set("Ratelimit-Remaining", strconv.Itoa(left))
	h.Set("Ratelimit-Reset", strconv.FormatInt(time.Now().Add(5*time.Minute).Unix(), 10))
	h.Set("Ratelimit-Policy", "3000;w=300")
	_ = json.NewEncoder(rw).Encode(v)
}

func (b *bluesky) createSession(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Identifier, Password string }
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Password != b.opt.Password {
		blueskyError(rw, http.StatusUnauthorized, "AuthenticationRequired", "Invalid identifier or password")
		return
	}
	b.tokensFor(rw, in.Identifier)
}

func (b *bluesky) refreshSession(rw http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	ok := b.fresh != "" && bearer(r) == b.fresh
	b.mu.Unlock()
	if !ok {
		blueskyError(rw, http.StatusBadRequest, "ExpiredToken", "Token has been revoked")
		return
	}
	b.tokensFor(rw, "me.test")
}

func (b *bluesky) tokensFor(rw http.ResponseWriter, handle string) {
	b.mu.Lock()
	b.logins++
	access := fmt.Sprintf("access-%d-%s", b.logins, lower32(20, fmt.Sprint("a", b.logins)))
	b.fresh = fmt.Sprintf("refresh-%d-%s", b.logins, lower32(20, fmt.Sprint("r", b.logins)))
	b.tokens = map[string]int{access: b.opt.Expire}
	fresh := b.fresh
	b.mu.Unlock()
	b.answer(rw, map[string]any{"did": blueskyDID(-1), "handle": handle, "accessJwt": access, "refreshJwt": fresh, "active": true})
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// admitted checks the access token, and counts it down.
func (b *bluesky) admitted(rw http.ResponseWriter, r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	left, ok := b.tokens[bearer(r)]
	switch {
	case ok && b.opt.Expire == 0:
		return true
	case ok && left > 0:
		b.tokens[bearer(r)] = left - 1
		return true
	}
	blueskyError(rw, http.StatusBadRequest, "ExpiredToken", "Token has expired")
	return false
}

func (b *bluesky) view(p Post) map[string]any {
	return map[string]any{
		"uri": p.blueskyURI(), "cid": blueskyCID("post", p.N), "record": b.record(p), "labels": []any{},
		"author": map[string]any{
			"did": blueskyDID(p.Author.N), "handle": p.Author.Handle + ".test", "displayName": p.Author.Name, "labels": []any{},
		},
		"likeCount": p.Likes, "replyCount": 0, "repostCount": 0, "quoteCount": 0, "indexedAt": p.Created.UTC().Format(time.RFC3339Nano),
	}
}

// searchPosts wants an account, and answers strangers as the real one does.
func (b *bluesky) searchPosts(rw http.ResponseWriter, r *http.Request) {
	if bearer(r) == "" {
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusForbidden)
		_, _ = rw.Write([]byte("<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>"))
		return
	}
	if !b.admitted(rw, r) {
		return
	}
	if b.opt.Advance > 0 {
		b.w.Advance(b.opt.Advance)
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 25
	}
	offset, _ := strconv.Atoi(q.Get("cursor"))
	if q.Get("q") == "" || limit < 1 || limit > 100 || offset > 2000 {
		blueskyError(rw, http.StatusBadRequest, "InvalidRequest", "q, limit or cursor can't be served")
		return
	}
	since, _ := time.Parse(time.RFC3339, q.Get("since"))
	until, err := time.Parse(time.RFC3339, q.Get("until"))
	all := b.w.Page(-1, -1, offset+limit, func(p *Post) bool {
		return !p.Created.Before(since) && (err != nil || p.Created.Before(until)) && hasTag(p, q.Get("tag")) && (q.Get("lang") == "" || p.Language == q.Get("lang"))
	})
	posts := []any{}
	for _, p := range all[min(offset, len(all)):] {
		posts = append(posts, b.view(p))
	}
	out := map[string]any{"posts": posts}
	if len(posts) == limit {
		out["cursor"] = strconv.Itoa(offset + limit)
	}
	b.answer(rw, out)
}

func hasTag(p *Post, tag string) bool {
	for _, t := range p.Tags {
		if tag == "" || t == tag {
			return true
		}
	}
	return false
}

// getPosts leaves out what can't be seen. It answers strangers too.
func (b *bluesky) getPosts(rw http.ResponseWriter, r *http.Request) {
	if bearer(r) != "" && !b.admitted(rw, r) {
		return
	}
	uris := r.URL.Query()["uris"]
	if len(uris) == 0 || len(uris) > 25 {
		blueskyError(rw, http.StatusBadRequest, "InvalidRequest", "uris must have 1 to 25 items")
		return
	}
	posts := []any{}
	for _, uri := range uris {
		if p, ok := b.w.Post(blueskyNumber(uri)); ok && p.Seen() && p.blueskyURI() == uri {
			posts = append(posts, b.view(p))
		}
	}
	b.answer(rw, map[string]any{"posts": posts})
}

func (b *bluesky) getProfiles(rw http.ResponseWriter, r *http.Request) {
	if bearer(r) != "" && !b.admitted(rw, r) {
		return
	}
	wanted := map[string]bool{}
	for _, did := range r.URL.Query()["actors"] {
		wanted[did] = true
	}
	profiles := []any{}
	for _, a := range b.w.Authors() {
		if did := blueskyDID(a.N); wanted[did] && a.State == "" {
			profiles = append(profiles, map[string]any{"did": did, "handle": a.Handle + ".test", "displayName": a.Name, "labels": []any{}})
		}
	}
	b.answer(rw, map[string]any{"profiles": profiles})
}

// image serves the image server's addresses.
func (b *bluesky) image(rw http.ResponseWriter, r *http.Request) {
	for n := range b.w.Opt.Images {
		if r.PathValue("name") == blueskyCID("image", n)+"@jpeg" {
			rw.Header().Set("Content-Type", "image/jpeg")
			_, _ = rw.Write(b.w.Image(n))
			return
		}
	}
	http.NotFound(rw, r)
}
