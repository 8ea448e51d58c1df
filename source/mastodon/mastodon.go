// Package mastodon collects posts with a hashtag from Mastodon, and from what
// speaks its API: GoToSocial, Pixelfed, Akkoma. It needs no account where the
// instance lets strangers read hashtags, which most do.
//
// The same post has another id on each instance, so posts are known by their
// ActivityPub address (`uri`). The local id is needed to ask for a post again;
// it stays in Raw, beside the instance that gave it.
package mastodon

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/source"
	"weft/source/web"
)

// Name is the source that posts carry.
const Name = "mastodon"

// Options say how a Connector works.
type Options struct {
	Web *web.Client
	// Token is an access token with the scope read:statuses, for instances that
	// want one. It belongs to one account on one instance.
	Token string
	// TokenInstance is the instance that Token belongs to. The token is sent to
	// no other: whoever runs an instance could use it in your name.
	TokenInstance string
	// Base stands for https://<instance> in all calls when it is not empty.
	Base string
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Connector reads Mastodon instances. It is safe for concurrent use.
type Connector struct{ opt Options }

// New makes a connector.
func New(opt Options) *Connector {
	if opt.Web == nil {
		opt.Web = &web.Client{}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.TokenInstance, _ = host(opt.TokenInstance)
	return &Connector{opt: opt}
}

const (
	defaultBackfill = 400
	defaultOverlap  = time.Hour
)

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "instance", Meaning: "the server to ask, such as mastodon.social", Required: true, Check: checkInstance},
		{Name: "tag", Meaning: "the hashtag, without its sign", Required: true, Check: checkTag},
		{Name: "any", Meaning: "posts with one of these hashtags as well, separated by commas", Check: checkTags},
		{Name: "all", Meaning: "only posts that have all of these hashtags too", Check: checkTags},
		{Name: "none", Meaning: "no posts that have one of these hashtags", Check: checkTags},
		{Name: "local", Meaning: "true: only posts of the instance's own people", Check: checkBool},
		{Name: "remote", Meaning: "true: only posts from elsewhere", Check: checkBool},
		{Name: "only_media", Meaning: "false: posts without images as well (default true)", Check: checkBool},
		{Name: "bots", Meaning: "take or skip the posts of accounts that say they are automatic (default take)", Check: oneOf("take", "skip")},
		{Name: "backfill", Meaning: fmt.Sprintf("how many posts are read the first time (default %d)", defaultBackfill), Check: checkCount},
		{Name: "overlap", Meaning: "how far behind the newest post is read again, since posts from other servers arrive late (default 1h)", Check: checkDuration},
	}
}

// host normalises an instance's name: "https://Mastodon.social/" is mastodon.social.
func host(v string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(v, "https://"), "http://"), "/"))
	u, err := url.Parse("https://" + name)
	if err != nil || name == "" || u.Host != name || u.Hostname() == "" {
		return "", fmt.Errorf("%q is no server's name, such as mastodon.social", v)
	}
	return name, nil
}

func checkInstance(v string) error {
	_, err := host(v)
	return err
}

func checkTag(v string) error {
	if strings.ContainsAny(v, "#＃ ,/?&") {
		return fmt.Errorf("%q is no hashtag: it has no sign, space, comma or slash", v)
	}
	return nil
}

func checkTags(v string) error {
	for _, tag := range tags(v) {
		if err := checkTag(tag); err != nil {
			return err
		}
	}
	return nil
}

// tags splits a list at its commas.
func tags(v string) []string {
	var out []string
	for tag := range strings.SplitSeq(v, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			out = append(out, tag)
		}
	}
	return out
}

func checkBool(v string) error {
	_, err := parseBool(v, false)
	return err
}

func parseBool(v string, otherwise bool) (bool, error) {
	switch v {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: true or false is wanted", v)
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(values, v) {
			return nil
		}
		return fmt.Errorf("%q: one of %s is wanted", v, strings.Join(values, ", "))
	}
}

func checkCount(v string) error {
	_, err := parseCount(v)
	return err
}

func parseCount(v string) (int, error) {
	if v == "" {
		return defaultBackfill, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 100_000 {
		return 0, fmt.Errorf("%q: a number from 0 to 100000 is wanted", v)
	}
	return n, nil
}

func checkDuration(v string) error {
	_, err := parseDuration(v)
	return err
}

func parseDuration(v string) (time.Duration, error) {
	if v == "" {
		return defaultOverlap, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > 7*24*time.Hour {
		return 0, fmt.Errorf("%q: a duration such as 1h is wanted, 168h at most", v)
	}
	return d, nil
}

// settings are a query's parameters, read.
type settings struct {
	instance  string
	tag       string
	any       []string
	all       []string
	none      []string
	local     bool
	remote    bool
	onlyMedia bool
	skipBots  bool
	backfill  int
	overlap   time.Duration
}

func (c *Connector) settings(q source.Query) (settings, error) {
	if errs := source.CheckQuery(q, c.Params()); len(errs) > 0 {
		return settings{}, errors.Join(errs...)
	}
	p := q.Params
	s := settings{tag: p["tag"], any: tags(p["any"]), all: tags(p["all"]), none: tags(p["none"]), skipBots: p["bots"] == "skip"}
	var errs [6]error
	s.instance, errs[0] = host(p["instance"])
	s.local, errs[1] = parseBool(p["local"], false)
	s.remote, errs[2] = parseBool(p["remote"], false)
	s.onlyMedia, errs[3] = parseBool(p["only_media"], true)
	s.backfill, errs[4] = parseCount(p["backfill"])
	s.overlap, errs[5] = parseDuration(p["overlap"])
	if s.local && s.remote {
		return s, errors.New("local and remote: no post is both; say one of them, or none for all posts")
	}
	return s, errors.Join(errs[:]...)
}

// form is what each call for the timeline says.
func (s settings) form() url.Values {
	f := url.Values{"limit": {strconv.Itoa(pageSize)}}
	set := func(name string, v bool) {
		if v {
			f.Set(name, "true")
		}
	}
	set("local", s.local)
	set("remote", s.remote)
	set("only_media", s.onlyMedia)
	for name, list := range map[string][]string{"any[]": s.any, "all[]": s.all, "none[]": s.none} {
		for _, tag := range list {
			f.Add(name, tag)
		}
	}
	return f
}

// target names what the local ids of a cursor stand for.
func (s settings) target() string {
	f := s.form()
	f.Del("limit")
	return s.instance + "/" + s.tag + "?" + f.Encode()
}
