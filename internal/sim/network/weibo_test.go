package network_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
)

func weiboWorld(t *testing.T, opt network.WeiboOptions) func(path string) (int, string) {
	t.Helper()
	w := network.NewWorld(network.Options{Seed: 1, Posts: 200, Authors: 2, Tag: "ootd", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Removals: 0.1, Images: 3})
	w.Finish()
	srv := httptest.NewServer(w.Weibo(opt))
	t.Cleanup(srv.Close)
	return func(path string) (int, string) {
		resp, err := http.Get(srv.URL + path) //nolint:noctx // a test's server
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

func TestWeiboWantsToken(t *testing.T) {
	get := weiboWorld(t, network.WeiboOptions{Token: "right"})
	if code, body := get("/2/statuses/home_timeline.json"); code != 403 || !strings.Contains(body, `"error_code":21332`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get("/2/statuses/home_timeline.json?access_token=right"); code != 200 || !strings.Contains(body, network.WeiboID(199)) {
		t.Errorf("%d %s", code, body)
	}
}

func TestWeiboRefuses(t *testing.T) {
	get := weiboWorld(t, network.WeiboOptions{Limit: 2})
	var refused []string
	for range 4 {
		if code, body := get("/2/statuses/home_timeline.json?access_token=x&count=1"); code == 403 {
			refused = append(refused, body)
		}
	}
	if len(refused) != 2 || !strings.Contains(refused[0], `"error_code":10023`) || !strings.Contains(refused[1], `"error_code":"10022"`) {
		t.Errorf("%q", refused)
	}
	get = weiboWorld(t, network.WeiboOptions{Limit: 1})
	if code, _ := get("/statuses/show?id=1"); code != 432 {
		t.Errorf("%d", code)
	}
}

// Pages of an account overlap by one post, and each begins with the pinned one.
func TestWeiboPagesOverlap(t *testing.T) {
	get := weiboWorld(t, network.WeiboOptions{})
	type page struct {
		Data struct {
			Info struct {
				Since any `json:"since_id"`
			} `json:"cardlistInfo"`
			Cards []struct {
				Blog struct {
					Mid string `json:"mid"`
					Top int    `json:"isTop"`
				} `json:"mblog"`
			} `json:"cards"`
		} `json:"data"`
	}
	read := func(path string) (p page) {
		_, body := get(path)
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	feed := "/api/container/getIndex?containerid=107603" + network.WeiboUser(0)
	one := read(feed)
	since, _ := one.Data.Info.Since.(string)
	if n, ok := one.Data.Info.Since.(json.Number); ok {
		since = n.String()
	}
	two := read(feed + "&since_id=" + since)
	a, b := one.Data.Cards, two.Data.Cards
	if len(a) != 21 || a[0].Blog.Top != 1 || b[0].Blog.Mid != a[0].Blog.Mid || b[1].Blog.Mid != a[20].Blog.Mid {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestWeiboGone(t *testing.T) {
	get := weiboWorld(t, network.WeiboOptions{})
	if code, body := get("/2/statuses/show.json?access_token=x&id=" + network.WeiboID(5000)); code != 400 || !strings.Contains(body, "20101") {
		t.Errorf("%d %s", code, body)
	}
	if _, body := get("/statuses/show?id=" + network.WeiboID(5000)); !strings.Contains(body, `"ok":0`) {
		t.Errorf("%s", body)
	}
	if code, body := get("/large/1.jpg"); code != 200 || !strings.HasPrefix(body, "\xff\xd8") {
		t.Errorf("no picture: %d", code)
	}
}
