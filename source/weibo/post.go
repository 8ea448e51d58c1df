package weibo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/extract"
	"weft/source/gazetteer"
)

// dialect is which API wrote a post: they differ in how the text is written.
type dialect int

const (
	unknown dialect = iota
	openAPI         // plain text
	mobile          // HTML
	ajax            // plain text in text_raw, HTML in text
)

// item is what paging wants to know of an entry, whether it is a post that may
// be taken or not.
type item struct {
	id      string
	created time.Time // zero: unknown
	edited  time.Time
	pinned  bool
	post    int  // index in the batch; -1: none
	cut     bool // the text is not whole
	html    bool // how the long text will be written
}

// reader reads one answer.
type reader struct {
	places *gazetteer.Gazetteer
	now    time.Time // when it is read
	base   time.Time // when it was given: relative times count from here
	ads    map[string]bool
	page   page
}

// status reads one post, of whatever API.
func (r *reader) status(place string, raw json.RawMessage, d dialect) {
	o := asObject(raw)
	if o == nil {
		r.page.Problem(place, "is no post: wants an object")
		return
	}
	id := o.id("idstr", "mid", "id")
	if id == "" {
		r.page.Problem(place+".mid", "is no id: wants 1 to 20 digits in idstr, mid or id")
		return
	}
	it := item{id: id, pinned: pinned(o), post: -1}
	again := slices.ContainsFunc(r.page.items, func(other item) bool { return other.id == id && other.post >= 0 })
	defer func() { r.page.items = append(r.page.items, it) }()
	if r.removed(id, o) {
		return
	}
	created, err := parseTime(o.text("created_at"), r.base)
	if err != nil {
		r.page.Problem(place+".created_at", "%w", err)
		return
	}
	it.created = bound(created, r.now)
	if again { // a pinned post may stand in its own place as well
		return
	}
	if reason := r.refused(id, o); reason != "" {
		if reason == "ad" { // it stands anywhere, whatever its time
			it.created = time.Time{}
		}
		r.page.Skip(reason)
		return
	}
	p := r.post(id, o)
	p.CreatedAt, p.Raw = it.created, own(o, raw)
	it.edited, it.html = p.EditedAt, d == mobile
	p.Text, it.cut = text(o, d)
	it.post = len(r.page.Posts)
	r.page.Posts = append(r.page.Posts, p)
}

// post reads all but the time and the text.
func (r *reader) post(id string, o object) models.Post {
	user := o.object("user")
	p := models.Post{
		ID: models.PostID(Name, id), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: id,
		URL: "https://m.weibo.cn/status/" + id, CollectedAt: r.now.UTC(),
		Author: models.Author{
			ID: user.id("idstr", "id"), Handle: user.text("screen_name"), Name: cmp.Or(user.text("name"), user.text("screen_name")),
			Location: r.location(o, user),
		},
		Media: pictures(o),
		Counts: models.Counts{
			Likes: o.count("attitudes_count"), Comments: o.count("comments_count"), Shares: o.count("reposts_count"),
		},
	}
	if n := user.count("followers_count"); n != nil {
		p.Author.Followers = *n
	} else if n := user.count("followers_count_str"); n != nil {
		p.Author.Followers = *n
	}
	if edited, err := parseTime(o.text("edit_at"), r.base); err == nil {
		p.EditedAt = bound(edited, r.now)
	}
	if first := o.object("retweeted_status"); first != nil {
		if of := first.id("idstr", "mid", "id"); of != "" {
			p.RepostOf = models.PostID(Name, of)
			r.removed(of, first)
		}
	}
	return p
}

// text is a post's own text, and whether there is more of it elsewhere.
func text(o object, d dialect) (whole string, cut bool) {
	long := cmp.Or(o.object("longText").text("longTextContent"), o.object("longText").text("content"))
	body := cmp.Or(long, o.text("text"))
	cut = long == "" && o.is("isLongText")
	if raw := o.text("text_raw"); d == ajax && raw != "" && long == "" {
		return tidy(entities(raw)), cut
	}
	if d == mobile || d == ajax && long == "" {
		return plain(body), cut
	}
	return tidy(entities(body)), cut
}

// guess tells the API by the fields that only it has.
func guess(o object) dialect {
	switch {
	case o.has("text_raw"), o.has("mblogid"):
		return ajax
	case o.has("bid"), o.has("pics"):
		return mobile
	default:
		return openAPI
	}
}

// removed notes a post that is shown as deleted. Such stubs have no user, and
// the sentence that people see in place of the text.
func (r *reader) removed(id string, o object) bool {
	sentence := o.text("text")
	told := strings.Contains(sentence, "删除") && containsAny(sentence, "抱歉", "已被")
	if !o.is("deleted") && (o.has("user") || !told) {
		return false
	}
	by := "platform"
	if strings.Contains(sentence, "作者删除") {
		by = "author"
	}
	r.page.Deletions = append(r.page.Deletions, deletion(id, by, "shown as deleted: "+clip(plain(sentence)), r.now))
	return true
}

func deletion(id, by, reason string, at time.Time) models.Deletion {
	return models.Deletion{Source: Name, NativeID: id, Act: models.Delete, By: by, Reason: strings.TrimSuffix(reason, ": "), At: at.UTC()}
}

// refused is why a post may not be taken; empty if it may.
//
// Everybody may see visible.type 0. The others are 1 private, 3 a group, 4 close
// friends, and some that are not documented. A post without the field is of a
// time or an API that has only public ones.
func (r *reader) refused(id string, o object) string {
	visible, known := o.object("visible").number("type")
	switch {
	case r.ads[id] || ad(o):
		return "ad"
	case o.has("visible") && !known:
		return "visibility unknown"
	case o.has("visible") && visible != 0:
		return "not public"
	case !o.has("user") && strings.Contains(o.text("text"), "抱歉"):
		return "not visible"
	}
	return ""
}

// ad reports whether a post was put between the others for money. ad_state alone
// doesn't tell: authors' own posts in their own lists have it too, and so has a
// mark that ends in WeiboADNatural.
func ad(o object) bool {
	mark := o.text("mark")
	return o.text("readtimetype") == "adMblog" || containsAny(o.text("mblogtypename"), "广告", "推广") || o.object("promotion") != nil ||
		strings.Contains(mark, "mark_ad") && !strings.HasSuffix(mark, "WeiboADNatural")
}

// pinned reports whether a post stands first though it isn't the newest.
func pinned(o object) bool {
	kind, ok := o.number("mblogtype")
	return o.is("isTop") || o.is("is_top") || ok && kind == 2 || strings.Contains(o.object("title").text("text"), "置顶")
}

// location is the profile's if it says anything, else where the post came from
// by its IP address. Coordinates in geo are left alone: they are more than
// anybody needs to know of a person.
func (r *reader) location(o, user object) models.Location {
	ip := models.Location{Raw: o.text("region_name"), Kind: "ip"}
	profile := models.Location{Raw: user.text("location"), Kind: "profile"}
	province, city := user.word("province"), user.word("city")
	if r.places != nil && ip.Raw != "" {
		ip = kind(r.places.IP(ip.Raw), "ip")
	}
	if r.places != nil && (profile.Raw != "" || province != "") {
		profile = kind(r.places.Weibo(province, city, profile.Raw), "profile")
	}
	switch {
	case profile.Country != "":
		return profile
	case ip.Country != "" || ip.Raw != "" && profile.Raw == "":
		return ip
	case profile.Raw != "":
		return profile
	}
	return models.Location{Kind: "none"}
}

func kind(l models.Location, name string) models.Location {
	l.Kind = cmp.Or(l.Kind, name)
	return l
}

// own is the post's own JSON: of the original that it passes on only the id is
// kept. So an original that is deleted later leaves no copy behind.
func own(o object, raw json.RawMessage) json.RawMessage {
	first := o.object("retweeted_status")
	if first == nil {
		return bytes.Clone(raw)
	}
	id, err := json.Marshal(map[string]string{"idstr": first.id("idstr", "mid", "id")})
	if err != nil {
		return nil
	}
	cut := make(object, len(o))
	maps.Copy(cut, o)
	cut["retweeted_status"] = id
	whole, err := json.Marshal(cut)
	if err != nil {
		return nil
	}
	return whole
}

// finish completes posts from their texts, once these are whole.
func finish(b *source.Batch) {
	for i := range b.Posts {
		extract.Fill(&b.Posts[i])
	}
}
