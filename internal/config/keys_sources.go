package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *Config) sourceKeys() []key {
	s := &c.Sources
	return []key{
		texts("images.allow", &c.Images.Allow, "Networks, such as 10.0.0.0/8, that images may be fetched from, and feeds and instances may lie in, although they are not public. In the variable: separated by commas."),
		span("images.timeout", &c.Images.Timeout, time.Second, "How long fetching one image may take."),
		text("crawl.agent", &c.Crawl.Agent, "What Weft calls itself towards networks. Put an address at which you can be reached into it: some refuse who doesn't."),
		span("crawl.recheck_every", &c.Crawl.RecheckEvery, 0, "How often collected posts are looked at again on networks that don't tell of deletions; 0 is never."),
		span("crawl.recheck_age", &c.Crawl.RecheckAge, 0, "Up to which age they are."),
		span("crawl.backoff", &c.Crawl.Backoff, time.Millisecond, "The first pause after a failed read; each further one doubles it, up to 15m."),
		span("crawl.lease", &c.Crawl.Lease, 100*time.Millisecond, "How long a query waits for a process that died while it read it."),
		url("sources.bluesky.url", &s.Bluesky.URL, "https://bsky.social", "Server of the Bluesky account, for `mode: search`."),
		url("sources.bluesky.public", &s.Bluesky.Public, "https://public.api.bsky.app", "Server that is asked about known posts without an account."),
		url("sources.bluesky.cdn", &s.Bluesky.CDN, "https://cdn.bsky.app", "Server of the images."),
		text("sources.bluesky.handle", &s.Bluesky.Handle, "Handle of the account, such as name.bsky.social. The stream needs none."),
		secret("sources.bluesky.app_password", &s.Bluesky.Password, "An app password of it; never the account's own."),
		url("sources.instagram.url", &s.Instagram.URL, "https://graph.facebook.com", "Address of the Graph API."),
		text("sources.instagram.version", &s.Instagram.Version, "Version of the Graph API, such as v25.0; empty takes the one that Weft was tested with."),
		secret("sources.instagram.token", &s.Instagram.Token, "Access token of a person with a role on the Page."),
		secret("sources.instagram.app_secret", &s.Instagram.AppSecret, "Signs the calls (appsecret_proof)."),
		text("sources.instagram.user_id", &s.Instagram.UserID, "Id of the professional account that asks."),
		secret("sources.mastodon.token", &s.Mastodon.Token, "Access token with read:statuses, for instances that want one."),
		text("sources.mastodon.instance", &s.Mastodon.Instance, "The instance that gave the token. It is sent to no other: whoever runs an instance could use it in your name."),
		url("sources.mastodon.url", &s.Mastodon.URL, "https://<instance>", "One address for all instances, for tests and proxies."),
		url("sources.reddit.url", &s.Reddit.URL, "https://oauth.reddit.com", "Address of Reddit's API."),
		url("sources.reddit.auth", &s.Reddit.Auth, "https://www.reddit.com", "Address of where tokens are given."),
		text("sources.reddit.client_id", &s.Reddit.ClientID, "Of an app that Reddit has approved; without it the source is off."),
		secret("sources.reddit.client_secret", &s.Reddit.ClientSecret, "Its secret."),
		url("sources.weibo.url", &s.Weibo.URL, "https://api.weibo.com/2", "Address of Weibo's open API."),
		secret("sources.weibo.token", &s.Weibo.Token, "Access token of the open API."),
		integer("sources.weibo.calls_per_day", &s.Weibo.CallsPerDay, 0, 1_000_000_000, "Calls a day that the app's contract allows; 0 is the free tier's 100."),
		boolean("sources.weibo.mobile", &s.Weibo.Mobile, "Allow queries with `mode: mobile`, the unofficial API of m.weibo.cn. Its terms don't allow it; the choice is yours."),
		url("sources.weibo.mobile_url", &s.Weibo.MobileURL, "https://m.weibo.cn", "Address of it."),
		secret("sources.weibo.mobile_cookie", &s.Weibo.MobileCookie, "Cookie header of a session there."),
		queries("queries", &c.Queries, "What is collected: a list of {name, source, profiles, every, params}; docs/sources says what each source takes. In the variable: JSON."),
		text("push.listen", &c.Push.Listen, "Address where others send posts to (`POST /push`), such as 127.0.0.1:8082; empty is off."),
		hashes("push.tokens", &c.Push.Tokens, "Who may: a list of `name:hash` or `name:hash:source+source`: the SHA-256 of a token in hex, and the sources it may push to and delete from (all when there are none). In the variable: separated by commas."),
	}
}

func boolean(name string, p *bool, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) (err error) {
			if *p, err = strconv.ParseBool(s); err != nil {
				return fmt.Errorf("%q is neither true nor false", s)
			}
			return nil
		},
		get: func() any { return *p }}
}

// hashes is a list of texts of which only the names are printed.
func hashes(name string, p *[]string, meaning string) key {
	k := texts(name, p, meaning)
	k.get = func() any {
		out := []string{}
		for _, s := range *p {
			who, _, _ := strings.Cut(s, ":")
			out = append(out, who+":"+redacted)
		}
		return out
	}
	return k
}

// Span is a duration that reads and prints as text.
type Span time.Duration

// MarshalText writes s as people do: 5m.
func (s Span) MarshalText() ([]byte, error) { return []byte(short(time.Duration(s))), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration, such as 30s or 5m", text)
	}
	*s = Span(d)
	return nil
}

func queries(name string, p *[]Query, meaning string) key {
	return key{name: name, meaning: meaning, list: objectList,
		set: func(s string) error {
			*p = nil
			if strings.TrimSpace(s) == "" {
				return nil
			}
			var entries []json.RawMessage
			if err := json.Unmarshal([]byte(s), &entries); err != nil {
				return fmt.Errorf("a JSON list of {name, source, profiles, every, params} is wanted: %w", err)
			}
			for i, e := range entries {
				d := json.NewDecoder(bytes.NewReader(e))
				d.DisallowUnknownFields()
				var q Query
				if err := d.Decode(&q); err != nil {
					return fmt.Errorf("query %d: %s; known are: name, source, profiles, every, params", i+1, strings.TrimPrefix(err.Error(), "json: "))
				}
				*p = append(*p, q)
			}
			return nil
		},
		get: func() any {
			out := []Query{}
			for _, q := range *p {
				params := map[string]string{}
				for k, v := range q.Params {
					params[k] = Redact(v)
				}
				q.Params = params
				out = append(out, q)
			}
			return out
		}}
}

var (
	queryPattern = regexp.MustCompile(`^[a-z0-9-]{1,48}$`)
	tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}:[0-9a-f]{64}(:[a-z0-9-]{1,32}(\+[a-z0-9-]{1,32})*)?$`)
)

// defaultEvery is how often a query is read that doesn't say.
const defaultEvery = Span(5 * time.Minute)

func (l *loader) checkSources() {
	c := l.config
	var names []string
	for i := range c.Queries {
		q := &c.Queries[i]
		if !queryPattern.MatchString(q.Name) {
			l.refuse("queries", "query %d: name %q is not 1 to 48 of a-z, 0-9 and -", i+1, q.Name)
		}
		if slices.Contains(names, q.Name) {
			l.refuse("queries", "query %q is there twice", q.Name)
		}
		names = append(names, q.Name)
		if q.Source == "" {
			l.refuse("queries", "query %q names no source", q.Name)
		}
		if q.Every == 0 {
			q.Every = defaultEvery
		}
		if q.Every < Span(time.Second) {
			l.refuse("queries", "query %q: every %s is too short; at least 1s", q.Name, short(time.Duration(q.Every)))
		}
	}
	l.checkServers()
	for _, n := range c.Images.Allow {
		if _, err := netip.ParsePrefix(n); err != nil {
			l.refuse("images.allow", "%q is not a network such as 10.0.0.0/8", n)
		}
	}
	if c.Push.Listen != "" {
		l.address("push.listen", c.Push.Listen)
		if len(c.Push.Tokens) == 0 {
			l.refuse("push.tokens", "push.listen is set, and nobody may push: name a token")
		}
	}
	for i, t := range c.Push.Tokens {
		if !tokenPattern.MatchString(t) {
			l.refuse("push.tokens", "token %d is not of the form name:hash or name:hash:source+source, the hash being SHA-256 in 64 hex digits", i+1)
		}
		name, _, _ := strings.Cut(t, ":")
		if slices.ContainsFunc(c.Push.Tokens[:i], func(o string) bool { return strings.HasPrefix(o, name+":") }) {
			l.refuse("push.tokens", "token %d: there are two of its name", i+1)
		}
	}
}

// checkServers wants the addresses of servers to be complete.
func (l *loader) checkServers() {
	for _, k := range l.keys {
		text, ok := k.get().(string)
		if ok && text != "" && strings.HasPrefix(k.name, "sources.") && k.url {
			l.scheme(k.name, text, "", "https", "http")
		}
	}
}
