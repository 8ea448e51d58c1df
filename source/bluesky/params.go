package bluesky

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/source"
)

// The hosts that the network's own clients use.
const (
	hostV1 = "wss://jetstream2.us-east.bsky.network"
	hostV2 = "wss://jetstream.us-east.bsky.network"
)

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "mode", Meaning: "stream (all new posts, filtered here) or search (needs an account); stream when empty", Check: oneOf("stream", "search")},
		{Name: "tags", Meaning: "hashtags, by commas: a post has one of them, marked, hidden or in its text; search takes one"},
		{Name: "words", Meaning: "words or phrases, by commas: a post's text has one of them; stream only"},
		{Name: "langs", Meaning: "languages, by commas, such as en,fr: a post is in one of them", Check: checkLangs},
		{Name: "images", Meaning: "only: leave out posts without an image; any when empty", Check: oneOf("any", "only")},
		{Name: "backfill", Meaning: "how far the first run looks back, such as 30m; 1h for a stream (36h at most), 24h for a search", Check: checkDuration(0, 10*365*24*time.Hour)},
		{Name: "stream", Meaning: "version of the stream: v2 or v1; v2 when empty", Check: oneOf("v1", "v2")},
		{Name: "host", Meaning: "host of the stream, such as jetstream.us-west.bsky.network", Check: checkHost},
		{Name: "batch", Meaning: "after how many events the cursor is saved, 1 to 5000; 200 when empty", Check: checkNumber(1, 5000)},
		{Name: "flush", Meaning: "after what time it is saved at the latest, 10ms to 1m; 1s when empty", Check: checkDuration(10*time.Millisecond, time.Minute)},
		{Name: "q", Meaning: "what to search for, in the network's own query language; search only"},
		{Name: "pages", Meaning: "how many pages of 100 posts a search reads at most in one turn, 1 to 500; 50 when empty", Check: checkNumber(1, 500)},
	}
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("%q is none of %s", v, strings.Join(values, ", "))
		}
		return nil
	}
}

func checkLangs(v string) error {
	for _, lang := range split(v) {
		if !langPattern.MatchString(lang) {
			return fmt.Errorf("%q is not a language tag, such as en or pt-BR", lang)
		}
	}
	return nil
}

func checkNumber(low, high int) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < low || n > high {
			return fmt.Errorf("%q is not a number from %d to %d", v, low, high)
		}
		return nil
	}
}

func checkDuration(low, high time.Duration) func(string) error {
	return func(v string) error {
		if d, err := time.ParseDuration(v); err != nil || d < low || d > high {
			return fmt.Errorf("%q is not a time from %s to %s, such as 30m", v, low, high)
		}
		return nil
	}
}

func checkHost(v string) error {
	_, err := streamHost(v)
	return err
}

// streamHost completes a host to the start of an address.
func streamHost(v string) (string, error) {
	if !strings.Contains(v, "://") {
		v = "wss://" + v
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || !slices.Contains([]string{"ws", "wss"}, u.Scheme) || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("%q is not a host, such as jetstream.us-east.bsky.network or ws://localhost:6008", v)
	}
	return strings.TrimRight(v, "/"), nil
}

// settings are a query's parameters, read.
type settings struct {
	search   bool
	v1       bool
	host     string
	filter   filter
	q, tag   string
	lang     string
	backfill time.Duration
	batch    int
	flush    time.Duration
	pages    int
}

// settings reads q. Wrong parameters are a Permanent fault.
func (c *Connector) settings(q source.Query) (settings, error) {
	errs := source.CheckQuery(q, c.Params())
	if len(errs) > 0 {
		return settings{}, models.Faultf(models.Permanent, "query %s: %v", q.Name, errors.Join(errs...))
	}
	get := func(name, usual string) string { return cmp.Or(strings.TrimSpace(q.Params[name]), usual) }
	number := func(name, usual string) int { n, _ := strconv.Atoi(get(name, usual)); return n } // checked above
	span := func(name, usual string) time.Duration { d, _ := time.ParseDuration(get(name, usual)); return d }
	s := settings{
		search: get("mode", "stream") == "search", v1: get("stream", "v2") == "v1",
		filter: newFilter(split(q.Params["tags"]), split(q.Params["words"]), split(q.Params["langs"]), get("images", "any") == "only"),
		q:      get("q", ""), batch: number("batch", "200"), flush: span("flush", "1s"), pages: number("pages", "50"),
	}
	usual := hostV2
	if s.v1 {
		usual = hostV1
	}
	s.host, _ = streamHost(get("host", cmp.Or(c.opt.Stream, usual)))
	if !s.search {
		// Further back than this no stream looks.
		s.backfill = min(span("backfill", "1h"), 36*time.Hour)
		if s.q != "" {
			return s, models.Faultf(models.Permanent, "query %s: q is for mode search; a stream takes tags and words", q.Name)
		}
		return s, nil
	}
	s.backfill = span("backfill", "24h")
	err := s.checkSearch(q.Name)
	return s, err
}

func (s *settings) checkSearch(name string) error {
	switch f := s.filter; {
	case len(f.words) > 0:
		return models.Faultf(models.Permanent, "query %s: words is for mode stream; search takes q or one of tags", name)
	case len(f.tags) > 1:
		return models.Faultf(models.Permanent, "query %s: a search takes one of tags; make a query of each", name)
	case len(f.tags) == 1:
		s.tag = f.tags[0]
		s.q = cmp.Or(s.q, "#"+s.tag)
	}
	if len(s.filter.langs) == 1 {
		s.lang = s.filter.langs[0]
	}
	// The network searched already; only what it can't ask for is left.
	s.filter.tags = nil
	if s.q == "" {
		return models.Faultf(models.Permanent, "query %s: a search takes q or one of tags", name)
	}
	return nil
}

// split reads a list by commas.
func split(v string) []string {
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
