package bluesky

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// session is a log-in. It is kept in memory alone: the network allows 300 a
// day, and refreshing one is not counted.
type session struct{ access, refresh string }

// logIn returns a session that isn't the stale one: refreshed if possible.
func (c *Connector) logIn(ctx context.Context, stale string) (session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session.access != "" && c.session.access != stale {
		return c.session, nil // another call was faster
	}
	if c.session.refresh != "" {
		s, status, err := c.newSession(ctx, "com.atproto.server.refreshSession", nil, c.session.refresh)
		if err == nil {
			c.session = s
			return s, nil
		}
		if status != http.StatusBadRequest && status != http.StatusUnauthorized {
			return session{}, err
		}
		c.session = session{} // the refresh token is used up as well
	}
	body, err := json.Marshal(map[string]string{"identifier": c.opt.Handle, "password": c.opt.AppPassword})
	if err != nil {
		return session{}, err
	}
	s, _, err := c.newSession(ctx, "com.atproto.server.createSession", body, "")
	if err == nil {
		c.session = s
	}
	return s, err
}

// newSession makes one of the two calls that give tokens.
func (c *Connector) newSession(ctx context.Context, method string, body []byte, token string) (session, int, error) {
	call := web.Call{
		Method: http.MethodPost, URL: c.opt.Base + "/xrpc/" + method, Body: body,
		Header: http.Header{"Accept": {"application/json"}}, Secrets: []string{c.opt.AppPassword, token}, Signal: signal,
		// Log-ins have a limit of their own, so they have a key of their own.
		Key: source.Key{Source: Name, Account: c.opt.Handle, Host: hostOf(c.opt.Base) + "/session"}, Rate: source.Rate{N: 30, Per: 5 * time.Minute},
	}
	if body != nil {
		call.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		call.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := c.web.Do(ctx, call)
	if err != nil {
		return session{}, a.Status, err
	}
	o := asObject(a.Body)
	if a.Status != http.StatusOK || a.HTML() || o == nil {
		return session{}, a.Status, c.failed(call, a)
	}
	s := session{access: o.text("accessJwt"), refresh: o.text("refreshJwt")}
	if s.access == "" {
		return session{}, a.Status, models.Faultf(models.Unavailable, "%s: accessJwt: a text is wanted", method)
	}
	if active, ok := o.flag("active"); ok && !active {
		return session{}, a.Status, stopped("use another account", "the account %s is %s", c.opt.Handle, cmp.Or(clip(o.text("status")), "not active"))
	}
	return s, a.Status, nil
}

func stopped(do, format string, args ...any) error {
	return &source.Trouble{Kind: source.Stopped, Do: do, Err: fmt.Errorf(format, args...)}
}

// ask calls a query of the API, with the account if there is one.
func (c *Connector) ask(ctx context.Context, method string, q url.Values) (source.Exchange, error) {
	anonymous := c.opt.Handle == "" || c.opt.AppPassword == ""
	base, s := c.opt.Base, session{}
	if anonymous && method != searchMethod {
		base = c.opt.Public // search isn't answered there
	}
	if !anonymous {
		var err error
		if s, err = c.logIn(ctx, ""); err != nil {
			return source.Exchange{}, err
		}
	}
	for fresh := false; ; fresh = true {
		call := c.call(base, method, q, s)
		a, err := c.web.Do(ctx, call)
		if err != nil {
			return source.Exchange{}, err
		}
		if a.Status == http.StatusOK && !a.HTML() {
			rec := a.Exchange(call)
			rec.URL = base + "/xrpc/" + method + "?" + q.Encode() // which has no secrets
			return rec, nil
		}
		if anonymous || fresh || !expired(a) {
			return source.Exchange{}, c.failed(call, a)
		}
		if s, err = c.logIn(ctx, s.access); err != nil {
			return source.Exchange{}, err
		}
	}
}

func (c *Connector) call(base, method string, q url.Values, s session) web.Call {
	call := web.Call{
		URL: base + "/xrpc/" + method + "?" + q.Encode(), Header: http.Header{"Accept": {"application/json"}},
		Secrets: []string{c.opt.AppPassword, s.access, s.refresh}, Signal: signal,
		Key: source.Key{Source: Name, Host: hostOf(base)}, Rate: source.Rate{N: 3000, Per: 5 * time.Minute},
	}
	if s.access != "" {
		call.Key.Account = c.opt.Handle
		call.Header.Set("Authorization", "Bearer "+s.access)
	}
	return call
}

// expired reports whether a new token helps.
func expired(a web.Answer) bool {
	switch asObject(a.Body).text("error") {
	case "ExpiredToken", "InvalidToken":
		return a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized
	}
	return a.Status == http.StatusUnauthorized && !a.HTML()
}

// failed sorts an answer that is none.
func (c *Connector) failed(call web.Call, a web.Answer) error {
	if a.Status == http.StatusOK {
		return models.Faultf(models.Unavailable, "%s answered with a page for people, or with what is no JSON object", hostOf(call.URL))
	}
	if err := refusal(a.Status, a.HTML(), asObject(a.Body)); err != nil {
		return err
	}
	return a.Fail(call)
}

// refusal is the error for answers that a person must do something about; nil
// for others.
func refusal(status int, html bool, o object) error {
	name := o.text("error")
	switch {
	case name == "AuthFactorTokenRequired":
		return stopped("make an app password in Bluesky's settings, and use it instead of the account's own", "the account wants a second factor")
	case name == "AccountTakedown" || name == "AccountDeactivated" || name == "AccountSuspended":
		return stopped("use another account", "the account can't be used: %s", name)
	case status == http.StatusUnauthorized || name == "ExpiredToken" || name == "InvalidToken":
		return stopped("set sources.bluesky.handle and an app password as sources.bluesky.app_password", "the account was refused: %s", cmp.Or(clip(name), "401"))
	case status == http.StatusForbidden && html:
		return stopped("set sources.bluesky.handle and sources.bluesky.app_password: search wants an account; or read the stream, which wants none",
			"403 with a page for people instead of an answer: this host doesn't answer strangers")
	case status == http.StatusForbidden:
		return stopped("look at the account's rights", "403: %s", cmp.Or(clip(name), "no reason"))
	}
	return nil
}

// signal reads ratelimit-limit, -remaining and -reset, which every answer has.
func signal(a web.Answer) source.Signal {
	number := func(name string) (float64, bool) {
		n, err := strconv.ParseFloat(a.Header.Get(name), 64)
		return n, err == nil && n >= 0
	}
	limit, ok1 := number("ratelimit-limit")
	left, ok2 := number("ratelimit-remaining")
	if !ok1 || !ok2 || limit == 0 {
		return source.Signal{}
	}
	s := source.Signal{Known: true, Left: min(left/limit, 1)}
	reset, ok := number("ratelimit-reset")
	// Windows have 5 minutes, and a day for log-ins: more is no time of a reset.
	if at := time.Unix(int64(min(reset, 1e11)), 0); ok && at.Before(a.At.Add(25*time.Hour)) {
		s.Reset = at.UTC()
		if left == 0 && at.After(a.At) {
			s.Until = s.Reset
		}
	}
	return s
}
