package mastodon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

const (
	// pageSize is the most that a timeline gives at once.
	pageSize = 40
	// maxReset bounds how long an instance may make us wait: its clock may be wrong.
	maxReset = time.Hour
)

// get calls an instance. Answers of any status come back, but pages for people
// and those that say that the token is no good.
func (c *Connector) get(ctx context.Context, instance, path string, form url.Values) (web.Answer, web.Call, error) {
	base := c.opt.Base
	if base == "" {
		base = "https://" + instance
	}
	call := web.Call{
		URL:    strings.TrimSuffix(base, "/") + path,
		Header: http.Header{"Accept": {"application/json"}},
		Key:    source.Key{Source: Name, Host: instance},
		Rate:   source.Rate{N: 300, Per: 5 * time.Minute},
		Signal: signal,
	}
	if len(form) > 0 {
		call.URL += "?" + form.Encode()
	}
	token := c.token(instance)
	if token != "" {
		call.Header.Set("Authorization", "Bearer "+token)
		call.Secrets = []string{token}
		sum := sha256.Sum256([]byte(token))
		call.Key.Account = hex.EncodeToString(sum[:6])
	}
	a, err := c.opt.Web.Do(ctx, call)
	if err != nil {
		return a, call, err
	}
	switch {
	case a.HTML():
		// A page that stands before the instance: a proxy's, or a maintenance
		// notice. Not even its 404 is the instance's word.
		return a, call, models.Faultf(models.Unavailable, "%w", a.Fail(call))
	case a.Status == http.StatusUnauthorized && token != "":
		return a, call, &source.Trouble{
			Kind: source.Stopped,
			Do:   "make a new access token with the scope read:statuses on " + instance + " (Preferences, Development) and set sources.mastodon.token",
			Err:  a.Fail(call),
		}
	case a.Status == http.StatusUnauthorized:
		return a, call, models.Faultf(models.Permanent, "%s shows this to nobody without an access token (%s): make one there with the scope read:statuses, and set sources.mastodon.token and sources.mastodon.instance", instance, said(a.Body))
	}
	return a, call, nil
}

// token is what may be sent to an instance.
func (c *Connector) token(instance string) string {
	if instance != c.opt.TokenInstance {
		return ""
	}
	return c.opt.Token
}

// signal reads X-RateLimit-*. Reset is a moment, not a number of seconds. An
// answer out of a cache carries the headers of the first who asked, so a moment
// that has passed says nothing.
func signal(a web.Answer) source.Signal {
	limit, err := strconv.ParseFloat(a.Header.Get("X-Ratelimit-Limit"), 64)
	left, err2 := strconv.ParseFloat(a.Header.Get("X-Ratelimit-Remaining"), 64)
	reset, ok := parseTime(a.Header.Get("X-Ratelimit-Reset"))
	if err != nil || err2 != nil || !ok || !(limit > 0) || !(left >= 0) || !reset.After(a.At) {
		return source.Signal{}
	}
	if last := a.At.Add(maxReset); reset.After(last) {
		reset = last
	}
	s := source.Signal{Known: true, Left: min(left/limit, 1), Reset: reset}
	if left == 0 || a.Status == http.StatusTooManyRequests {
		s.Until = reset
	}
	return s
}

// link finds max_id in the Link header's rel="next". Only the id is taken: the
// header forgets any[], all[], none[] and remote, and might name another server.
var link = regexp.MustCompile(`<([^>]*)>\s*;[^,]*\brel="?next"?`)

// nextPage returns the id below which the next page begins; empty is the end.
// Servers without the header (Pixelfed) page by the lowest id.
func nextPage(h http.Header, lowest string) string {
	header := strings.Join(h.Values("Link"), ", ")
	if header == "" {
		return lowest
	}
	m := link.FindStringSubmatch(header)
	if m == nil {
		return ""
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return ""
	}
	return u.Query().Get("max_id")
}

// below compares local ids. They are numbers over 2^53, or texts of one length
// (GoToSocial), so they stay texts: a shorter one is lower.
func below(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
