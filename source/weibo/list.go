package weibo

import (
	"errors"
	"net/url"
	"strconv"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

var errNoToken = errors.New("weibo has no access token")

// perPage is what the open API gives at most on every tier.
const perPage = 100

// defaultBackfill is how many posts a first run reads: two calls of the open
// API, some twenty of the mobile pages.
const defaultBackfill = 200

// list is one newest-first list of posts, and how its pages follow each other.
type list struct {
	name     string // goes into the cursor: another list can't go on from it
	mode     string
	uid      string // whose posts these are; empty: many people's
	backfill int
	// call asks for a page; the empty string is the first.
	call func(next string) (web.Call, string)
	// follow is where the list goes on after a page; empty: nowhere.
	follow func(p page, next string) string
}

// list reads a query's parameters.
func (c *Connector) list(q source.Query) (list, error) {
	l := list{mode: q.Params["mode"], uid: q.Params["uid"], backfill: atoi(q.Params["backfill"])}
	if l.mode == "" {
		l.mode = modeAPI
	}
	if l.backfill == 0 {
		l.backfill = defaultBackfill
	}
	kind, words := q.Params["list"], q.Params["q"]
	want := words
	switch l.mode + " " + kind {
	case "api topics":
		l.paged("search/topics", url.Values{"q": {words}}, c)
	case "api user":
		want = l.uid
		l.byID("statuses/user_timeline", url.Values{"uid": {l.uid}}, c)
	case "api home":
		want, l.uid = kind, ""
		l.byID("statuses/home_timeline", url.Values{}, c)
	case "mobile user":
		want = l.uid
		l.container(url.Values{"containerid": {"107603" + l.uid}}, c)
	case "mobile search":
		l.search(words, c)
	default:
		return l, models.Faultf(models.Permanent, "list: %q isn't there in mode %s: it has %s", kind, l.mode,
			map[string]string{modeAPI: "topics, user and home", modeMobile: "user and search"}[l.mode])
	}
	if want == "" {
		return l, models.Faultf(models.Permanent, "q or uid is missing: list %s wants %s", kind, map[bool]string{true: "uid", false: "q"}[kind == listUser])
	}
	if kind != listUser {
		l.uid = ""
	}
	l.name = l.mode + " " + kind + " " + want
	return l, c.ready(l.mode)
}

// byID pages by max_id, so that new posts don't move the pages.
func (l *list) byID(path string, params url.Values, c *Connector) {
	params.Set("count", strconv.Itoa(perPage))
	l.call = func(next string) (web.Call, string) {
		if next != "" {
			params.Set("max_id", next)
		}
		return c.open(path, params)
	}
	l.follow = func(p page, _ string) string {
		var lowest uint64
		for _, it := range p.items {
			if n, err := strconv.ParseUint(it.id, 10, 64); err == nil && !it.pinned && (lowest == 0 || n < lowest) {
				lowest = n
			}
		}
		if lowest <= 1 {
			return ""
		}
		return strconv.FormatUint(lowest-1, 10)
	}
}

// paged pages by number. New posts push the pages down, so the same post may be
// on two of them.
func (l *list) paged(path string, params url.Values, c *Connector) {
	params.Set("count", "50")
	l.call = func(next string) (web.Call, string) {
		params.Set("page", strconv.Itoa(max(atoi(next), 1)))
		return c.open(path, params)
	}
	l.follow = nextPage
}

// search pages by number too.
func (l *list) search(words string, c *Connector) {
	params := url.Values{"containerid": {"100103type=61&q=" + words}, "page_type": {"searchall"}}
	l.call = func(next string) (web.Call, string) {
		params.Set("page", strconv.Itoa(max(atoi(next), 1)))
		return c.mobile("api/container/getIndex", params)
	}
	l.follow = nextPage
}

func nextPage(p page, next string) string {
	if p.entries == 0 {
		return ""
	}
	return strconv.Itoa(max(atoi(next), 1) + 1)
}

// container pages by since_id, which each page tells.
func (l *list) container(params url.Values, c *Connector) {
	l.call = func(next string) (web.Call, string) {
		if next != "" {
			params.Set("since_id", next)
		}
		return c.mobile("api/container/getIndex", params)
	}
	l.follow = func(p page, _ string) string {
		if p.entries == 0 {
			return ""
		}
		return p.since
	}
}
