package weibo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/web"
	"weft/source/weibo"
)

// calls counts what is asked for.
type calls struct {
	http.Handler
	paths map[string]int
}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.paths[r.URL.Path]++
	c.Handler.ServeHTTP(w, r)
}

// A second run with nothing new costs one call: neither pinned posts nor long
// texts nor the profile are asked for again.
func TestPollingIsCheap(t *testing.T) {
	for name, params := range map[string]map[string]string{
		"mobile": {"mode": "mobile", "list": "user", "uid": network.WeiboUser(0), "backfill": "200"},
		"api":    {"list": "home"},
	} {
		w := network.NewWorld(network.Options{Seed: 1, Posts: 600, Authors: 2, Tag: "ootd", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Minute})
		w.Advance(500)
		c := &calls{Handler: w.Weibo(network.WeiboOptions{}), paths: map[string]int{}}
		r := newRig(t, w, c, params)
		if done, err := r.once(t); !done || err != nil || len(r.s.posts) < 200 {
			t.Fatalf("%s: %t, %v, %d posts", name, done, err, len(r.s.posts))
		}
		first := total(c.paths)
		r.once(t)
		// A long post within the last two minutes may be asked for again.
		if again := total(c.paths) - first; again > 2 {
			t.Errorf("%s: the second run made %d calls, the first %d: %v", name, again, first, c.paths)
		}
		known := len(r.s.posts)
		w.Finish()
		before := total(c.paths)
		r.once(t)
		if fresh := len(r.s.posts) - known; fresh < 40 || fresh > 100 || total(c.paths)-before > 15 {
			t.Errorf("%s: %d new posts with %d calls", name, fresh, total(c.paths)-before)
		}
		if len(r.s.gaps) > 0 {
			t.Errorf("%s: gaps %v", name, r.s.gaps)
		}
	}
}

func total(paths map[string]int) (n int) {
	for _, v := range paths {
		n += v
	}
	return n
}

// The first run reads no more than the back-fill asks for.
func TestBackfill(t *testing.T) {
	w := world(5000)
	w.Finish()
	r := newRig(t, w, w.Weibo(network.WeiboOptions{}), map[string]string{"list": "topics", "q": "ootd"})
	if done, err := r.once(t); !done || err != nil || len(r.s.posts) < 200 || len(r.s.posts) > 250 {
		t.Errorf("%t, %v, %d posts", done, err, len(r.s.posts))
	}
}

// A run is bounded; the next goes on where it stopped.
func TestRunIsBounded(t *testing.T) {
	w := world(3000)
	w.Finish()
	c := &calls{Handler: w.Weibo(network.WeiboOptions{}), paths: map[string]int{}}
	r := newRig(t, w, c, map[string]string{"mode": "mobile", "list": "search", "q": "ootd", "backfill": "100000"})
	done, err := r.once(t)
	if n := c.paths["/api/container/getIndex"]; done || err != nil || n != 50 {
		t.Errorf("%t, %v, %d pages", done, err, n)
	}
	before := len(r.s.posts)
	r.once(t)
	if len(r.s.posts) <= before {
		t.Error("the second run found nothing more")
	}
}

// served answers all calls with the bodies in turn, the last one for ever.
func served(t *testing.T, mode string, bodies ...string) *rig {
	t.Helper()
	n := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodies[min(n, len(bodies)-1)]
		if strings.Contains(r.URL.RawQuery, "230283") {
			body = `{"ok":1,"data":{"cards":[{"card_group":[{"item_name":"所在地","item_content":"广东 广州"}]}]}}`
		} else {
			n++
		}
		if status, rest, ok := strings.Cut(body, "|"); ok {
			code, _ := strconv.Atoi(status)
			w.WriteHeader(code)
			body = rest
		}
		_, _ = w.Write([]byte(body))
	})
	w := world(4)
	params := map[string]string{"mode": mode, "list": "user", "uid": "1"}
	return newRig(t, w, h, params)
}

// The recorded list, read twice: the pinned post stands first and is older than
// all others, and still the run reads on until the known ones, in one page.
func TestPinnedIsNoEnd(t *testing.T) {
	old, fresh := string(fixture(t, "weibo_ak_list_0.json")), string(fixture(t, "weibo_ak_list_1.json"))
	long := string(fixture(t, "statuses_extend_a.json"))
	old, fresh = strings.ReplaceAll(old, `"isLongText": true`, `"isLongText": false`), strings.ReplaceAll(fresh, `"isLongText": true`, `"isLongText": false`)
	old, fresh = strings.ReplaceAll(old, `"isLongText":true`, `"isLongText":false`), strings.ReplaceAll(fresh, `"isLongText":true`, `"isLongText":false`)
	r := served(t, "mobile", old, `{"ok":0,"msg":"这里还没有内容","data":{"cards":[]}}`, fresh, long)
	if done, err := r.once(t); !done || err != nil || len(r.s.posts) != 10 {
		t.Fatalf("%t, %v, %d posts", done, err, len(r.s.posts))
	}
	var high struct{ High time.Time }
	if err := json.Unmarshal(r.s.cursor, &high); err != nil || high.High != time.Date(2021, 6, 17, 3, 0, 31, 0, time.UTC) {
		t.Errorf("the mark is at %s: not the pinned post's time", high.High)
	}
	if done, err := r.once(t); !done || err != nil || len(r.s.posts) != 11 || len(r.s.gaps) != 0 {
		t.Errorf("%t, %v, %d posts, %v", done, err, len(r.s.posts), r.s.gaps)
	}
}

// The whole text replaces the cut one before anybody sees the post.
func TestLongTextIsFetched(t *testing.T) {
	cut := cards(mblog(`"isLongText":true,"text":"一 ...<a href=\"/status/1\">全文</a>"`))
	r := served(t, "mobile", cut, `{"ok":1,"data":{"ok":1,"longTextContent":"一<br />二 &amp; 三"}}`, `{"ok":0,"data":{"cards":[]}}`)
	r.once(t)
	if p := r.s.posts["weibo.4423507920688654"]; p.Text != "一\n二 & 三" {
		t.Errorf("%q", p.Text)
	}
	// Where there is none, the post is kept as it is, and the problem told.
	r = served(t, "mobile", cut, `{"ok":1,"data":{"ok":1,"longTextContent":""}}`, `{"ok":0,"data":{"cards":[]}}`)
	problems := 0
	for b := range r.c.Collect(t.Context(), r.q, nil) {
		problems += len(b.Problems)
		r.s.take(t, source.Batch{Posts: b.Posts})
	}
	if p := r.s.posts["weibo.4423507920688654"]; p.Text != "一 ..." || problems != 1 {
		t.Errorf("%q, %d problems", p.Text, problems)
	}
}

// A list whose pages repeat, by the same cursor or by new ones, comes to an end.
func TestPagesThatRepeat(t *testing.T) {
	same := cards(mblog())
	r := served(t, "mobile", same)
	if done, err := r.once(t); !done || err != nil || len(r.s.posts) != 1 {
		t.Errorf("%t, %v, %d posts", done, err, len(r.s.posts))
	}
	var turning []string
	for i := range 60 {
		turning = append(turning, strings.Replace(same, `"since_id":1`, fmt.Sprintf(`"since_id":"%d"`, i+1), 1))
	}
	n := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(turning[min(n, 59)]))
		n++
	})
	r = newRig(t, world(4), h, map[string]string{"mode": "mobile", "list": "user", "uid": "1"})
	if done, err := r.once(t); !done || err != nil || n > 8 {
		t.Errorf("%t, %v, %d calls", done, err, n)
	}
}

// since_id is a number here and a string there.
func TestSinceID(t *testing.T) {
	for _, since := range []string{`5949308348239649`, `"5949308348239649"`} {
		var asked string
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := strings.Replace(cards(mblog()), `"since_id":1`, `"since_id":`+since, 1)
			if s := r.URL.Query().Get("since_id"); s != "" {
				asked, body = s, `{"ok":0,"data":{"cards":[]}}`
			}
			_, _ = w.Write([]byte(body))
		})
		r := newRig(t, world(4), h, map[string]string{"mode": "mobile", "list": "user", "uid": "1"})
		if done, err := r.once(t); !done || err != nil || asked != "5949308348239649" {
			t.Errorf("%s: %t, %v, asked for %q", since, done, err, asked)
		}
	}
}

// A list that ends before the known posts has a gap.
func TestGap(t *testing.T) {
	nothing := `{"ok":0,"data":{"cards":[]}}`
	r := served(t, "mobile", cards(mblog(`"created_at":"Sat Aug 20 18:00:00 +0800 2022"`)), nothing,
		cards(mblog(`"mid":"2","created_at":"Sat Aug 27 18:00:00 +0800 2022"`)), nothing)
	r.once(t)
	if len(r.s.gaps) != 0 {
		t.Errorf("the first run has no gap: %v", r.s.gaps)
	}
	r.once(t)
	if len(r.s.gaps) != 1 || r.s.gaps[0].From.Day() != 20 || r.s.gaps[0].To.Day() != 27 {
		t.Errorf("%v", r.s.gaps)
	}
}

// The place in the profile goes before the one of the IP address.
func TestProfilePlace(t *testing.T) {
	r := served(t, "mobile", cards(mblog(`"region_name":"发布于 北京"`)), `{"ok":0,"data":{"cards":[]}}`)
	r.once(t)
	if l := r.s.posts["weibo.4423507920688654"].Author.Location; l.Kind != "profile" || l.Region != "CN-GD" {
		t.Errorf("%+v", l)
	}
}

// One page that can never be read doesn't keep new posts away for ever.
func TestBrokenPageIsGivenUp(t *testing.T) {
	n := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("max_id") != "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		n++
		_, _ = fmt.Fprintf(w, `{"statuses":[%s]}`, status(fmt.Sprintf(`"idstr":"%d"`, 100+n)))
	})
	r := newRig(t, world(4), h, map[string]string{"list": "home"})
	for range 60 {
		r.once(t)
	}
	if len(r.s.gaps) != 1 || len(r.s.posts) != 2 {
		t.Errorf("%d posts, gaps %v", len(r.s.posts), r.s.gaps)
	}
}

// A cursor of another list is none.
func TestCursorOfAnotherList(t *testing.T) {
	w := world(500)
	w.Finish()
	r := newRig(t, w, w.Weibo(network.WeiboOptions{}), map[string]string{"list": "home"})
	for _, old := range []string{`{"list":"api home x","high":"2030-01-01T00:00:00Z","walk":{"next":"7"}}`, `[]`, `{"high":7}`} {
		r.s = newStore()
		r.s.cursor = json.RawMessage(old)
		if done, err := r.once(t); !done || err != nil || len(r.s.posts) < 200 {
			t.Errorf("%s: %t, %v, %d posts", old, done, err, len(r.s.posts))
		}
	}
}

// limits writes down what the limiter is told.
type limits struct {
	key  source.Key
	told []source.Signal
}

func (l *limits) Wait(_ context.Context, k source.Key, _ source.Rate) error {
	l.key = k
	return nil
}

func (l *limits) Report(_ context.Context, _ source.Key, s source.Signal) error {
	l.told = append(l.told, s)
	return nil
}

// What Weibo refuses is told to the limiter, by the account and without its token.
func TestLimiterIsTold(t *testing.T) {
	body := `{"error_code":10023,"error":"User requests out of rate limit!"}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(body))
	}))
	defer srv.Close()
	l := &limits{}
	c := weibo.New(weibo.Options{Web: &web.Client{Limits: l}, Base: srv.URL, Token: secret, Now: readAt})
	q := source.Query{Params: map[string]string{"list": "home"}}
	for _, err := range c.Collect(t.Context(), q, nil) {
		if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Throttled {
			t.Errorf("%v", err)
		}
	}
	if len(l.told) != 1 || !l.told[0].Until.Equal(readAt().Add(time.Hour)) || l.key.Account == "" || strings.Contains(l.key.String(), secret) {
		t.Errorf("%+v %s", l.told, l.key)
	}
	body = `{"error_code":21332,"error":"invalid_access_token"}`
	for range c.Collect(t.Context(), q, nil) {
	}
	if len(l.told) != 2 || l.told[1].Stop == "" {
		t.Errorf("%+v", l.told)
	}
}

// A wrong token or session stops the account, without the secret in the error.
func TestWrongCredentials(t *testing.T) {
	w := world(10)
	h := w.Weibo(network.WeiboOptions{Token: "another", Cookie: "SUB=another"})
	for _, params := range []map[string]string{{"list": "home"}, {"mode": "mobile", "list": "search", "q": "x"}} {
		r := newRig(t, w, h, params)
		_, err := r.once(t)
		if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || trouble.Do == "" {
			t.Errorf("%v: %v", params, err)
		}
	}
}

func TestNoToken(t *testing.T) {
	c := weibo.New(weibo.Options{})
	for _, err := range c.Collect(t.Context(), source.Query{Params: map[string]string{"list": "home"}}, nil) {
		if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || !strings.Contains(trouble.Do, "sources.weibo.token") {
			t.Errorf("%v", err)
		}
	}
}

// Single posts are read again by the API that there is: gone, changed or as before.
func TestReadAgain(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 40, Authors: 2, Tag: "ootd", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Removals: 0.3, Edits: 0.3, Images: 5})
	w.Finish()
	srv := httptest.NewServer(w.Weibo(network.WeiboOptions{}))
	defer srv.Close()
	for name, opt := range map[string]weibo.Options{
		"api":    {Token: secret},
		"mobile": {AllowMobile: true},
	} {
		opt.Base, opt.MobileBase, opt.Now = srv.URL+"/2", srv.URL, readAt
		c := weibo.New(opt)
		var posts []models.Post
		for n := range 40 {
			posts = append(posts, models.Post{Source: "weibo", NativeID: network.WeiboID(n)})
		}
		b, err := c.Recheck(t.Context(), posts)
		if err != nil || len(b.Posts)+len(b.Deletions) != 40 || len(b.Deletions) < 5 || len(b.Problems) > 0 {
			t.Fatalf("%s: %v, %d posts, %d deletions, %v", name, err, len(b.Posts), len(b.Deletions), b.Problems)
		}
		for _, p := range b.Posts {
			n, _ := strconv.ParseInt(p.NativeID, 10, 64)
			truth, _ := w.Post(int(n-1<<53-1) / 2)
			if p.Text != network.WeiboText(truth) {
				t.Errorf("%s: %q, want %q", name, p.Text, network.WeiboText(truth))
			}
			again, err := c.Resolve(t.Context(), p)
			if err != nil || again.ContentHash() != p.ContentHash() {
				t.Errorf("%s: %s: %v", name, p.ID, err)
			}
		}
		for _, d := range b.Deletions {
			if _, err := c.Resolve(t.Context(), models.Post{NativeID: d.NativeID}); !errors.Is(err, models.ErrNotFound) || d.Act != models.Delete {
				t.Errorf("%s: %+v: %v", name, d, err)
			}
		}
	}
}

// What its author has withdrawn is gone; what only can't be read is not.
func TestWithdrawn(t *testing.T) {
	for body, want := range map[string]struct{ deletions, problems int }{
		`{"error_code":20112,"error":"Permission Denied!"}`: {1, 0},
		status(`"visible":{"type":1}`):                      {1, 0},
		status(`"visible":{}`):                              {0, 0},
		status(`"created_at":7`):                            {0, 1},
		status(`"idstr":"8"`):                               {0, 1},
		status(`"deleted":"1"`):                             {1, 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		c := weibo.New(weibo.Options{Base: srv.URL, Token: secret, Now: readAt})
		b, err := c.Recheck(t.Context(), []models.Post{{NativeID: "4423507920688654"}})
		if err != nil || len(b.Posts) != 0 || len(b.Deletions) != want.deletions || len(b.Problems) != want.problems {
			t.Errorf("%s: %+v, %v", body, b, err)
		}
		srv.Close()
	}
}

// The whole text of a long pinned post is asked for once, and again when the
// post was edited.
func TestPinnedLongTextOnce(t *testing.T) {
	extends, edited := 0, ""
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/statuses/extend":
			extends++
			_, _ = w.Write([]byte(`{"ok":1,"data":{"longTextContent":"all"}}`))
		case r.URL.Query().Get("since_id") != "":
			_, _ = w.Write([]byte(`{"ok":0,"data":{"cards":[]}}`))
		default:
			top := mblog(append([]string{`"isTop":1,"isLongText":true`}, strings.Fields(edited)...)...)
			_, _ = w.Write([]byte(cards(top, mblog(`"mid":"2","created_at":"Sat Aug 27 18:00:00 +0800 2022"`))))
		}
	})
	r := newRig(t, world(4), h, map[string]string{"mode": "mobile", "list": "user", "uid": "1"})
	for range 3 {
		if _, err := r.once(t); err != nil {
			t.Fatal(err)
		}
	}
	if extends != 1 {
		t.Errorf("%d calls for one text", extends)
	}
	edited = `"edit_at":"2026-03-02"` // after the last run, which was on the 1st
	r.c = weibo.New(weibo.Options{MobileBase: r.url, AllowMobile: true, Now: func() time.Time { return readAt().Add(48 * time.Hour) }})
	if _, err := r.once(t); err != nil || extends != 2 {
		t.Errorf("%d calls after the edit: %v", extends, err)
	}
}
