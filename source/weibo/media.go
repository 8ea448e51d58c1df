package weibo

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weft/models"
)

// maxPictures bounds a post's images: Weibo allows 18.
const maxPictures = 50

// sizes are the renditions of a picture: the first part of its path. They are
// all of the same picture, so that large stands for each of them.
var sizes = regexp.MustCompile(`^/(?:thumbnail|thumb\d+|square|small|bmiddle|middle|wap\d+|orj\d+|mw\d+|or\d+|woriginal|original|large|largest)/`)

var pidPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// pictures are a post's own images in order, told apart by pid. The APIs list
// them in four ways; pic_ids, where it is there, has the order and is complete.
func pictures(o object) []models.Media {
	found := map[string]string{} // URL by pid
	var order []string
	add := func(pid, address string) {
		if pid == "" {
			pid = pidOf(address)
		}
		if !pidPattern.MatchString(pid) || len(order) >= maxPictures {
			return
		}
		if _, ok := found[pid]; !ok {
			order = append(order, pid)
		}
		if u := large(address); u != "" || found[pid] == "" {
			found[pid] = u
		}
	}
	videos := given(o, add)
	ids := pids(o)
	for _, pid := range ids {
		if !slices.Contains(videos, pid) {
			add(pid, found[pid])
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return place(ids, a) - place(ids, b) })
	var media []models.Media
	for _, pid := range order {
		address := found[pid]
		if address == "" {
			address = sibling(pid, order, found)
		}
		media = append(media, models.Media{ID: pid, URL: address, State: models.MediaPending})
	}
	return media
}

// given hands over what is listed with an address, and returns the pids of
// videos among them.
func given(o object, add func(pid, address string)) (videos []string) {
	take := func(pic object, pid string) {
		if pid == "" {
			pid = pic.word("pid")
		}
		if pic.text("type") == "video" {
			videos = append(videos, pid)
			return
		}
		add(pid, best(pic))
	}
	for _, raw := range values(o["pics"]) {
		take(asObject(raw), "")
	}
	infos := o.object("pic_infos")
	for _, pid := range pids(o) {
		if infos.has(pid) {
			take(infos.object(pid), pid)
		}
	}
	for _, raw := range o.object("mix_media_info").list("items") {
		if item := asObject(raw); item.text("type") == "pic" {
			take(item.object("data"), item.object("data").word("pic_id"))
		}
	}
	for _, raw := range values(o["pic_urls"]) {
		add("", asObject(raw).text("thumbnail_pic"))
	}
	if len(values(o["pic_urls"])) == 0 && len(pids(o)) == 0 && len(videos) == 0 {
		add("", cmp.Or(o.text("original_pic"), o.text("bmiddle_pic"), o.text("thumbnail_pic")))
	}
	return videos
}

// best is the address of the largest rendition that pic names.
func best(pic object) string {
	for _, size := range []string{"largest", "large", "original", "mw2000", "bmiddle"} {
		if u := pic.object(size).text("url"); u != "" {
			return u
		}
	}
	return pic.text("url")
}

// values are the entries of a list, or of an object whose keys count: {"0":{…}}.
func values(raw json.RawMessage) []json.RawMessage {
	if l := asList(raw); l != nil {
		return l
	}
	o := asObject(raw)
	var l []json.RawMessage
	for i := range min(len(o), maxList) {
		if v, ok := o[strconv.Itoa(i)]; ok {
			l = append(l, v)
		}
	}
	return l
}

// pids are the picture ids that the post lists.
func pids(o object) []string {
	var ids []string
	for _, raw := range o.list("pic_ids") {
		var pid string
		if json.Unmarshal(raw, &pid) == nil && pidPattern.MatchString(pid) {
			ids = append(ids, pid)
		}
	}
	return ids
}

// place is where pid stands in ids; at the end if it doesn't.
func place(ids []string, pid string) int {
	if i := slices.Index(ids, pid); i >= 0 {
		return i
	}
	return len(ids)
}

// large is the address of a picture's largest rendition, on https where the host
// is Weibo's. It is empty if address is none.
func large(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	u.Path = sizes.ReplaceAllString(u.Path, "/large/")
	u.RawPath = ""
	if strings.HasSuffix(u.Hostname(), ".sinaimg.cn") {
		u.Scheme = "https"
	}
	return u.String()
}

// pidOf is the picture id in an address: its last part without the ending.
func pidOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	name := path.Base(u.Path)
	return strings.TrimSuffix(name, path.Ext(name))
}

// sibling makes the address of a picture of which only the id is known: beside
// another one of the same post.
func sibling(pid string, order []string, found map[string]string) string {
	for _, other := range order {
		if u, err := url.Parse(found[other]); err == nil && u.Host != "" {
			u.Path = path.Join(path.Dir(u.Path), pid+path.Ext(u.Path))
			return u.String()
		}
	}
	return "https://wx1.sinaimg.cn/large/" + pid + ".jpg"
}
