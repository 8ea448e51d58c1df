package network

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// weiboMobilePage is how many posts a page of m.weibo.cn has.
const weiboMobilePage = 20

// container answers the one address that gives everything on m.weibo.cn.
func (s *weibo) container(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := q.Get("containerid")
	switch {
	case strings.HasPrefix(id, "107603"):
		s.feed(rw, r, strings.TrimPrefix(id, "107603"), q.Get("since_id"))
	case strings.HasPrefix(id, "100103type=61&q="):
		words, _ := url.ParseQuery(id)
		s.found(rw, r, strings.Trim(words.Get("q"), "#"), q.Get("page"))
	case strings.HasPrefix(id, "230283") && strings.HasSuffix(id, "_-_INFO"):
		s.info(rw, strings.TrimSuffix(strings.TrimPrefix(id, "230283"), "_-_INFO"))
	default:
		s.nothing(rw)
	}
}

// nothing is the answer for empty lists and for accounts that are gone.
func (s *weibo) nothing(rw http.ResponseWriter) {
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 0, "msg": "这里还没有内容", "data": map[string]any{"cards": []any{}}})
}

// feed is an account's list. Its first post ever stands first on each page,
// pinned, and each page begins with the last post of the one before.
func (s *weibo) feed(rw http.ResponseWriter, r *http.Request, uid, since string) {
	s.w.Advance(s.opt.Step)
	who, before := weiboAuthor(uid), -1
	if since != "" {
		before = weiboPost(since) + 1
	}
	mine := func(p *Post) bool { return p.Author.N == who }
	posts := s.w.Page(-1, before, weiboMobilePage, mine)
	first := s.w.Oldest(-1, 1, mine)
	if len(posts) == 0 {
		s.nothing(rw)
		return
	}
	top := s.mblog(r, first[0], false)
	top["isTop"], top["mblogtype"], top["title"] = 1, 2, map[string]any{"text": "置顶", "base_color": 1}
	cards := []any{weiboCard(top, 0)}
	info := map[string]any{"containerid": "107603" + uid, "v_p": 42, "show_style": 1, "total": 1000}
	for i, p := range posts {
		cards = append(cards, weiboCard(s.mblog(r, p, false), i))
	}
	if last := posts[len(posts)-1]; len(posts) == weiboMobilePage {
		info["since_id"] = weiboID(last.N)
		if last.N%2 == 0 {
			info["since_id"] = WeiboID(last.N)
		}
	}
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 1, "data": map[string]any{"cardlistInfo": info, "cards": cards}})
}

// found is a search. Some posts stand in a group, and there is an ad.
func (s *weibo) found(rw http.ResponseWriter, r *http.Request, tag, page string) {
	posts, more := s.numbered(tag, page, weiboMobilePage)
	if !more {
		s.nothing(rw)
		return
	}
	ad := s.mblog(r, Post{N: 40_000_000, Author: &Author{Name: "shop"}, Created: s.w.Now(), Text: "buy!"}, false)
	ad["mblogtypename"] = "广告"
	var group []any
	cards := []any{weiboCard(ad, 1)}
	for i, p := range posts {
		if p.N%5 == 0 {
			group = append(group, weiboCard(s.mblog(r, p, false), i))
			continue
		}
		cards = append(cards, weiboCard(s.mblog(r, p, false), i))
	}
	cards = append(cards, map[string]any{"card_type": 11, "show_type": 1, "card_group": weiboList(group)})
	info := map[string]any{"containerid": "100103type=61", "page": weiboNumber(page, 1) + 1, "total": 1000}
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 1, "data": map[string]any{"cardlistInfo": info, "cards": cards}})
}

// info is the page about an account that tells where its owner lives.
func (s *weibo) info(rw http.ResponseWriter, uid string) {
	authors, who := s.w.Authors(), weiboAuthor(uid)
	if who < 0 || who >= len(authors) || authors[who].State != "" {
		s.nothing(rw)
		return
	}
	group := []any{map[string]any{"card_type": 41, "item_name": "昵称", "item_content": authors[who].Handle}}
	if place := authors[who].Place; place != "" {
		group = append(group, map[string]any{"card_type": 41, "item_name": "所在地", "item_content": place})
	}
	cards := []any{map[string]any{"card_type": 11, "card_group": group}}
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 1, "data": map[string]any{"cardlistInfo": map[string]any{"containerid": "230283" + uid + "_-_INFO"}, "cards": cards}})
}

func (s *weibo) mobileShow(rw http.ResponseWriter, r *http.Request) {
	p, ok := s.w.Post(weiboPost(r.URL.Query().Get("id")))
	if !ok || !p.Seen() {
		weiboReply(rw, http.StatusOK, map[string]any{"ok": 0, "errno": "20101", "msg": "微博不存在或暂无查看权限!"})
		return
	}
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 1, "data": s.mblog(r, p, true)})
}

func (s *weibo) extend(rw http.ResponseWriter, r *http.Request) {
	p, ok := s.w.Post(weiboPost(r.URL.Query().Get("id")))
	if !ok || !p.Seen() {
		weiboReply(rw, http.StatusOK, map[string]any{"ok": 0, "msg": "微博不存在或暂无查看权限!"})
		return
	}
	weiboReply(rw, http.StatusOK, map[string]any{"ok": 1, "data": map[string]any{"ok": 1, "longTextContent": weiboHTML(WeiboText(p)), "attitudes_count": p.Likes}})
}

// weiboCard wraps a post; its type is a number or a string.
func weiboCard(mblog map[string]any, i int) map[string]any {
	c := map[string]any{"card_type": 9, "itemid": fmt.Sprint("x_-_", mblog["mid"]), "mblog": mblog}
	if i%3 == 0 {
		c["card_type"] = "9"
	}
	return c
}

// mblog is a post as the mobile pages write it: the same thing in several types.
func (s *weibo) mblog(r *http.Request, p Post, whole bool) map[string]any {
	text := WeiboText(p)
	m := weiboCommon(p)
	body := weiboHTML(text)
	if weiboLong(p) {
		m["isLongText"] = true
		if !whole {
			body = weiboHead(text) + `<a href="/status/` + WeiboID(p.N) + `">全文</a>`
		}
	}
	var ids []string
	var pics []any
	for _, n := range p.Images {
		pid := fmt.Sprint(n)
		if slices.Contains(ids, pid) {
			continue
		}
		ids = append(ids, pid)
		pics = append(pics, map[string]any{
			"pid": pid, "url": fmt.Sprintf("http://%s/orj360/%s.jpg", r.Host, pid), "size": "orj360", "geo": map[string]any{"width": 480, "height": 270},
			"large": map[string]any{"size": "large", "url": fmt.Sprintf("http://%s/large/%s.jpg", r.Host, pid), "geo": map[string]any{"width": "96", "height": "128"}},
		})
	}
	m["id"], m["mid"], m["text"], m["bid"], m["pic_ids"], m["pics"] = WeiboID(p.N), WeiboID(p.N), body, fmt.Sprintf("B%d", p.N), ids, pics
	if p.N%7 == 3 {
		byKey := map[string]any{}
		for i, pic := range pics {
			byKey[fmt.Sprint(i)] = pic
		}
		m["pics"] = byKey
	}
	m["region_name"], m["mblogtype"], m["edit_config"] = "发布于 上海", 0, map[string]any{"edited": !p.EditedAt.IsZero()}
	m["user"] = map[string]any{"id": 2_000_000_000 + p.Author.N, "screen_name": p.Author.Handle, "followers_count": weiboFollowers(p.Author.Followers)}
	return m
}

// weiboHead is the beginning of a long text, in HTML.
func weiboHead(text string) string {
	cut := weiboCut(text)
	if strings.Count(cut, "#")%2 == 1 {
		cut = strings.ReplaceAll(cut, "#", "")
	}
	return weiboHTML(cut)
}

// weiboFollowers are written in words when they are many.
func weiboFollowers(n int64) any {
	switch {
	case n > 500_000:
		return fmt.Sprintf("%.1f万", float64(n)/1e4)
	case n%2 == 0:
		return fmt.Sprint(n)
	default:
		return n
	}
}
