package network_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
)

type instagramPage struct {
	Data []struct {
		ID       string `json:"id"`
		MediaURL string `json:"media_url"`
		Type     string `json:"media_type"`
		Time     string `json:"timestamp"`
	} `json:"data"`
	Paging struct {
		Next string `json:"next"`
	} `json:"paging"`
	Error struct {
		Code int `json:"code"`
	} `json:"error"`
}

func getInstagram(t *testing.T, srv *httptest.Server, path string) (instagramPage, *http.Response) {
	t.Helper()
	resp, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p instagramPage
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p, resp
}

// Whoever follows next from the first page on has every post of the last day.
func TestInstagramPages(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 60, Tag: "ootd", Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour, Images: 3})
	w.Finish()
	for _, held := range []bool{false, true} {
		srv := httptest.NewServer(w.Instagram(network.InstagramOptions{Token: "T", Held: held, Usage: func() int { return 80 }}))
		t.Cleanup(srv.Close)
		seen, image := map[string]bool{}, ""
		next := "/v25.0/17843000000000001/recent_media?limit=10&access_token=T"
		for pages := 0; next != "" && pages < 10; pages++ {
			p, resp := getInstagram(t, srv, next)
			if !strings.Contains(resp.Header.Get("X-App-Usage"), `"call_count":80`) {
				t.Errorf("usage %q", resp.Header.Get("X-App-Usage"))
			}
			for _, m := range p.Data {
				seen[m.ID] = true
				if m.Type == "IMAGE" && m.MediaURL != "" {
					image = m.MediaURL
				}
			}
			u, err := url.Parse(p.Paging.Next)
			if err != nil {
				t.Fatal(err)
			}
			next = u.RequestURI()
			if p.Paging.Next == "" {
				next = ""
			}
		}
		if len(seen) != 24 { // one an hour; older ones are out of sight
			t.Errorf("held %v: %d posts", held, len(seen))
		}
		resp, err := srv.Client().Get(image)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(resp.Body); err != nil || resp.Header.Get("Content-Type") != "image/jpeg" || len(data) < 100 {
			t.Errorf("image %s: %s, %d bytes, %v", image, resp.Header.Get("Content-Type"), len(data), err)
		}
		resp.Body.Close()
	}
}

func TestInstagramRefuses(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 1, Posts: 5, Tag: "ootd"})
	w.Finish()
	srv := httptest.NewServer(w.Instagram(network.InstagramOptions{Token: "T", Secret: "S"}))
	defer srv.Close()
	for path, code := range map[string]int{
		"/v25.0/ig_hashtag_search?q=ootd":                                                                                   190,
		"/v25.0/ig_hashtag_search?q=ootd&access_token=T":                                                                    100, // not signed
		"/v25.0/ig_hashtag_search?q=ootd&access_token=T" + instagramSign:                                                    0,
		"/v25.0/ig_hashtag_search?q=none&access_token=T" + instagramSign:                                                    24,
		"/v25.0/1/recent_media?access_token=T" + instagramSign:                                                              100,
		"/v25.0/1?fields=business_discovery.username(nobody)%7Bid,media.limit(5)%7Bid%7D%7D&access_token=T" + instagramSign: 24,
	} {
		if p, _ := getInstagram(t, srv, path); p.Error.Code != code {
			t.Errorf("%s: error %d, want %d", path, p.Error.Code, code)
		}
	}
}

// instagramSign is the HMAC of T with the key S.
const instagramSign = "&appsecret_proof=e1785f02b5e5ffd73395592554b927bfe123c47a28485c132be2b91412dbe1fd"
