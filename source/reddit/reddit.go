// Package reddit reads posts of a subreddit or a search from Reddit's API. It is
// off until somebody has keys: since November 2025 Reddit approves each use
// beforehand; see docs/sources/reddit.md.
package reddit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// Name is the source of all posts of this package.
const Name = "reddit"

const (
	defaultBase = "https://oauth.reddit.com"
	defaultAuth = "https://www.reddit.com"
	site        = "https://www.reddit.com"
)

// Options say with what the API is called.
type Options struct {
	Web          *web.Client // its Agent should name you: Reddit throttles unknown programs
	ClientID     string      // of the app that Reddit approved; empty: the source is off
	ClientSecret string
	Base         string           // another address of the API
	Auth         string           // another address of where tokens are given; empty: Base, if that is set
	Now          func() time.Time // nil: time.Now
}

// Connector reads Reddit. It keeps one token, which is good for an hour or a day.
type Connector struct {
	opt     Options
	host    string
	account string // a hash of the client id, for the limits

	mu      sync.Mutex
	token   string
	expires time.Time
}

// New makes a connector.
func New(opt Options) *Connector {
	if opt.Base == "" || strings.TrimRight(opt.Base, "/") == defaultBase { // which has no tokens itself
		opt.Base, opt.Auth = defaultBase, cmp.Or(opt.Auth, defaultAuth)
	}
	opt.Base = strings.TrimRight(opt.Base, "/")
	opt.Auth = strings.TrimRight(cmp.Or(opt.Auth, opt.Base), "/")
	if opt.Web == nil {
		opt.Web = &web.Client{}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	sum := sha256.Sum256([]byte(opt.ClientID))
	c := &Connector{opt: opt, account: hex.EncodeToString(sum[:4])}
	if u, err := url.Parse(opt.Base); err == nil {
		c.host = u.Host
	}
	return c
}

var subredditForm = regexp.MustCompile(`^(/?r/)?[A-Za-z0-9][A-Za-z0-9_]{1,49}$`)

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "subreddit", Meaning: "the name of a subreddit, with or without r/; this or search", Check: subreddit},
		{Name: "search", Meaning: "what to search for in all of Reddit; this or subreddit", Check: search},
		{Name: "backfill", Meaning: "how far back the first reading goes; default 720h, and never more than about 1,000 posts", Check: duration},
		{Name: "overlap", Meaning: "how far behind the newest known post each reading goes, for posts that were held back; default 1h", Check: duration},
		{Name: "pages", Meaning: "how many pages of 100 posts one reading may take; default 20, up to 100", Check: pageCount},
	}
}

func subreddit(v string) error {
	if !subredditForm.MatchString(v) {
		return fmt.Errorf("%q is no name of a subreddit; letters, digits and _ are allowed", v)
	}
	return nil
}

func search(v string) error {
	if len(v) > 512 {
		return errors.New("at most 512 bytes are allowed")
	}
	return nil
}

func duration(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d < 0 {
		return fmt.Errorf("%q is no duration such as 24h", v)
	}
	return nil
}

func pageCount(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 100 {
		return fmt.Errorf("%q is no number from 1 to 100", v)
	}
	return nil
}

// query is a source.Query that was understood.
type query struct {
	path     string // of the listing
	params   url.Values
	backfill time.Duration
	overlap  time.Duration
	pages    int
}

func (c *Connector) understand(q source.Query) (query, error) {
	if errs := source.CheckQuery(q, c.Params()); len(errs) > 0 {
		return query{}, models.Faultf(models.Permanent, "query %s: %w", q.Name, errors.Join(errs...))
	}
	out := query{overlap: time.Hour, backfill: 720 * time.Hour, pages: 20}
	name, words := strings.TrimPrefix(strings.TrimPrefix(q.Params["subreddit"], "/"), "r/"), q.Params["search"]
	switch {
	case (name == "") == (words == ""):
		return query{}, models.Faultf(models.Permanent, "query %s: exactly one of subreddit and search is wanted", q.Name)
	case name != "":
		out.path, out.params = "/r/"+strings.ToLower(name)+"/new", url.Values{}
	default:
		out.path, out.params = "/search", url.Values{"q": {words}, "sort": {"new"}, "t": {"all"}, "type": {"link"}}
	}
	if v := q.Params["backfill"]; v != "" {
		out.backfill, _ = time.ParseDuration(v) // checked above
	}
	if v := q.Params["overlap"]; v != "" {
		out.overlap, _ = time.ParseDuration(v)
	}
	if v := q.Params["pages"]; v != "" {
		out.pages, _ = strconv.Atoi(v)
	}
	return out, nil
}

// what names the list that is read, so that a cursor isn't used for another.
func (q query) what() string { return q.path + "?" + q.params.Encode() }

// ready tells that the source is off.
func (c *Connector) ready() error {
	if c.opt.ClientID != "" {
		return nil
	}
	return &source.Trouble{
		Kind: source.Stopped,
		Do:   "apply as docs/sources/reddit.md says, and set sources.reddit.client_id and sources.reddit.client_secret",
		Err:  errors.New("reddit is off: it needs Reddit's approval of your use, which gives a client id"),
	}
}
