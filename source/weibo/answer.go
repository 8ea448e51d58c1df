package weibo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weft/models"
	"weft/source"
)

// page is what one answer holds.
type page struct {
	source.Batch
	items   []item
	entries int    // cards or posts, of any kind: 0 is an empty list
	since   string // where the mobile list goes on; empty: nowhere
	long    string // a whole text, by the answer that gives nothing else
	lives   string // where a mobile profile says that its owner lives
}

// ipPlace is how a profile names the place of its owner's IP address.
const ipPlace = "IP属地"

// maxDepth bounds how deep cards stand in card groups: two in all that was seen.
const maxDepth = 4

// Parse reads a recorded answer of the open API, of m.weibo.cn or of
// weibo.com/ajax. Relative times count from the answer's Date, if it has one.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	p, err := c.read(rec)
	if err == nil {
		finish(&p.Batch)
		return p.Batch, nil
	}
	g, ok := errors.AsType[*gone](err)
	if !ok {
		return source.Batch{}, err
	}
	id := asked(rec.URL)
	if id == "" {
		return source.Batch{}, models.Faultf(models.Permanent, "%s; the address doesn't tell of which post", g.reason)
	}
	return source.Batch{Deletions: []models.Deletion{deletion(id, "platform", g.reason, c.now())}}, nil
}

// read sorts an answer by its shape and reads it. The posts aren't finished:
// some texts are cut.
func (c *Connector) read(rec source.Exchange) (page, error) {
	now := c.now()
	r := &reader{places: c.opt.Places, now: now, base: dated(rec.Header, now)}
	body := bytes.TrimPrefix(rec.Body, []byte("\xef\xbb\xbf"))
	if list := asList(body); list != nil {
		r.statuses("", list, unknown)
		return r.page, nil
	}
	o, err := check(rec, body, now)
	if err != nil {
		return page{}, err
	}
	if ok, there := o.number("ok"); there && ok == 0 {
		return page{}, nil
	}
	if !r.answer(o, body) {
		return page{}, models.Faultf(models.Permanent, "no answer of weibo that is known: wants statuses, data.cards, data.list, data.longTextContent, data.userInfo or a post")
	}
	return r.page, nil
}

// check reads an answer's outermost object, or tells what the answer says instead.
func check(rec source.Exchange, body []byte, now time.Time) (object, error) {
	o := asObject(body)
	if o == nil {
		if err := badAnswer(rec, now); err != nil {
			return nil, err
		}
		return nil, notJSON(body)
	}
	if code, ok := o.number("error_code"); ok && code != 0 {
		return nil, refusal(code, cmp.Or(o.text("error"), o.text("message"), o.text("msg")), rec.Status, now)
	}
	if ok, there := o.number("ok"); there && ok != 1 {
		return o, notOK(o, ok, asked(rec.URL) != "", rec.Status, now)
	}
	if rec.Status >= http.StatusBadRequest {
		return nil, badAnswer(rec, now)
	}
	return o, nil
}

// answer reads one of the shapes, and reports false for any other.
func (r *reader) answer(o object, body json.RawMessage) bool {
	data := o.object("data")
	switch {
	case o.has("statuses"):
		for _, raw := range append(o.list("ad"), o.list("advertises")...) {
			r.ad(asObject(raw))
		}
		r.statuses("statuses", r.list("statuses", o["statuses"]), unknown)
	case data.has("cards"), data.has("cardlistInfo"):
		r.mobileList(data)
	case data.has("list"):
		r.statuses("data.list", r.list("data.list", data["list"]), ajax)
		r.page.since = data.word("since_id")
	case data.has("statuses"):
		r.statuses("data.statuses", r.list("data.statuses", data["statuses"]), unknown)
	case data.has("longTextContent"):
		r.page.long = data.text("longTextContent")
	case data.has("created_at") && data.id("idstr", "mid", "id") != "":
		r.page.entries = 1
		r.status("data", o["data"], guess(data))
	case o.has("created_at") || o.has("deleted"):
		r.page.entries = 1
		r.status("status", body, guess(o))
	case o.has("cards"):
		r.cards("cards", r.list("cards", o["cards"]), 1)
	case o.has("mblog"):
		r.page.entries = 1
		r.status("mblog", o["mblog"], mobile)
	default:
		nothing := len(data) > 0 || o.has("data") && len(o.list("data")) == 0 && starts(o["data"], '[')
		return o.has("ok") && nothing || o.has("screen_name") || regions(o)
	}
	return true
}

// ad remembers a post that the open API lists as an ad.
func (r *reader) ad(o object) {
	if id := o.id("id", "idstr"); id != "" {
		if r.ads == nil {
			r.ads = map[string]bool{}
		}
		r.ads[id] = true
	}
}

func (r *reader) statuses(place string, list []json.RawMessage, d dialect) {
	r.page.entries += len(list)
	for i, raw := range list {
		is := d
		if o := asObject(raw); d == unknown {
			is = guess(o)
		}
		r.status(fmt.Sprintf("%s[%d]", place, i), raw, is)
	}
}

// mobileList reads a page of m.weibo.cn.
func (r *reader) mobileList(data object) {
	for _, info := range []object{data.object("cardlistInfo"), data.object("pageInfo")} { // the latter of super topics
		if since := info.word("since_id"); since != "" && since != "0" && r.page.since == "" {
			r.page.since = since
		}
	}
	r.cards("data.cards", r.list("data.cards", data["cards"]), 1)
}

// list reads the list that an answer is about. That it isn't there is a problem:
// an empty answer has an empty list.
func (r *reader) list(place string, raw json.RawMessage) []json.RawMessage {
	list := values(raw)
	if !starts(raw, '[') && len(list) == 0 {
		r.page.Problem(place, "is no list")
	}
	return list
}

// cards reads posts wherever they stand. The card's type isn't looked at: it is
// 9 or "9", and other types have their posts in a card_group.
func (r *reader) cards(place string, list []json.RawMessage, depth int) {
	if depth > maxDepth {
		return
	}
	r.page.entries += len(list)
	for i, raw := range list {
		here := fmt.Sprintf("%s[%d]", place, i)
		card := asObject(raw)
		if card == nil {
			r.page.Problem(here, "is no card: wants an object")
			continue
		}
		switch {
		case card.has("mblog"), card.word("card_type") == "9":
			r.status(here+".mblog", card["mblog"], mobile)
		case !card.has("card_type") && !card.has("card_group") && !card.has("item_name"):
			r.page.Problem(here, "is no card: wants mblog, card_group or card_type")
		}
		switch said := card.text("item_content"); {
		case said == "":
		case card.text("item_name") == "所在地":
			r.page.lives = said
		case card.text("item_name") == ipPlace && r.page.lives == "":
			r.page.lives = ipPlace + "：" + strings.TrimLeft(strings.TrimPrefix(said, ipPlace), "：: ")
		}
		r.cards(here+".card_group", values(card["card_group"]), depth+1)
	}
}

// regions reports whether o is Weibo's table of provinces and cities, each with
// its code: an answer that is known, and has no posts.
func regions(o object) bool {
	for _, raw := range o {
		p := asObject(raw)
		if _, ok := p.number("code"); !ok || !p.has("city") {
			return false
		}
	}
	return len(o) > 0
}

// dated is when an answer was given, by its header.
func dated(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// notJSON says where an answer stops being JSON.
func notJSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return models.Faultf(models.Retryable, "weibo answered nothing at all")
	}
	var o map[string]json.RawMessage
	err := json.Unmarshal(body, &o)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return models.Faultf(models.Retryable, "offset %d: not JSON: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return models.Faultf(models.Permanent, "no answer of weibo: wants a JSON object")
}
