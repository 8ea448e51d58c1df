package weibo

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// How long to stay away. Weibo's limits are counted by the clock's hour; an
// address that m.weibo.cn has blocked stays so for hours, and each call makes it longer.
const (
	blockedFor = 6 * time.Hour
	busyFor    = time.Hour
)

// gone says that a post isn't there for us any more.
type gone struct{ reason string }

func (g *gone) Error() string { return g.reason }

// refusal turns an error_code into what to do. The code counts, but where an
// old revision of the documentation numbers it differently, its text does.
func refusal(code int64, message string, status int, at time.Time) error {
	text := fmt.Errorf("weibo answered error_code %d: %s", code, clip(message))
	low := strings.ToLower(message)
	switch {
	case code == 10022, code == 10023, code == 10024, strings.Contains(low, "out of rate limit"), strings.Contains(low, "requests out of"):
		return &source.Trouble{Kind: source.Throttled, Until: nextHour(at), Err: text}
	case code == 10004:
		return &source.Trouble{Kind: source.Throttled, Until: at.Add(busyFor), Err: fmt.Errorf("%w; if it lasts, add this machine's address to the app's allow-list", text)}
	case code == 20101, code == 20112:
		return &gone{text.Error()}
	case tokenTrouble(code, low):
		return &source.Trouble{Kind: source.Stopped, Do: "authorise the app again at https://api.weibo.com/oauth2/authorize and set sources.weibo.token", Err: text}
	case code == 10005, code == 10014:
		return models.Faultf(models.Permanent, "%w; the app lacks the permission for this list: apply for it at open.weibo.com, or take the query out", text)
	case code >= 10001 && code <= 10003, code >= 10009 && code <= 10011, status >= 500:
		return models.Faultf(models.Unavailable, "%w", text)
	default:
		return models.Faultf(models.Permanent, "%w", text)
	}
}

// tokenTrouble reports whether the access token is missing, invalid, expired or revoked.
func tokenTrouble(code int64, low string) bool {
	switch code {
	case 21301, 21314, 21315, 21316, 21317, 21319, 21321, 21327, 21332, 21501:
		return true
	}
	return strings.Contains(low, "invalid_access_token") || strings.Contains(low, "expired_token")
}

// nextHour is when limits by the hour are whole again.
func nextHour(at time.Time) time.Time { return at.Truncate(time.Hour).Add(time.Hour) }

// badAnswer is what to do about an answer that is no JSON or has a status of its own.
func badAnswer(rec source.Exchange, at time.Time) error {
	switch low := strings.ToLower(string(rec.Body[:min(len(rec.Body), 32<<10)])); {
	case rec.Status == 432, rec.Status == 403, rec.Status == 418:
		return blocked(at, fmt.Errorf("weibo answered %d: it takes us for a robot", rec.Status))
	case web.IsHTML(rec.Header, rec.Body) && containsAny(low, "visitor", "passport.weibo", "captcha", "登录", "验证"):
		return blocked(at, errors.New("weibo answered with its visitor page: it wants a login"))
	case web.IsHTML(rec.Header, rec.Body):
		return models.Faultf(models.Unavailable, "weibo answered %d with a page for people instead of JSON", rec.Status)
	case rec.Status >= 500:
		return models.Faultf(models.Unavailable, "weibo answered %d", rec.Status)
	case rec.Status >= 400:
		return models.Faultf(models.Permanent, "weibo answered %d", rec.Status)
	}
	return nil
}

func blocked(at time.Time, err error) error {
	return &source.Trouble{Kind: source.Throttled, Until: at.Add(blockedFor), Err: err}
}

// notOK is what an answer of the mobile pages means whose ok isn't 1; nil means
// that it is only empty. Single: it was asked for one post.
func notOK(o object, ok int64, single bool, status int, at time.Time) error {
	message := o.text("msg")
	if message == "" {
		message = o.text("message")
	}
	code, _ := o.number("errno")
	switch text := fmt.Errorf("weibo answered ok %d: %s", ok, clip(message)); {
	case ok == -100:
		return &source.Trouble{Kind: source.Stopped, Err: errors.New("weibo answered ok -100: it wants a login or a captcha"),
			Do: "log in at m.weibo.cn with a browser and set sources.weibo.mobile_cookie, or take the mobile queries out"}
	case containsAny(message, "频繁", "登录", "验证", "繁忙"):
		return &source.Trouble{Kind: source.Throttled, Until: at.Add(busyFor), Err: text}
	case code != 0:
		return refusal(code, message, status, at)
	case single && containsAny(message, "不存在", "删除", "权限", "没有内容"):
		return &gone{text.Error()}
	case ok < 0, single:
		return models.Faultf(models.Unavailable, "%w", text)
	}
	return nil
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// asked is the id of the post that an address asks for; empty if it asks for
// something else.
func asked(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	switch dir, last := path.Split(u.Path); {
	case strings.HasSuffix(dir, "/statuses/") && containsAny(last, "show", "extend", "longtext"):
		return number(u.Query().Get("id"))
	case containsAny(dir, "/status/", "/detail/"):
		return number(last)
	}
	return ""
}

// number is a post's id, also where it is written as the web pages do it
// ("z0JH2lOMb"): each four signs of base 62, from the right, are seven digits.
func number(id string) string {
	if isID(id) {
		return id
	}
	if len(id) < 8 || len(id) > 11 {
		return ""
	}
	out := ""
	for id != "" {
		cut := max(len(id)-4, 0)
		n := 0
		for _, c := range id[cut:] {
			i := strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
			if i < 0 {
				return ""
			}
			n = n*62 + i
		}
		out, id = fmt.Sprintf("%07d", n)+out, id[:cut]
	}
	return strings.TrimLeft(out, "0")
}
