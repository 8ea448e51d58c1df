// Package weibo reads Weibo: by its open API, and, only where the operator
// allows it, by the JSON of m.weibo.cn, which is no API for programs. Both give
// the same post with the same id, text and images, so a post that both found is
// one post.
package weibo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/source"
	"weft/source/gazetteer"
	"weft/source/web"
)

// Name is the source of the posts.
const Name = "weibo"

// Options say how to reach Weibo.
type Options struct {
	Web         *web.Client          // nil: one without limits
	Places      *gazetteer.Gazetteer // nil: places stay free text
	Base        string               // of the open API; empty: https://api.weibo.com/2
	Token       string               // its access token
	Rate        source.Rate          // calls that the app's contract allows; zero: 100 a day, the free tier
	AllowMobile bool                 // queries with mode: mobile may run
	MobileBase  string               // empty: https://m.weibo.cn
	Cookie      string               // of a session there; empty: a stranger's
	Now         func() time.Time     // nil: time.Now
}

// Connector reads Weibo.
type Connector struct{ opt Options }

// New returns a connector.
func New(opt Options) *Connector {
	opt.Base = strings.TrimRight(cmp.Or(opt.Base, "https://api.weibo.com/2"), "/")
	opt.MobileBase = strings.TrimRight(cmp.Or(opt.MobileBase, "https://m.weibo.cn"), "/")
	if opt.Web == nil {
		opt.Web = &web.Client{}
	}
	if opt.Rate.N == 0 {
		opt.Rate = source.Rate{N: 100, Per: 24 * time.Hour}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Connector{opt}
}

func (c *Connector) now() time.Time { return c.opt.Now().UTC() }

// The modes and lists of a query.
const (
	modeAPI    = "api"
	modeMobile = "mobile"
	listTopics = "topics"
	listUser   = "user"
	listHome   = "home"
	listSearch = "search"
)

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "mode", Meaning: "api (the open API, the default) or mobile (the JSON of m.weibo.cn; only with sources.weibo.mobile: true)", Check: c.checkMode},
		{Name: "list", Required: true, Meaning: "what to read: topics (posts with the hashtag in q; mode api), search (posts that m.weibo.cn finds for q, the newest first; mode mobile), " +
			"user (posts of the account in uid; the open API gives only those of the account that authorised the app), home (what the authorising account follows; mode api)",
			Check: oneOf(listTopics, listUser, listHome, listSearch)},
		{Name: "q", Meaning: "words to search for; for topics the hashtag without its signs"},
		{Name: "uid", Meaning: "the account's number", Check: func(v string) error {
			if !isID(v) {
				return fmt.Errorf("%q is no account: wants its number of up to 20 digits, as in weibo.com/u/<number>", v)
			}
			return nil
		}},
		{Name: "backfill", Meaning: "how many posts the first run reads at most; 200 when empty", Check: func(v string) error {
			if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 1_000_000 {
				return fmt.Errorf("%q is no number from 1 to 1000000", v)
			}
			return nil
		}},
	}
}

func (c *Connector) checkMode(v string) error {
	if v == modeMobile && !c.opt.AllowMobile {
		return errors.New("mobile is off: m.weibo.cn is no API for programs and its terms forbid collecting from it; set sources.weibo.mobile: true to take that risk")
	}
	return oneOf(modeAPI, modeMobile)(v)
}

func oneOf(words ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(words, v) {
			return nil
		}
		return fmt.Errorf("%q is none of %s", v, strings.Join(words, ", "))
	}
}

// open is a call of the open API, and its address without the token.
func (c *Connector) open(path string, params url.Values) (call web.Call, shown string) {
	shown = c.opt.Base + "/" + path + ".json?" + params.Encode()
	sum := sha256.Sum256([]byte(c.opt.Token))
	return web.Call{
		URL:     shown + "&access_token=" + url.QueryEscape(c.opt.Token),
		Secrets: []string{c.opt.Token},
		Key:     source.Key{Source: Name, Account: hex.EncodeToString(sum[:6]), Host: host(c.opt.Base)},
		Rate:    c.opt.Rate,
		Signal:  func(a web.Answer) source.Signal { return c.signal(a) },
	}, shown
}

// mobile is a call of the mobile pages, as a browser makes it.
func (c *Connector) mobile(path string, params url.Values) (call web.Call, shown string) {
	shown = c.opt.MobileBase + "/" + path + "?" + params.Encode()
	header := http.Header{
		"Accept":           {"application/json"},
		"Referer":          {c.opt.MobileBase + "/"},
		"X-Requested-With": {"XMLHttpRequest"},
		"Mweibo-Pwa":       {"1"},
	}
	key := source.Key{Source: Name, Host: host(c.opt.MobileBase)}
	if c.opt.Cookie != "" {
		header["Cookie"] = []string{c.opt.Cookie}
		sum := sha256.Sum256([]byte(c.opt.Cookie))
		key.Account = hex.EncodeToString(sum[:6])
	}
	return web.Call{
		URL: shown, Header: header, Secrets: cookieSecrets(c.opt.Cookie), Key: key,
		// Nobody knows the limit; people who asked faster were blocked for hours.
		Rate:   source.Rate{N: 10, Per: time.Minute},
		Signal: func(a web.Answer) source.Signal { return c.signal(a) },
	}, shown
}

// cookieSecrets are a Cookie header and each long value in it.
func cookieSecrets(cookie string) []string {
	if cookie == "" {
		return nil
	}
	secrets := []string{cookie}
	for part := range strings.SplitSeq(cookie, ";") {
		if _, value, ok := strings.Cut(part, "="); ok && len(value) >= 6 {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// maxError is the size up to which an answer with status 200 is looked at for an
// error: no page of posts is so short.
const maxError = 4096

// signal tells the limiter of an answer that refuses. Weibo says nothing of its
// limits before they are reached.
func (c *Connector) signal(a web.Answer) source.Signal {
	if a.Status == http.StatusOK && len(a.Body) > maxError && !a.HTML() {
		return source.Signal{}
	}
	_, err := check(a.Exchange(web.Call{}), a.Body, c.now())
	t, ok := source.AsTrouble(err)
	switch {
	case !ok:
		return source.Signal{}
	case t.Kind == source.Stopped:
		return source.Signal{Stop: t.Do}
	default:
		return source.Signal{Until: t.Until}
	}
}

func host(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Host
}
