package weibo_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/weibo"
)

// refusal reads an answer that must be an error.
func refusal(t *testing.T, status int, address, body string) error {
	t.Helper()
	b, err := connector(t).Parse(source.Exchange{URL: address, Status: status, Body: []byte(body)})
	if err == nil {
		t.Fatalf("%d %s: no error, %+v", status, body, b)
	}
	return err
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[int]string{
		10001: "unavailable", 10002: "unavailable", 10009: "unavailable", 10010: "unavailable", 10011: "unavailable",
		10004: "throttled", 10022: "throttled", 10023: "throttled", 10024: "throttled",
		10005: "permanent", 10014: "permanent", 10008: "permanent", 20003: "permanent", 99999: "permanent",
		21314: "stopped", 21315: "stopped", 21316: "stopped", 21317: "stopped", 21327: "stopped", 21332: "stopped",
	} {
		for _, written := range []string{fmt.Sprint(code), fmt.Sprintf("%q", fmt.Sprint(code))} {
			err := refusal(t, http.StatusBadRequest, "", `{"request":"/2/x.json","error_code":`+written+`,"error":"no"}`)
			got := string(models.ClassOf(err))
			if trouble, ok := source.AsTrouble(err); ok {
				got = string(trouble.Kind)
			}
			if got != want || !strings.Contains(err.Error(), fmt.Sprint(code)) {
				t.Errorf("%s is %s, want %s: %v", written, got, want, err)
			}
		}
	}
}

// An old revision numbers the errors differently: the text counts as well.
func TestErrorTexts(t *testing.T) {
	err := refusal(t, http.StatusForbidden, "", `{"error_code":40312,"error":"User requests out of rate limit!"}`)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Throttled || !trouble.Until.Equal(readAt().Add(time.Hour)) {
		t.Errorf("%v", err)
	}
	err = refusal(t, http.StatusForbidden, "", `{"error_code":403,"error":"expired_token"}`)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || !strings.Contains(trouble.Do, "sources.weibo.token") {
		t.Errorf("%v", err)
	}
}

// A post that is gone is a deletion where the address tells which.
func TestGone(t *testing.T) {
	for body, address := range map[string]string{
		`{"error_code":20101,"error":"target weibo does not exist!"}`:                    "https://api.weibo.com/2/statuses/show.json?id=4423507920688654",
		`{"error_code":"20112","error":"Permission Denied!"}`:                            "https://api.weibo.com/2/statuses/show.json?id=4423507920688654",
		`{"ok":0,"errno":"20101","msg":"微博不存在或暂无查看权限!"}`:                                 "https://m.weibo.cn/statuses/show?id=4423507920688654",
		`{"ok":0,"msg":"微博不存在或暂无查看权限!"}`:                                                 "https://m.weibo.cn/statuses/extend?id=4423507920688654",
		`{"created_at":"x","deleted":"1","idstr":"4423507920688654","text":"该微博已被作者删除"}`: "",
	} {
		b, err := connector(t).Parse(source.Exchange{URL: address, Status: 400, Body: []byte(body)})
		if body[2] == 'o' || body[2] == 'c' {
			b, err = connector(t).Parse(source.Exchange{URL: address, Status: 200, Body: []byte(body)})
		}
		if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "4423507920688654" || len(b.Posts) != 0 {
			t.Errorf("%s: %+v, %v", body, b, err)
		}
	}
	refusal(t, 400, "", `{"error_code":20101,"error":"target weibo does not exist!"}`)
	refusal(t, 400, "https://api.weibo.com/2/statuses/user_timeline.json", `{"error_code":20101,"error":"target weibo does not exist!"}`)
}

// Empty isn't blocked, and blocked isn't empty.
func TestBlocked(t *testing.T) {
	if b := parse(t, `{"ok":0,"msg":"这里还没有内容","data":{"cards":[]}}`); len(b.Posts) != 0 {
		t.Errorf("%+v", b)
	}
	err := refusal(t, 200, "", `{"ok":-100,"url":"https://passport.weibo.cn/signin/login"}`)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || trouble.Do == "" {
		t.Errorf("%v", err)
	}
	for status, body := range map[int]string{
		432: "", 403: "Forbidden", 418: "{}",
		200: "<!DOCTYPE html><html><head><title>Sina Visitor System</title></head></html>",
		302: `<html><script>location="https://passport.weibo.com/visitor/visitor"</script></html>`,
	} {
		trouble, ok := source.AsTrouble(refusal(t, status, "", body))
		if !ok || trouble.Kind != source.Throttled || trouble.Until.Before(readAt().Add(2*time.Hour)) {
			t.Errorf("%d: %v", status, trouble)
		}
	}
	err = refusal(t, 200, "", `{"ok":0,"errno":"100005","msg":"请求过于频繁"}`)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Throttled {
		t.Errorf("%v", err)
	}
	for status, body := range map[int]string{200: "<html><body>Down for maintenance</body></html>", 503: `{"error":"x"}`, 502: "bad gateway"} {
		err := refusal(t, status, "", body)
		if _, ok := source.AsTrouble(err); ok || models.ClassOf(err) != models.Unavailable {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	for body, want := range map[string]string{
		``: "nothing at all", `{"a":1}`: "wants statuses", `{"ok":1,"data":7}`: "wants statuses", `{"ok":1,"data":[1]}`: "wants statuses", `[1`: "offset", `{"ok":1,"data":{`: "offset 16", `7`: "JSON object", `null`: "JSON object", `nonsense`: "offset 2",
	} {
		if err := refusal(t, 200, "", body); !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", body, err, want)
		}
	}
}

func TestModeMobileWantsOptIn(t *testing.T) {
	q := source.Query{Name: "x", Source: "weibo", Params: map[string]string{"mode": "mobile", "list": "search", "q": "ootd"}}
	c := weibo.New(weibo.Options{Now: readAt})
	if errs := source.CheckQuery(q, c.Params()); len(errs) != 1 || !strings.Contains(errs[0].Error(), "sources.weibo.mobile: true") {
		t.Errorf("%v", errs)
	}
	for b, err := range c.Collect(t.Context(), q, nil) {
		if err == nil || models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "sources.weibo.mobile: true") {
			t.Errorf("%+v, %v", b, err)
		}
	}
	if errs := source.CheckQuery(q, weibo.New(weibo.Options{AllowMobile: true}).Params()); len(errs) != 0 {
		t.Errorf("%v", errs)
	}
}

func TestParamsThatDontFit(t *testing.T) {
	c := weibo.New(weibo.Options{Token: "t", AllowMobile: true, Now: readAt})
	for _, params := range []map[string]string{
		{}, {"list": "topics"}, {"list": "user"}, {"list": "search", "q": "x"}, {"mode": "mobile", "list": "home"}, {"mode": "mobile", "list": "user", "q": "x"},
	} {
		n := 0
		for _, err := range c.Collect(t.Context(), source.Query{Params: params}, nil) {
			n++
			if models.ClassOf(err) != models.Permanent {
				t.Errorf("%v: %v", params, err)
			}
		}
		if n != 1 {
			t.Errorf("%v: %d steps", params, n)
		}
	}
	for name, bad := range map[string]string{"uid": "12a", "backfill": "0", "mode": "web", "list": "all"} {
		q := source.Query{Params: map[string]string{"list": "home"}}
		q.Params[name] = bad
		if errs := source.CheckQuery(q, c.Params()); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), name+": ") {
			t.Errorf("%s=%s: %v", name, bad, errs)
		}
	}
}
