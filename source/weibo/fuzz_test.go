package weibo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"weft/source"
	"weft/source/weibo"
)

// shapes are answers that the recordings have none of, constructed from the
// documentation.
func shapes() []string {
	return []string{
		`{"statuses":[` + status(`"pic_urls":[{"thumbnail_pic":"http://wx1.sinaimg.cn/thumbnail/aa.jpg"}],"visible":{"type":0},"longText":{"longTextContent":"x"},"retweeted_status":{"idstr":"7","deleted":"1"}`) + `],"ad":[{"id":1}],"total_number":1}`,
		`{"ok":1,"data":{"list":[` + status(`"text_raw":"x","mblogid":"M","pic_ids":["aa"],"pic_infos":{"aa":{"largest":{"url":"https://wx1.sinaimg.cn/large/aa.jpg"}}},"mix_media_info":{"items":[{"type":"pic","data":{"pic_id":"b"}}]}`) + `]}}`,
		status(), cards(mblog(`"edit_at":"5分钟前"`)), `{"error_code":20101,"error":"x"}`, `{"ok":-100,"url":"x"}`, `{"ok":0,"errno":"1","msg":"x"}`,
		`{"ok":1,"data":{"cards":[{"card_group":[{"item_name":"所在地","item_content":"北京"}]}]}}`, `<html></html>`, `[{}]`,
	}
}

// TestMutilated takes each field of each recorded answer away and gives it each
// other type. That never panics, and tells a post, a problem or an error.
func TestMutilated(t *testing.T) {
	c := weibo.New(weibo.Options{Now: readAt})
	all := fixtures(t)
	for i, s := range shapes() {
		all[fmt.Sprintf("constructed %d", i)] = []byte(s)
	}
	tried := 0
	seen := map[string]map[string]int{}
	for name, body := range single(all) {
		var doc any
		if json.Unmarshal(body, &doc) != nil {
			continue
		}
		name, _, _ = strings.Cut(name, "#")
		if seen[name] == nil {
			seen[name] = map[string]int{}
		}
		whole, _ := c.Parse(source.Exchange{Status: 200, Body: body})
		try := func(what string) {
			tried++
			changed, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.Parse(source.Exchange{Status: 200, Body: changed})
			if silent := len(b.Posts)+len(b.Problems)+len(b.Deletions)+len(b.Skipped) == 0 && err == nil; silent && len(whole.Posts) > 0 && !slices.Contains([]string{"ok", "data", "data.cards", "data.cards[]", "data.cards[].mblog", "cards", "data.list", "statuses"}, what) {
				t.Errorf("%s without %s: nothing, and no error", name, what)
			}
			for _, p := range b.Posts {
				if p.NativeID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) {
					t.Errorf("%s without %s: a post without identity: %+v", name, what, p)
				}
			}
		}
		mutilate(doc, "", func(any) {}, seen[name], try)
	}
	if tried < 2000 {
		t.Errorf("only %d tries", tried)
	}
}

// single splits lists, so that each try reads one post and not all of them.
func single(all map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for name, body := range all {
		var page struct {
			OK   int                        `json:"ok"`
			Data map[string]json.RawMessage `json:"data"`
		}
		var list []json.RawMessage
		if json.Unmarshal(body, &page) != nil || json.Unmarshal(page.Data["cards"], &list) != nil || len(list) < 2 {
			out[name] = body
			continue
		}
		for i, card := range list {
			page.Data["cards"], _ = json.Marshal([]json.RawMessage{card})
			out[fmt.Sprintf("%s#%d", name, i)], _ = json.Marshal(page)
		}
	}
	return out
}

// mutilate changes every field below v, one at a time. Of fields that stand in
// many entries of a list, the first is enough.
func mutilate(v any, path string, set func(any), seen map[string]int, try func(string)) {
	if seen[path]++; seen[path] > 1 {
		return
	}
	if path != "" {
		for _, other := range []any{nil, 7.5, "text", []any{1}, map[string]any{"a": 1}} {
			set(other)
			try(path)
		}
		set(v)
	}
	join := func(k string) string {
		if path == "" {
			return k
		}
		return path + "." + k
	}
	switch v := v.(type) {
	case map[string]any:
		for k, child := range maps.Clone(v) {
			if path != "" || len(v) > 1 {
				delete(v, k)
				try(join(k))
				v[k] = child
			}
			mutilate(child, join(k), func(n any) { v[k] = n }, seen, try)
		}
	case []any:
		for i, child := range v {
			mutilate(child, path+"[]", func(n any) { v[i] = n }, seen, try)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range shapes() {
		f.Add([]byte(s), 200)
	}
	f.Add([]byte(`{"ok":0,"msg":"这里还没有内容","data":{"cards":[]}}`), 200)
	f.Add([]byte(`{"statuses":[{"id":1e400,"created_at":"06-27","text":"<a href='/status/1'>","pics":{"0":{}}}]}`), 432)
	c := weibo.New(weibo.Options{Now: readAt})
	f.Fuzz(func(t *testing.T, body []byte, code int) {
		b, err := c.Parse(source.Exchange{URL: "https://api.weibo.com/2/statuses/show.json?id=7", Status: code, Header: http.Header{}, Body: body})
		if err != nil && len(b.Posts) > 0 {
			t.Errorf("posts beside the error %v", err)
		}
		for _, p := range b.Posts {
			if p.NativeID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) || len(p.Media) > 50 || len(p.Text) > 300<<10 {
				t.Errorf("%+v", p)
			}
		}
		for _, d := range b.Deletions {
			if d.NativeID == "" || d.Source != "weibo" {
				t.Errorf("%+v", d)
			}
		}
	})
}
