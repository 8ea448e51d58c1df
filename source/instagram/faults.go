package instagram

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// apiError is the error object of the Graph API.
type apiError struct {
	code, subcode int
	message       string
	transient     bool
}

// readError finds an error in a body.
func readError(body []byte) (apiError, bool) {
	if !bytes.Contains(body, []byte(`"error"`)) {
		return apiError{}, false // most answers are big and good: they are read once
	}
	e := asObject(body).object("error")
	if e == nil {
		return apiError{}, false
	}
	code, _ := e.number("code")
	sub, _ := e.number("error_subcode")
	var transient bool
	_ = json.Unmarshal(e["is_transient"], &transient) // absent or odd: not known to pass
	message := e.text("message")
	if user := e.text("error_user_msg"); user != "" {
		message += " (" + user + ")"
	}
	return apiError{code: int(code), subcode: int(sub), message: short(message), transient: transient}, true
}

func short(s string) string {
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

func (e apiError) Error() string {
	if e.subcode != 0 {
		return fmt.Sprintf("instagram error %d/%d: %s", e.code, e.subcode, e.message)
	}
	return fmt.Sprintf("instagram error %d: %s", e.code, e.message)
}

// What only a person can mend.
const (
	doToken      = "get a new long-lived token and set sources.instagram.token" //nolint:gosec // advice, no secret
	doPermission = "grant instagram_basic and the Page permissions to the app in Meta's App Review, then make a new token and set sources.instagram.token"
	doFeature    = "apply for the feature Instagram Public Content Access in Meta's App Review, and set sources.instagram.app_secret so that calls are signed"
	doPolicy     = "Meta blocked the app or the account for its policies: look at the alerts in the App Dashboard and appeal there"
)

// Subcodes that say more than their code.
const (
	subAccountGone = 2207013
	subTagGone     = 2207024
	subTagLimit    = 2207034
)

// fault says what an error means for the crawler. Until is what the usage
// headers told of when calls are possible again; zero: nothing.
func (e apiError) fault(status int, at, until time.Time) error {
	wait := func(d time.Duration) error {
		if until.Before(at) {
			until = at.Add(d)
		}
		return &source.Trouble{Kind: source.Throttled, Until: until, Err: e}
	}
	if do := e.remedy(); do != "" {
		return &source.Trouble{Kind: source.Stopped, Do: do, Err: e}
	}
	switch e.code {
	case 1, 2:
		return models.Faultf(models.Unavailable, "%w", e)
	case 4, 17, 32, 341, 613, 80002:
		return wait(time.Hour) // the budgets are per rolling hour, but for 80002, which tells its time
	case 18:
		return wait(6 * time.Hour) // 30 hashtags in 7 days: nobody tells when the oldest leaves
	case 24:
		return e.notFound()
	}
	switch {
	case e.subcode == subTagLimit:
		return wait(6 * time.Hour)
	case e.subcode == subTagGone, e.subcode == subAccountGone:
		return e.notFound()
	case e.transient, status >= http.StatusInternalServerError:
		return models.Faultf(models.Unavailable, "%w", e)
	case e.code == 100:
		return models.Faultf(models.Permanent, "%w; the API didn't understand the question: look at the query's parameters and at sources.instagram.version and user_id", e)
	}
	return models.Faultf(models.Permanent, "%w", e)
}

// remedy is what a person must do before any other call makes sense; empty if
// nobody has to.
func (e apiError) remedy() string {
	switch {
	case e.code == 190, e.code == 102:
		return because(e.subcode) + doToken
	case e.code == 368:
		return doPolicy
	case e.code == 100 && strings.Contains(e.message, "Public Content Access"):
		return doFeature
	case e.code == 100 && strings.Contains(strings.ToLower(e.message), "appsecret_proof"):
		return "set sources.instagram.app_secret to the secret of the app that made the token"
	case e.code == 3, e.code == 10, e.code >= 200 && e.code <= 299:
		return doPermission
	}
	return ""
}

// because explains the subcodes of a token that is refused.
func because(subcode int) string {
	switch subcode {
	case 458:
		return "the app was removed from the account: connect it again, "
	case 459:
		return "Facebook wants the person to log in and confirm something first: do that, "
	case 460:
		return "the person's password was changed: log in again, "
	case 463:
		return "the token expired: "
	case 464:
		return "the person's account isn't confirmed: confirm it, "
	case 467:
		return "the token isn't valid any more: "
	}
	return ""
}

func (e apiError) notFound() error {
	switch e.subcode {
	case subAccountGone:
		return models.Faultf(models.Permanent, "%w; the account doesn't exist, is private, or is no business or creator account", e)
	case subTagGone:
		return models.Faultf(models.Permanent, "%w; the hashtag doesn't exist or Instagram doesn't show it: choose another", e)
	}
	return models.Faultf(models.Permanent, "%w; the hashtag or account isn't found", e)
}

// Limits in percent of the budget. From slowAt on calls are spread out, from
// stopAt on there are none until it is used less.
const (
	slowAt  = 75
	stopAt  = 95
	slowest = time.Minute
	pause   = 15 * time.Minute
)

// signal reads the usage headers, and whether the token is refused. They come
// only after enough calls: without them nothing is known, which isn't zero.
func signal(a web.Answer) source.Signal {
	s := usage(a)
	if e, ok := readError(a.Body); ok {
		s.Stop = e.remedy()
	}
	return s
}

func usage(a web.Answer) source.Signal {
	worst, regain, known := 0.0, 0.0, false
	look := func(o object) {
		for _, name := range []string{"call_count", "total_cputime", "total_time"} {
			if f, ok := o.number(name); ok && f >= 0 {
				worst, known = max(worst, f), true
			}
		}
		if f, ok := o.number("estimated_time_to_regain_access"); ok && f > 0 {
			regain, known = max(regain, min(f, 7*24*60)), true
		}
	}
	look(asObject([]byte(a.Header.Get("X-App-Usage"))))
	for _, list := range asObject([]byte(a.Header.Get("X-Business-Use-Case-Usage"))) {
		for _, item := range asList(list) {
			look(asObject(item))
		}
	}
	if !known {
		return source.Signal{}
	}
	s := source.Signal{Known: true, Left: 1 - min(worst, 100)/100, Reset: a.At.Add(time.Hour)}
	switch {
	case regain > 0:
		s.Left, s.Until = 0, a.At.Add(time.Duration(regain*float64(time.Minute)))
		s.Reset = s.Until
	case worst >= stopAt:
		s.Until = a.At.Add(pause)
	case worst >= slowAt:
		s.Until = a.At.Add(time.Duration((worst - slowAt) / (stopAt - slowAt) * float64(slowest)))
	}
	return s
}
