package weibo_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/gazetteer"
	"weft/source/weibo"
)

// readAt is when tests read: after everything that was recorded.
func readAt() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// fixture reads a recorded answer. They lie beside the repository, or where
// WEFT_SHARED says.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("WEFT_SHARED")
	for at, up := "..", 0; dir == "" && up < 8; at, up = filepath.Join(at, ".."), up+1 {
		if _, err := os.Stat(filepath.Join(at, "shared", "fixtures")); err == nil {
			dir = filepath.Join(at, "shared")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "fixtures", "weibo", name))
	if err != nil {
		t.Skipf("no recorded answers here: %v", err)
	}
	return data
}

// fixtures are all recorded answers.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range []string{
		"getIndex_region_name_retweet_2022.json", "search_region_codes.json", "statuses_extend_a.json", "statuses_extend_b.json",
		"weibo_ak_list_0.json", "weibo_ak_list_1.json", "weibo_ak_profile.json", "weibo_err_profile.json",
	} {
		all[name] = fixture(t, name)
	}
	return all
}

// loaded is read once: it takes a while.
var loaded = sync.OnceValues(gazetteer.New)

func places(t testing.TB) *gazetteer.Gazetteer {
	t.Helper()
	g, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func connector(t testing.TB) *weibo.Connector {
	t.Helper()
	return weibo.New(weibo.Options{Places: places(t), Now: readAt})
}

// parse reads a body that must be good.
func parse(t testing.TB, body string) source.Batch {
	t.Helper()
	b, err := connector(t).Parse(source.Exchange{Status: http.StatusOK, Body: []byte(body)})
	if err != nil {
		t.Fatalf("%.300s: %v", body, err)
	}
	return b
}

// one reads a body that holds one post and no problem.
func one(t testing.TB, body string) models.Post {
	t.Helper()
	b := parse(t, body)
	if len(b.Posts) != 1 || len(b.Problems) != 0 {
		t.Fatalf("%.300s: %d posts, problems %v", body, len(b.Posts), b.Problems)
	}
	return b.Posts[0]
}

// mblog is a post of m.weibo.cn, constructed from the documented shape, with
// other fields put in.
func mblog(fields ...string) string {
	all := []string{`"mid":"4423507920688654","created_at":"Sat Aug 20 18:29:52 +0800 2022","text":"你好","bid":"M1","user":{"id":1,"screen_name":"a"}`}
	return `{` + strings.Join(append(all, fields...), ",") + `}`
}

// cards is a page of m.weibo.cn.
func cards(mblogs ...string) string {
	var b []string
	for _, m := range mblogs {
		b = append(b, `{"card_type":9,"mblog":`+m+`}`)
	}
	return `{"ok":1,"data":{"cardlistInfo":{"since_id":1},"cards":[` + strings.Join(b, ",") + `]}}`
}

// status is a post of the open API, constructed from the documentation.
func status(fields ...string) string {
	all := []string{`"created_at":"Thu Apr 19 10:35:57 +0800 2018","id":4423507920688654,"idstr":"4423507920688654","mid":"4423507920688654","text":"你好","user":{"id":1,"idstr":"1","screen_name":"a"}`}
	return `{` + strings.Join(append(all, fields...), ",") + `}`
}

func value(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

func has(list []string, words ...string) bool {
	for _, w := range words {
		if !slices.Contains(list, w) {
			return false
		}
	}
	return true
}
