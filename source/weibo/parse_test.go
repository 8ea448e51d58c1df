package weibo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
)

func TestRecordedList(t *testing.T) {
	b := parse(t, string(fixture(t, "weibo_ak_list_0.json")))
	if len(b.Posts) != 10 || len(b.Problems) != 0 || len(b.Deletions) != 0 || len(b.Skipped) != 0 {
		t.Fatalf("%d posts, %v, %v, %v", len(b.Posts), b.Problems, b.Deletions, b.Skipped)
	}
	top, next := b.Posts[0], b.Posts[1]
	if top.NativeID != "2181280273888811" || top.EditedAt != time.Date(2021, 6, 16, 2, 51, 10, 0, time.UTC) || next.CreatedAt != time.Date(2021, 6, 17, 3, 0, 31, 0, time.UTC) {
		t.Errorf("the pinned post is %s, edited at %s; the next one was written at %s", top.NativeID, top.EditedAt, next.CreatedAt)
	}
	if a := next.Author; a.ID != "9549366020" || a.Handle != "花黄中白Bhizpygvp" || a.Followers != 1363591 {
		t.Errorf("author %+v", a)
	}
	want := models.Media{ID: "188KGmyHin1fxb2c5i99oh61re4457mq", URL: "https://wx1.sinaimg.cn/large/188KGmyHin1fxb2c5i99oh61re4457mq.jpg", State: models.MediaPending}
	if len(next.Media) != 1 || next.Media[0] != want {
		t.Errorf("media %+v", next.Media)
	}
	if !has(next.Hashtags, "明日方舟") || strings.ContainsAny(next.Text, "<>") || strings.Contains(next.Text, "白旧") || !strings.HasSuffix(next.Text, "...") {
		t.Errorf("tags %q, text %q", next.Hashtags, next.Text)
	}
	if len(top.Media) != 0 {
		t.Errorf("the cover of a video is no image of the post: %+v", top.Media)
	}
	if n := len(b.Posts[7].Media); n != 6 {
		t.Errorf("%d images, want 6", n)
	}
	if value(next.Counts.Likes) != 16368 || value(next.Counts.Comments) != 577 || value(next.Counts.Shares) != 83 {
		t.Errorf("counts %d %d %d", value(next.Counts.Likes), value(next.Counts.Comments), value(next.Counts.Shares))
	}
}

// The same list, read twice, has one new post; those that are in both are the
// same to us.
func TestRecordedTwice(t *testing.T) {
	before := parse(t, string(fixture(t, "weibo_ak_list_0.json"))).Posts
	after := parse(t, string(fixture(t, "weibo_ak_list_1.json"))).Posts
	known := map[string]string{}
	for _, p := range before {
		known[p.ID] = p.ContentHash()
	}
	var fresh []string
	for _, p := range after {
		hash, ok := known[p.ID]
		if !ok {
			fresh = append(fresh, p.NativeID)
		} else if hash != p.ContentHash() {
			t.Errorf("%s looks edited", p.NativeID)
		}
	}
	if !slices.Equal(fresh, []string{"6344435608162839"}) {
		t.Errorf("new are %v", fresh)
	}
}

func TestRecordedRetweet(t *testing.T) {
	b := parse(t, string(fixture(t, "getIndex_region_name_retweet_2022.json")))
	if len(b.Posts) != 1 {
		t.Fatalf("%d posts", len(b.Posts))
	}
	p := b.Posts[0]
	if p.RepostOf != "weibo.6638400716682141" || len(p.Media) != 0 || p.Text != "#过刚刚好的生活，从小小的我开始#" {
		t.Errorf("repost of %q, %d images, text %q", p.RepostOf, len(p.Media), p.Text)
	}
	if p.Author.Followers != 71_648_000 || value(p.Counts.Likes) != 116398 {
		t.Errorf("%d followers, %d likes", p.Author.Followers, value(p.Counts.Likes))
	}
	if l := p.Author.Location; l.Kind != "ip" || l.Country != "CN" || l.Region != "CN-BJ" {
		t.Errorf("location %+v", l)
	}
	if strings.Contains(string(p.Raw), "秋短东月里里青") || !json.Valid(p.Raw) || !strings.Contains(string(p.Raw), `"idstr":"6638400716682141"`) {
		t.Errorf("raw keeps what somebody else wrote: %s", p.Raw)
	}
}

// What holds no posts is empty, not an error: a whole text, a profile, an empty
// list, and the table of region codes.
func TestRecordedWithoutPosts(t *testing.T) {
	for _, name := range []string{"statuses_extend_a.json", "statuses_extend_b.json", "weibo_ak_profile.json", "weibo_err_profile.json", "search_region_codes.json"} {
		if b := parse(t, string(fixture(t, name))); len(b.Posts)+len(b.Problems)+len(b.Deletions) != 0 {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

func TestCardTypes(t *testing.T) {
	b := parse(t, `{"ok":1,"data":{"cards":[
		{"card_type":"9","mblog":`+mblog()+`},
		{"card_type":11,"card_group":[{"card_type":9,"mblog":`+mblog(`"mid":"2"`)+`},{"card_type":6,"desc":"x"}]},
		{"card_type":58}]}}`)
	if len(b.Posts) != 2 || b.Posts[0].NativeID != "4423507920688654" || b.Posts[1].NativeID != "2" {
		t.Errorf("%+v", b.Posts)
	}
}

// Ids over 2^53 stay whole, whether they are strings or numbers.
func TestLargeIDs(t *testing.T) {
	for _, body := range []string{
		status(`"idstr":"9007199254740993"`), status(`"idstr":null,"mid":"9007199254740993"`), status(`"idstr":null,"mid":null,"id":9007199254740993`),
		cards(mblog(`"mid":"9007199254740993"`)), cards(mblog(`"mid":9007199254740993`)),
	} {
		if p := one(t, body); p.NativeID != "9007199254740993" || p.ID != "weibo.9007199254740993" {
			t.Errorf("%s: %s", body, p.NativeID)
		}
	}
	if b := parse(t, cards(mblog(`"mid":9.007199254740993e15`))); len(b.Posts) != 0 || len(b.Problems) != 1 {
		t.Errorf("a float is no id: %+v", b)
	}
}

func TestFollowers(t *testing.T) {
	for written, want := range map[string]int64{
		`6905`: 6905, `"6905"`: 6905, `"7164.8万"`: 71_648_000, `"1.2亿"`: 120_000_000, `"100万+"`: 1_000_000, `"many"`: 0, `null`: 0, `-3`: 0, `{}`: 0,
	} {
		if p := one(t, cards(mblog(`"user":{"id":1,"followers_count":`+written+`}`))); p.Author.Followers != want {
			t.Errorf("%s: %d, want %d", written, p.Author.Followers, want)
		}
	}
}

// A count that is hidden is unknown, not 0.
func TestCounts(t *testing.T) {
	p := one(t, cards(mblog(`"attitudes_count":"100万+","comments_count":0,"reposts_count":"转发"`)))
	if value(p.Counts.Likes) != 1_000_000 || value(p.Counts.Comments) != 0 || p.Counts.Shares != nil {
		t.Errorf("%+v", p.Counts)
	}
}

func TestPictures(t *testing.T) {
	pic := func(pid string) string {
		return `{"pid":"` + pid + `","url":"http://wx2.sinaimg.cn/orj360/` + pid + `.jpg","geo":{"width":480},"large":{"url":"http://wx2.sinaimg.cn/large/` + pid + `.jpg","geo":{"width":"1920","height":"1080"}}}`
	}
	for name, body := range map[string]string{
		"list":           cards(mblog(`"pics":[` + pic("aa") + `,` + pic("bb") + `],"pic_ids":["aa","bb"]`)),
		"object":         cards(mblog(`"pics":{"0":` + pic("aa") + `,"1":` + pic("bb") + `}`)),
		"only ids":       cards(mblog(`"pics":[` + pic("aa") + `],"pic_ids":["aa","bb"]`)),
		"order of ids":   cards(mblog(`"pics":[` + pic("bb") + `,` + pic("aa") + `],"pic_ids":["aa","bb"]`)),
		"twice":          cards(mblog(`"pics":[` + pic("aa") + `,` + pic("bb") + `,` + pic("aa") + `]`)),
		"video":          cards(mblog(`"pics":[` + pic("aa") + `,{"pid":"vv","type":"video","videoSrc":"https://x/v.mp4","url":"https://wx2.sinaimg.cn/orj360/vv.jpg"},` + pic("bb") + `],"pic_ids":["aa","vv","bb"]`)),
		"open API":       status(`"pic_urls":[{"thumbnail_pic":"http://wx2.sinaimg.cn/thumbnail/aa.jpg"},{"thumbnail_pic":"http://wx2.sinaimg.cn/thumbnail/bb.jpg"}],"original_pic":"http://wx2.sinaimg.cn/large/aa.jpg"`),
		"ajax":           `{"ok":1,"data":{"list":[` + status(`"text_raw":"你好","pic_ids":["aa","bb"],"pic_infos":{"aa":{"largest":{"url":"https://wx2.sinaimg.cn/large/aa.jpg","width":1,"height":1}},"bb":{"large":{"url":"https://wx2.sinaimg.cn/orj960/bb.jpg"},"original":{}}}`) + `]}}`,
		"ajax and mixed": `{"ok":1,"data":{"list":[` + status(`"text_raw":"你好","pic_ids":[],"mix_media_info":{"items":[{"type":"pic","data":{"pic_id":"aa","largest":{"url":"https://wx2.sinaimg.cn/large/aa.jpg"}}},{"type":"video","data":{}},{"type":"pic","data":{"pid":"bb","largest":{"url":"https://wx2.sinaimg.cn/large/bb.jpg"}}}]}`) + `]}}`,
	} {
		want := []models.Media{
			{ID: "aa", URL: "https://wx2.sinaimg.cn/large/aa.jpg", State: models.MediaPending},
			{ID: "bb", URL: "https://wx2.sinaimg.cn/large/bb.jpg", State: models.MediaPending},
		}
		if p := one(t, body); !slices.Equal(p.Media, want) {
			t.Errorf("%s: %+v", name, p.Media)
		}
	}
}

// The same post by the three ways is the same post.
func TestSameContent(t *testing.T) {
	open := one(t, status(`"text":"#穿搭# 红色 & <3 [doge] @小明 http://t.cn/A6x  `+"\u200b"+`","pic_urls":[{"thumbnail_pic":"http://wx1.sinaimg.cn/thumbnail/aa.jpg"}]`))
	page := one(t, cards(mblog(`"text":"<a href=\"https://m.weibo.cn/search?x\"><span class=\"surl-text\">#穿搭#</span></a> 红色 &amp; &lt;3 <span class=\"url-icon\"><img alt=[doge] src=\"x.png\" /></span> <a href='/n/小明'>@小明</a> <a data-url=\"http://t.cn/A6x\" href=\"https://shop\"><span class='url-icon'><img src='y.png'></span><span class=\"surl-text\">网页链接</span></a> ","pic_ids":["aa"],"pics":[{"pid":"aa","url":"https://wx3.sinaimg.cn/orj360/aa.jpg"}]`)))
	web := one(t, `{"ok":1,"data":{"list":[`+status(`"mblogid":"M1","text":"<b>x</b>","text_raw":"#穿搭# 红色 & <3 [doge] @小明 http://t.cn/A6x ","pic_ids":["aa"],"pic_infos":{"aa":{"largest":{"url":"https://wx1.sinaimg.cn/large/aa.jpg"}}}`)+`]}}`)
	for name, p := range map[string]models.Post{"mobile": page, "ajax": web} {
		if p.ID != open.ID || p.Text != open.Text || p.ContentHash() != open.ContentHash() {
			t.Errorf("%s: %s %q, want %s %q", name, p.ID, p.Text, open.ID, open.Text)
		}
	}
	if !has(open.Hashtags, "穿搭") || !has(open.Mentions, "小明") || !has(open.Links, "http://t.cn/A6x") {
		t.Errorf("tags %q, mentions %q, links %q", open.Hashtags, open.Mentions, open.Links)
	}
}

func TestFullWidthTags(t *testing.T) {
	if p := one(t, status(`"text":"＃秋冬穿搭＃ 好看 #连衣裙# ok"`)); !has(p.Hashtags, "秋冬穿搭", "连衣裙") {
		t.Errorf("%q", p.Hashtags)
	}
}

func TestBreaksAndCutMark(t *testing.T) {
	p := one(t, cards(mblog(`"isLongText":true,"text":"a<br />b ...<a href=\"/status/1\">全文</a>"`)))
	if p.Text != "a\nb ..." {
		t.Errorf("%q", p.Text)
	}
	p = one(t, status(`"isLongText":true,"text":"a...","longText":{"longTextContent":"a and all the rest"}`))
	if p.Text != "a and all the rest" {
		t.Errorf("%q", p.Text)
	}
}

// Times in words mean the time in China when the answer was given.
func TestTimes(t *testing.T) {
	const given = "Tue, 01 Mar 2022 17:30:00 GMT" // 01:30 on the 2nd in China
	for written, want := range map[string]string{
		"Thu Apr 19 10:35:57 +0800 2018": "2018-04-19T02:35:57Z", "刚刚": "2022-03-01T17:30:00Z", "30秒前": "2022-03-01T17:29:30Z",
		"5分钟前": "2022-03-01T17:25:00Z", "2小时前": "2022-03-01T15:30:00Z", "今天 00:10": "2022-03-01T16:10:00Z", "昨天 12:30": "2022-03-01T04:30:00Z",
		"02-27": "2022-02-26T16:00:00Z", "06-27": "2021-06-26T16:00:00Z", "06-27 08:15": "2021-06-27T00:15:00Z", "2019-12-31": "2019-12-30T16:00:00Z",
		"2019-12-31 23:59": "2019-12-31T15:59:00Z",
		// What can't be is replaced by the time of reading.
		"Thu Apr 19 10:35:57 +0800 2050": "2026-03-01T12:00:00Z", "Thu Jan 01 08:00:00 +0800 1970": "2026-03-01T12:00:00Z",
	} {
		b, err := connector(t).Parse(source.Exchange{Status: 200, Header: http.Header{"Date": {given}}, Body: []byte(cards(mblog(`"created_at":"` + written + `"`)))})
		if err != nil || len(b.Posts) != 1 {
			t.Errorf("%s: %v %v", written, err, b.Problems)
		} else if got := b.Posts[0].CreatedAt.Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", written, got, want)
		}
	}
	b := parse(t, cards(mblog(), mblog(`"mid":"2","created_at":"soon"`)))
	if len(b.Posts) != 1 || len(b.Problems) != 1 || !strings.HasPrefix(b.Problems[0].Error(), "data.cards[1].mblog.created_at: ") {
		t.Errorf("%v", b.Problems)
	}
}

func TestEdits(t *testing.T) {
	p := one(t, cards(mblog(`"edit_count":2,"edit_at":"Sat Aug 20 19:00:00 +0800 2022","edit_config":{"edited":true}`)))
	if p.EditedAt != time.Date(2022, 8, 20, 11, 0, 0, 0, time.UTC) {
		t.Errorf("edited at %s", p.EditedAt)
	}
	if p := one(t, cards(mblog(`"edit_config":{"edited":false}`))); !p.EditedAt.IsZero() {
		t.Errorf("edited at %s", p.EditedAt)
	}
}

// A retweet of something that was deleted has a stub in place of it.
func TestRetweetStubs(t *testing.T) {
	b := parse(t, cards(mblog(`"retweeted_status":{"id":"77","mid":"77","deleted":"1","text":"抱歉，此微博已被作者删除。查看帮助","user":null}`)))
	if len(b.Posts) != 1 || b.Posts[0].RepostOf != "weibo.77" || len(b.Deletions) != 1 {
		t.Fatalf("%+v", b)
	}
	if d := b.Deletions[0]; d.NativeID != "77" || d.Source != "weibo" || d.Act != models.Delete || d.By != "author" {
		t.Errorf("%+v", d)
	}
	for _, stub := range []string{`{"mid":"77","text":"抱歉，由于作者设置，你暂时没有这条微博的查看权限哦。"}`, `{"user":null}`, `null`, `"gone"`, `[]`} {
		if b := parse(t, cards(mblog(`"retweeted_status":`+stub))); len(b.Posts) != 1 || len(b.Deletions) != 0 {
			t.Errorf("%s: %+v", stub, b)
		}
	}
}

func TestDeletedInList(t *testing.T) {
	b := parse(t, `{"statuses":[{"created_at":"Thu Apr 19 10:35:57 +0800 2018","id":77,"deleted":"1","text":"此微博已被删除"}]}`)
	if len(b.Posts) != 0 || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "77" || b.Deletions[0].By != "platform" {
		t.Errorf("%+v", b)
	}
}

func TestAdsAreSkipped(t *testing.T) {
	for _, mark := range []string{`"mblogtypename":"广告"`, `"readtimetype":"adMblog"`, `"promotion":{"type":"ad"}`, `"mark":"1_reallog_mark_ad:1|WeiboADFeed"`} {
		if b := parse(t, cards(mblog(mark))); len(b.Posts) != 0 || b.Skipped["ad"] != 1 {
			t.Errorf("%s: %+v", mark, b)
		}
	}
	b := parse(t, `{"statuses":[`+status()+`,`+status(`"idstr":"2"`)+`],"ad":[{"id":2,"mark":"AD"}]}`)
	if len(b.Posts) != 1 || b.Skipped["ad"] != 1 {
		t.Errorf("%+v", b)
	}
	// Recorded on an author's own posts: these are no ads.
	for _, mark := range []string{`"ad_state":1`, `"mark":"999_reallog_mark_ad:999|WeiboADNatural"`} {
		one(t, cards(mblog(mark)))
	}
}

func TestVisibility(t *testing.T) {
	for visible, reason := range map[string]string{
		`{"type":0,"list_id":0}`: "", `{"type":"0"}`: "", `null`: "", `{"type":1}`: "not public", `{"type":"6"}`: "not public", `{"type":10}`: "not public",
		`{}`: "visibility unknown", `"0"`: "visibility unknown",
	} {
		b := parse(t, cards(mblog(`"visible":`+visible)))
		if reason == "" && len(b.Posts) != 1 || reason != "" && (len(b.Posts) != 0 || b.Skipped[reason] != 1) {
			t.Errorf("%s: %d posts, %v", visible, len(b.Posts), b.Skipped)
		}
	}
}

func TestPinnedTwice(t *testing.T) {
	one(t, cards(mblog(`"isTop":1`), mblog()))
}

func TestLocation(t *testing.T) {
	for fields, want := range map[string]models.Location{
		`"user":{"id":1,"province":"44","city":"1","location":"广东 广州"},"region_name":"发布于 北京"`:  {Kind: "profile", Country: "CN", Region: "CN-GD"},
		`"user":{"id":1,"province":31,"city":1000,"location":"上海"}`:                             {Kind: "profile", Country: "CN", Region: "CN-SH"},
		`"user":{"id":1,"province":"100","city":"1000","location":"其他"},"region_name":"发布于 法国"`: {Kind: "ip", Country: "FR"},
		`"region_name":"发布于 北京"`:                            {Kind: "ip", Country: "CN", Region: "CN-BJ"},
		`"geo":{"type":"Point","coordinates":[31.2,121.4]}`: {Kind: "none"},
	} {
		l := one(t, status(fields)).Author.Location
		if l.Kind != want.Kind || l.Country != want.Country || l.Region != want.Region {
			t.Errorf("%s: %+v", fields, l)
		}
	}
}

func TestAjaxShapes(t *testing.T) {
	list := parse(t, `{"ok":1,"data":{"since_id":"4423507920688654kp2","list":[`+status(`"mblogid":"M1","text_raw":"你好","region_name":"发布于 法国"`)+`],"total":1}}`)
	if len(list.Posts) != 1 || list.Posts[0].Author.Location.Kind != "ip" {
		t.Errorf("%+v", list)
	}
	if p := one(t, `{"ok":1,`+strings.TrimPrefix(status(`"mblogid":"M1","text_raw":"一 < 二","text":"一 &lt; 二"`), "{")); p.Text != "一 < 二" {
		t.Errorf("%q", p.Text)
	}
	if b := parse(t, `{"ok":1,"data":{"longTextContent":"x","url_struct":[]}}`); len(b.Posts) != 0 {
		t.Errorf("%+v", b)
	}
}

// An odd type of one field costs that field and no more.
func TestGoodPostsBesideBadOnes(t *testing.T) {
	b := parse(t, `{"ok":1,"data":{"cards":[7,{"mblog":"x"},{"mblog":{"text":"no id"}},{"mblog":`+mblog()+`}]}}`)
	var places []string
	for _, p := range b.Problems {
		place, _, _ := strings.Cut(p.Error(), ":")
		places = append(places, place)
	}
	if len(b.Posts) != 1 || !slices.Equal(places, []string{"data.cards[0]", "data.cards[1].mblog", "data.cards[2].mblog.mid"}) {
		t.Errorf("%d posts, %v", len(b.Posts), b.Problems)
	}
}

// Hostile sizes are cut.
func TestBounds(t *testing.T) {
	var pics strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&pics, `,{"pid":"p%d","url":"https://wx1.sinaimg.cn/large/p%d.jpg"}`, i, i)
	}
	p := one(t, cards(mblog(`"text":"`+strings.Repeat("长", 1<<20)+`","pics":[`+pics.String()[1:]+`]`)))
	if len(p.Media) != 50 || len(p.Text) > 256<<10 {
		t.Errorf("%d images, %d bytes", len(p.Media), len(p.Text))
	}
	deep := strings.Repeat(`{"card_group":[`, 2000) + strings.Repeat(`]}`, 2000)
	if b := parse(t, `{"ok":1,"data":{"cards":[`+deep+`]}}`); len(b.Posts) != 0 {
		t.Errorf("%+v", b.Posts)
	}
}
