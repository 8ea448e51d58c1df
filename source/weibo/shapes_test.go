package weibo_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"weft/source"
)

// A search of m.weibo.cn, constructed: cards in a group, pictures by number, a
// live photo, a video, words marked, an id over 2^53.
func TestSearchShape(t *testing.T) {
	post := mblog(`"mid":"9007199254740993"`, `"user":{"id":9007199254740995,"screen_name":"小红","followers_count":"1.2亿"}`, `"region_name":"发布于 中国香港"`,
		`"text":"#<em>穿搭</em>#<img alt=[doge] src=x> a &lt;b&gt; <a href='/n/x'>@x</a> <a data-url=\"http://t.cn/A\" href=\"http://t.cn/A\"><span class=\"surl-text\">网页链接</span></a>"`,
		`"pics":{"0":{"pid":"p1","large":{"url":"http://wx1.sinaimg.cn/large/p1.jpg","geo":{"width":"1"}}},
		"1":{"pid":"p2","type":"livephoto","url":"https://wx1.sinaimg.cn/orj360/p2.jpg","videoSrc":"https://x.cn/y.mov"},
		"2":{"pid":"p3","type":"video","url":"https://wx1.sinaimg.cn/orj360/p3.jpg"}}`)
	p := one(t, `{"ok":1,"data":{"cardlistInfo":{"page":2},"cards":[{"card_type":11,"card_group":[{"card_type":42,"desc":"x"},{"card_type":"9","mblog":`+post+`}]}]}}`)
	if p.NativeID != "9007199254740993" || p.Author.ID != "9007199254740995" || p.Author.Followers != 120_000_000 || p.Author.Location.Country != "HK" {
		t.Errorf("%+v", p)
	}
	if p.Text != "#穿搭#[doge] a <b> @x http://t.cn/A" || !slices.Equal(p.Hashtags, []string{"穿搭"}) || !slices.Equal(p.Mentions, []string{"x"}) {
		t.Errorf("%q %q %q", p.Text, p.Hashtags, p.Mentions)
	}
	if len(p.Media) != 2 || p.Media[0].URL != "https://wx1.sinaimg.cn/large/p1.jpg" || p.Media[1].URL != "https://wx1.sinaimg.cn/large/p2.jpg" {
		t.Errorf("%+v", p.Media)
	}
	if p.Counts.Likes != nil || p.Counts.Comments != nil {
		t.Errorf("counts that aren't told: %+v", p.Counts)
	}
}

// Plain texts have a few signs escaped; both APIs give the same text.
func TestEntitiesInPlainText(t *testing.T) {
	for _, body := range []string{status(`"text":"Dior &amp; 我 &lt;3"`), status(`"mblogid":"M1","text_raw":"Dior &amp; 我 &lt;3"`), cards(mblog(`"text":"Dior &amp; 我 &lt;3"`))} {
		if p := one(t, body); p.Text != "Dior & 我 <3" {
			t.Errorf("%q", p.Text)
		}
	}
}

func TestOnlyAThumbnail(t *testing.T) {
	p := one(t, status(`"thumbnail_pic":"http://ww1.sinaimg.cn/thumbnail/a1.jpg"`))
	if len(p.Media) != 1 || p.Media[0].URL != "https://ww1.sinaimg.cn/large/a1.jpg" || p.Media[0].ID != "a1" {
		t.Errorf("%+v", p.Media)
	}
}

func TestChineseDates(t *testing.T) {
	for written, want := range map[string]string{"6月27日 12:30": "2025-06-27T04:30:00Z", "2020年06月27日 12:30": "2020-06-27T04:30:00Z"} {
		if got := one(t, cards(mblog(`"created_at":"`+written+`"`))).CreatedAt.Format("2006-01-02T15:04:05Z07:00"); got != want {
			t.Errorf("%s is %s", written, got)
		}
	}
}

// An answer whose list is missing or of another type isn't an empty one.
func TestListThatIsNone(t *testing.T) {
	for body, place := range map[string]string{
		`{"ok":1,"data":{"cardlistInfo":{},"cards":"x"}}`: "data.cards", `{"ok":1,"data":{"cardlistInfo":{}}}`: "data.cards",
		`{"statuses":7}`: "statuses", `{"ok":1,"data":{"list":{"a":1}}}`: "data.list", `{"ok":1,"data":{"statuses":true}}`: "data.statuses",
		`{"ok":1,"data":{"cards":[{"card_type":9}]}}`: "data.cards[0].mblog", `{"ok":1,"data":{"cards":[{}]}}`: "data.cards[0]",
	} {
		b := parse(t, body)
		if len(b.Posts) != 0 || len(b.Problems) != 1 || !strings.HasPrefix(b.Problems[0].Error(), place+": ") {
			t.Errorf("%s: %v", body, b.Problems)
		}
	}
	for _, empty := range []string{`{"ok":1,"data":{"cards":[]}}`, `{"statuses":[]}`, `{"ok":1,"data":{"list":[]}}`} {
		if b := parse(t, empty); len(b.Problems) != 0 {
			t.Errorf("%s: %v", empty, b.Problems)
		}
	}
}

// The web pages name a post by its number in base 62.
func TestGoneByItsWebName(t *testing.T) {
	b, err := connector(t).Parse(source.Exchange{
		URL: "https://weibo.com/ajax/statuses/show?id=z0JH2lOMb", Status: 400, Body: []byte(`{"ok":0,"message":"该微博不存在","http_code":400,"error_code":20101}`),
	})
	if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "3501756485200075" || !strings.Contains(b.Deletions[0].Reason, "不存在") {
		t.Errorf("%+v %v", b, err)
	}
}

// Of a profile that tells no home, the place of the IP address is that and no home.
func TestProfileWithTheIPPlaceAlone(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := cards(mblog())
		switch q := r.URL.RawQuery; {
		case strings.Contains(q, "230283"):
			answer = `{"ok":1,"data":{"cards":[{"card_type":11,"card_group":[{"card_type":41,"item_name":"IP属地","item_content":"广东"}]}]}}`
		case strings.Contains(q, "since_id"):
			answer = `{"ok":0,"msg":"这里还没有内容","data":{"cards":[]}}`
		}
		if _, err := w.Write([]byte(answer)); err != nil {
			t.Error(err)
		}
	})
	r := newRig(t, world(4), h, map[string]string{"mode": "mobile", "list": "user", "uid": "1"})
	r.once(t)
	if l := r.s.posts["weibo.4423507920688654"].Author.Location; l.Kind != "ip" || l.Region != "CN-GD" {
		t.Errorf("%+v", l)
	}
}
