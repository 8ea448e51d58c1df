// Package instagram reads Instagram through Meta's Graph API: the recent and
// top media of a hashtag, and the media of a professional account (business
// discovery). It needs an approved app; see docs/sources/instagram.md.
//
// Media found by hashtag have no author at all, and nobody tells when they are
// deleted. Only an account's list can be read again.
package instagram

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// Name is the source of all posts of this package.
const Name = "instagram"

const (
	defaultBase    = "https://graph.facebook.com"
	defaultVersion = "v25.0"
)

// Windows keeps budgets of how many different items may be used in a time that
// is too long for the fast limiter: 30 hashtags in seven days. All crawlers
// share it.
type Windows interface {
	// Take asks for item. A zero time means that it is taken, also because it is
	// in the window already, which doesn't make its time longer. Otherwise free
	// is the moment when a place gets free.
	Take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error)
}

// Options say with what the API is called.
type Options struct {
	Web     *web.Client
	Token   string           // of a person with a task on the Page that the Instagram account belongs to
	Secret  string           // the app's: calls are signed with it; empty: they aren't
	UserID  string           // of the Instagram account in whose name is asked
	Version string           // of the API; empty: v25.0
	Base    string           // another address of the API
	Windows Windows          // nil: the hashtag budget isn't kept
	Now     func() time.Time // nil: time.Now
}

// Connector reads Instagram.
type Connector struct {
	opt  Options
	host string
}

// New makes a connector. What is missing in opt is told by the first call.
func New(opt Options) *Connector {
	opt.Base = strings.TrimRight(cmp.Or(opt.Base, defaultBase), "/")
	opt.Version = cmp.Or(opt.Version, defaultVersion)
	if opt.Web == nil {
		opt.Web = &web.Client{}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	c := &Connector{opt: opt}
	if u, err := url.Parse(opt.Base); err == nil {
		c.host = u.Host
	}
	return c
}

var (
	tagForm     = regexp.MustCompile(`^#?[\p{L}\p{M}\p{N}_]{1,100}$`)
	accountForm = regexp.MustCompile(`^@?[A-Za-z0-9._]{1,30}$`)
)

// The edges of a hashtag.
const (
	recent = "recent"
	top    = "top"
)

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "hashtag", Meaning: "a hashtag, with or without its sign; this or account", Check: matches(tagForm, "letters, digits and _ (Instagram takes no emoji)")},
		{Name: "account", Meaning: "the name of a business or creator account; this or hashtag", Check: matches(accountForm, "letters, digits, . and _")},
		{Name: "edge", Meaning: "which media of a hashtag: recent (default; the last 24 hours) or top", Check: edge},
		{Name: "backfill", Meaning: "how far back the first reading goes; default 720h, for a hashtag at most 24h", Check: duration},
		{Name: "overlap", Meaning: "how far behind the newest known post each reading goes, since lists aren't quite in order; default 1h", Check: duration},
		{Name: "pages", Meaning: "how many pages of 50 posts one reading may take; default 200, up to 2000", Check: pageCount},
	}
}

func matches(form *regexp.Regexp, allowed string) func(string) error {
	return func(v string) error {
		if !form.MatchString(v) {
			return fmt.Errorf("%q isn't allowed; %s are", v, allowed)
		}
		return nil
	}
}

func edge(v string) error {
	if v != recent && v != top {
		return fmt.Errorf("%q is no edge; recent and top are", v)
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
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 2000 {
		return fmt.Errorf("%q is no number from 1 to 2000", v)
	}
	return nil
}

// query is a source.Query that was understood.
type query struct {
	tag      string // hashtag without its sign
	account  string
	edge     string
	backfill time.Duration
	overlap  time.Duration
	pages    int
}

func (c *Connector) understand(q source.Query) (query, error) {
	if errs := source.CheckQuery(q, c.Params()); len(errs) > 0 {
		return query{}, models.Faultf(models.Permanent, "query %s: %w", q.Name, errors.Join(errs...))
	}
	out := query{
		tag:     strings.ToLower(strings.TrimPrefix(q.Params["hashtag"], "#")),
		account: strings.ToLower(strings.TrimPrefix(q.Params["account"], "@")),
		edge:    cmp.Or(q.Params["edge"], recent),
		overlap: time.Hour, backfill: 720 * time.Hour, pages: 200,
	}
	switch {
	case (out.tag == "") == (out.account == ""):
		return query{}, models.Faultf(models.Permanent, "query %s: exactly one of hashtag and account is wanted", q.Name)
	case out.account != "" && q.Params["edge"] != "":
		return query{}, models.Faultf(models.Permanent, "query %s: edge goes with hashtag, not with account", q.Name)
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
func (q query) what() string {
	if q.account != "" {
		return "account/" + q.account
	}
	return "hashtag/" + q.tag + "/" + q.edge
}

// ready tells which credentials are missing.
func (c *Connector) ready() error {
	var missing []string
	if c.opt.Token == "" {
		missing = append(missing, "token")
	}
	if c.opt.UserID == "" {
		missing = append(missing, "user_id")
	}
	if missing == nil {
		return nil
	}
	return &source.Trouble{
		Kind: source.Stopped,
		Do:   "get access as docs/sources/instagram.md says, and set sources.instagram." + strings.Join(missing, " and sources.instagram."),
		Err:  errors.New("instagram: no credentials"),
	}
}
