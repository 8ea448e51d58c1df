package instagram_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/source"
)

// An account with an album, constructed from the documentation: children in
// order, a video among them, one without its address.
func TestMixedAlbumOfAnAccount(t *testing.T) {
	b, err := parser().Parse(body(`{"business_discovery":{"username":"Brand.One","followers_count":12,"id":"17841405822304914","media":{"data":[
		{"id":"17900000000000001","caption":"A #OOTD","media_type":"CAROUSEL_ALBUM","timestamp":"2026-01-02T03:04:05+0000","comments_count":0,"children":{"data":[
			{"id":"17900000000000002","media_type":"IMAGE","media_url":"https://c.example/a.jpg"},
			{"id":"17900000000000003","media_type":"VIDEO","media_url":"https://c.example/a.mp4","thumbnail_url":"https://c.example/t.jpg"},
			{"id":"17900000000000004","media_type":"IMAGE"},
			{"id":17900000000000005,"media_type":"IMAGE","media_url":"https://c.example/d.jpg"}]}},
		{"id":"17900000000000009","media_type":"VIDEO","thumbnail_url":"https://c.example/t9.jpg","media_url":"https://c.example/x.mp4","timestamp":"2026-01-02T03:04:05+0000"}
		],"paging":{"cursors":{"after":"QVFI"}}}},"id":"1"}`))
	if err != nil || len(b.Posts) != 2 || len(b.Problems) != 0 {
		t.Fatalf("%+v %v", b, err)
	}
	var ids []string
	for _, m := range b.Posts[0].Media {
		ids = append(ids, m.ID+" "+string(m.State))
	}
	if got := strings.Join(ids, ","); got != "17900000000000002 pending,17900000000000004 failed,17900000000000005 pending" {
		t.Errorf("media %s", got)
	}
	p := b.Posts[0]
	if p.Author.Handle != "brand.one" || p.Author.Followers != 12 || p.Counts.Likes != nil || p.Counts.Comments == nil || len(b.Posts[1].Media) != 0 {
		t.Errorf("%+v", b.Posts)
	}
}

// Children of which only the ids were asked for: the cover stands for them.
func TestAlbumWhoseChildrenAreIDs(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"1","media_type":"CAROUSEL_ALBUM","media_url":"https://c.example/cover.jpg","children":{"data":[{"id":"2"},{"id":"3"}]}}]}`))
	if err != nil || len(b.Posts) != 1 || len(b.Posts[0].Media) != 1 || b.Posts[0].Media[0].URL != "https://c.example/cover.jpg" {
		t.Errorf("%+v %v", b.Posts, err)
	}
}

// Where images weren't asked for, none failed.
func TestMediaWithNumbersAlone(t *testing.T) {
	b, err := parser().Parse(recorded(t, "hashtags_hashtag_recent_medias_p1.json"))
	if err != nil || len(b.Posts) != 5 || len(b.Posts[0].Media) != 0 {
		t.Errorf("%+v %v", b.Posts, err)
	}
}

func TestTimesOtherThanTexts(t *testing.T) {
	rec := body(`{"data":[{"id":"1","media_type":"IMAGE","timestamp":1629226842},{"id":"2","media_type":"IMAGE"}]}`)
	rec.Header = http.Header{"Date": {"Wed, 18 Aug 2021 00:00:00 GMT"}}
	b, err := parser().Parse(rec)
	if err != nil || len(b.Posts) != 2 {
		t.Fatalf("%+v %v", b, err)
	}
	if at := b.Posts[0].CreatedAt; !at.Equal(time.Date(2021, 8, 17, 19, 0, 42, 0, time.UTC)) {
		t.Errorf("seconds since 1970: %s", at)
	}
	if at := b.Posts[1].CreatedAt; !at.Equal(time.Date(2021, 8, 18, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("no time in an answer of 2021: %s", at)
	}
}

// A recorded throttling answer says when to come back, by its headers.
func TestThrottledTellsUntilWhen(t *testing.T) {
	rec := source.Exchange{Status: 400, Body: []byte(`{"error":{"message":"(#4) limit","type":"OAuthException","code":4}}`), Header: http.Header{}}
	rec.Header.Set("X-Business-Use-Case-Usage", `{"178":[{"type":"instagram","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":12}]}`)
	_, err := parser().Parse(rec)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Throttled || !trouble.Until.Equal(now().Add(12*time.Minute)) {
		t.Errorf("%v", err)
	}
}

func TestAccountThatIsNone(t *testing.T) {
	for _, in := range []string{`{"business_discovery":"x"}`, `{"business_discovery":{}}`, `{"17900000000000001":"x","17900000000000002":5}`} {
		if b, err := parser().Parse(body("%s", in)); err == nil && len(b.Problems) == 0 {
			t.Errorf("%s is taken for empty", in)
		}
	}
}
