package reddit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

const (
	doKeys     = "look whether Reddit still approves the app (keys are being revoked), and set sources.reddit.client_id and sources.reddit.client_secret"
	doApproval = "Reddit refuses this program: it needs approval, and a User-Agent that names you"
)

// bearer returns a token, a new one if there is none that is good for another minute.
func (c *Connector) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.opt.Now().Before(c.expires.Add(-time.Minute)) {
		return c.token, nil
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.opt.ClientID + ":" + c.opt.ClientSecret))
	call := web.Call{
		Method:  http.MethodPost,
		URL:     c.opt.Auth + "/api/v1/access_token",
		Header:  http.Header{"Authorization": {"Basic " + basic}, "Content-Type": {"application/x-www-form-urlencoded"}},
		Body:    []byte("grant_type=client_credentials"),
		Secrets: []string{basic, c.opt.ClientSecret},
		Key:     source.Key{Source: Name, Account: c.account, Host: c.host},
		Rate:    source.Rate{N: 100, Per: time.Minute},
	}
	a, err := c.opt.Web.Do(ctx, call)
	if err != nil {
		return "", err
	}
	o := asObject(a.Body)
	token := o.text("access_token")
	switch {
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return "", &source.Trouble{Kind: source.Stopped, Do: doKeys, Err: fmt.Errorf("reddit gives no token: %d %s", a.Status, short(o.text("error")))}
	case a.Status != http.StatusOK, a.HTML():
		return "", a.Fail(call)
	case token == "":
		return "", models.Faultf(models.Unavailable, "reddit: the answer has no token at access_token")
	}
	life, ok := o.number("expires_in")
	if !ok || life <= 0 {
		life = 3600
	}
	c.token, c.expires = token, c.opt.Now().Add(time.Duration(min(life, 86_400)*float64(time.Second)))
	return token, nil
}

// forget drops a token that was refused.
func (c *Connector) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// get reads one listing.
func (c *Connector) get(ctx context.Context, path string, params url.Values) (page, error) {
	params.Set("raw_json", "1") // else addresses come escaped for HTML
	for try := range 2 {
		token, err := c.bearer(ctx)
		if err != nil {
			return page{}, err
		}
		call := web.Call{
			URL:     c.opt.Base + path + "?" + params.Encode(),
			Header:  http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}},
			Secrets: []string{token, c.opt.ClientSecret},
			Key:     source.Key{Source: Name, Account: c.account, Host: c.host},
			Rate:    source.Rate{N: 100, Per: time.Minute},
			Signal:  signal,
		}
		a, err := c.opt.Web.Do(ctx, call)
		if err != nil {
			return page{}, err
		}
		if a.Status == http.StatusUnauthorized && try == 0 {
			c.forget(token) // it was taken back before its time: once with a new one
			continue
		}
		return c.read(a, call)
	}
	return page{}, models.Faultf(models.Unavailable, "reddit: no token is taken")
}

func (c *Connector) read(a web.Answer, call web.Call) (page, error) {
	switch {
	case a.HTML() && a.Status == http.StatusForbidden:
		return page{}, refusedPage()
	case a.HTML(), a.Status >= http.StatusInternalServerError:
		return page{}, a.Fail(call)
	}
	if err := fault(a.Status, a.Body); err != nil {
		return page{}, err
	}
	if !json.Valid(a.Body) {
		return page{}, models.Faultf(models.Unavailable, "%s answered what is no JSON", c.host)
	}
	r := reader{now: c.opt.Now().UTC()}
	if !r.things("", a.Body) || !r.listed {
		return page{}, models.Faultf(models.Unavailable, "reddit: an answer that is no listing")
	}
	return r.page, nil
}

// refusedPage is what a page for people with status 403 means.
func refusedPage() error {
	return &source.Trouble{Kind: source.Stopped, Do: doApproval, Err: errors.New("reddit answered 403 with a page for people")}
}

// fault says what an error answer means: {"message":"Forbidden","error":403,"reason":"private"}.
func fault(status int, body []byte) error {
	var o object
	if status >= http.StatusBadRequest || len(body) < 4096 { // a listing is longer, or has no error
		o = asObject(body)
	}
	if code, ok := o.number("error"); ok && o["kind"] == nil {
		status = int(code)
	}
	if status < http.StatusBadRequest && status != 0 {
		if status >= http.StatusMultipleChoices {
			return models.Faultf(models.Permanent, "reddit answered %d: it isn't there", status)
		}
		return nil
	}
	reason, message := short(o.text("reason")), short(o.text("message"))
	switch {
	case status == http.StatusUnauthorized:
		return &source.Trouble{Kind: source.Stopped, Do: doKeys, Err: fmt.Errorf("reddit answered 401 %s", message)}
	case status == http.StatusForbidden && reason == "":
		return &source.Trouble{Kind: source.Stopped, Do: doApproval, Err: fmt.Errorf("reddit answered 403 %s", message)}
	case status == http.StatusForbidden:
		return models.Faultf(models.Permanent, "reddit answered 403: the subreddit is %s, choose another", reason)
	case status == http.StatusNotFound:
		return models.Faultf(models.Permanent, "reddit answered 404 %s: the subreddit or post isn't there", reason)
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError, status == 0:
		return models.Faultf(models.Unavailable, "reddit answered %d %s", status, message)
	}
	return models.Faultf(models.Permanent, "reddit answered %d %s", status, message)
}

func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// signal reads the rate headers, which are floats in text: "594.0" are left of
// 600, and the count starts anew in 66 seconds.
func signal(a web.Answer) source.Signal {
	read := func(name string) (float64, bool) {
		f, err := strconv.ParseFloat(a.Header.Get("X-Ratelimit-"+name), 64)
		return f, err == nil && f >= 0 && f < 1e6
	}
	left, ok := read("Remaining")
	reset, ok2 := read("Reset")
	if !ok || !ok2 {
		return source.Signal{}
	}
	used, _ := read("Used")
	s := source.Signal{Known: true, Reset: a.At.Add(time.Duration(reset * float64(time.Second)))}
	if left+used > 0 {
		s.Left = left / (left + used)
	}
	if left < 1 {
		s.Until = s.Reset
	}
	return s
}
