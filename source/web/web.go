// Package web calls the networks' APIs over HTTP with good manners: it waits
// for the limiter, tells it what each answer said of the limits, bounds sizes
// and times, and sorts what goes wrong. No secret of a call gets into an error:
// addresses are shown without their query, and known secrets are blanked.
package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"weft/models"
	"weft/source"
)

// Client makes calls. Its fields are set before the first call.
type Client struct {
	HTTP    *http.Client     // nil: one with a time-out of 30 s
	Limits  source.Limiter   // nil: no limit
	Agent   string           // User-Agent
	MaxBody int64            // bytes; 0 means 16 MiB
	Now     func() time.Time // nil: time.Now
}

// Call is one request.
type Call struct {
	Method  string // GET when empty
	URL     string
	Header  http.Header
	Body    []byte
	Secrets []string                   // blanked in errors
	Key     source.Key                 // whose limit it counts for
	Rate    source.Rate                // the limit when the network tells nothing
	Signal  func(Answer) source.Signal // what the answer tells of the limits; nil: Retry-After alone
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	At     time.Time // when
}

const (
	maxBody = 16 << 20
	timeout = 30 * time.Second

	maxRedirects = 5
	// maxRetryAfter bounds what a host may ask for with Retry-After: what means
	// weeks is a mistake, and nobody would notice. Networks with longer budgets
	// say so in words of their own.
	maxRetryAfter = 24 * time.Hour
)

// Do makes the call and returns any answer that came whole, whatever its
// status. An error is a source.Trouble (throttled or stopped), a Retryable
// fault for an answer that is cut off or too long, or an Unavailable one.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	if call.Key.Token == "" {
		call.Key.Token = call.token()
	}
	if c.Limits != nil {
		if err := c.Limits.Wait(ctx, call.Key, call.Rate); err != nil {
			return Answer{}, err
		}
	}
	a, err := c.send(ctx, call)
	if err != nil {
		return a, err
	}
	s := retryAfter(a)
	if call.Signal != nil {
		s = later(call.Signal(a), s)
	}
	if a.Status == http.StatusTooManyRequests && !s.Until.After(a.At) {
		s.Until = a.At.Add(time.Minute) // not told, or told by a clock that is behind
	}
	if c.Limits != nil && s != (source.Signal{}) {
		err = c.Limits.Report(ctx, call.Key, s)
	}
	if a.Status == http.StatusTooManyRequests { // also where the limiter can't be told
		return a, &source.Trouble{Kind: source.Throttled, Until: s.Until, Err: errors.Join(fmt.Errorf("%s answered 429", call.where()), err)}
	}
	return a, err
}

func (c *Client) send(ctx context.Context, call Call) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(call.Method, http.MethodGet), call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return Answer{}, models.Faultf(models.Permanent, "%s: not an address that can be called", call.where())
	}
	maps.Copy(req.Header, call.Header)
	if c.Agent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	resp, err := c.client(call).Do(req)
	if errors.Is(err, errPrivate) {
		return Answer{}, models.Faultf(models.Permanent, "%s: %w", call.where(), errPrivate)
	}
	if err != nil {
		return Answer{}, models.Faultf(models.Unavailable, "%s: %s", call.where(), call.blank(reason(err)))
	}
	defer resp.Body.Close()
	limit := cmp.Or(c.MaxBody, maxBody)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return Answer{}, models.Faultf(models.Unavailable, "%s: the answer broke off: %s", call.where(), call.blank(reason(err)))
	case int64(len(body)) > limit:
		return Answer{}, models.Faultf(models.Retryable, "%s: the answer is over %d bytes", call.where(), limit)
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, At: now()}, nil
}

// errRedirects: a host leads on and on.
var errRedirects = fmt.Errorf("it redirects more than %d times", maxRedirects)

// client is what makes the call. A call with secrets follows no redirect to
// another host, or out of TLS, which would be told them.
func (c *Client) client(call Call) *http.Client {
	client := http.Client{Timeout: timeout}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	allowed := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		first := via[0]
		// net/http makes a Referer of the last address, with its query and what is secret in it.
		req.Header.Del("Referer")
		if own := first.Header.Get("Referer"); own != "" {
			req.Header.Set("Referer", own)
		}
		switch {
		case len(via) > maxRedirects:
			return errRedirects
		case len(call.Secrets) > 0 && (req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme && req.URL.Scheme != "https"):
			return http.ErrUseLastResponse
		case allowed != nil:
			return allowed(req, via)
		}
		return nil
	}
	return &client
}

// Exchange gives the answer as a parser takes it.
func (a Answer) Exchange(call Call) source.Exchange {
	return source.Exchange{Method: call.Method, URL: call.where(), Status: a.Status, Header: a.Header, Body: a.Body}
}

// HTML reports whether the answer is a page for people: an error page or a
// login, whatever its status says.
func (a Answer) HTML() bool { return IsHTML(a.Header, a.Body) }

// IsHTML reports whether a body is a page for people.
func IsHTML(h http.Header, body []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return strings.Contains(strings.ToLower(h.Get("Content-Type")), "text/html") ||
		bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// Fail is the error for an answer whose status is no success and that the
// connector knows no better word for.
func (a Answer) Fail(call Call) error {
	class := models.Permanent
	switch {
	case a.Status >= 500, a.Status == http.StatusRequestTimeout, a.Status < 400:
		class = models.Unavailable
	}
	what := strings.TrimSpace(string(a.Body[:min(len(a.Body), 200)]))
	if a.HTML() {
		what = "a page for people instead of an answer"
	}
	return models.Faultf(class, "%s answered %d: %s", call.where(), a.Status, call.blank(oneLine(what)))
}

// oneLine makes what a stranger wrote fit to be shown in a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// token stands for what lets the call in: with another one, it is tried again.
func (call Call) token() string {
	secrets := strings.Join(call.Secrets, "\x00")
	if strings.Trim(secrets, "\x00") == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secrets))
	return hex.EncodeToString(sum[:6])
}

// where names the call without what is secret: its query.
func (call Call) where() string {
	u, err := url.Parse(call.URL)
	if err != nil {
		return "an address that can't be read"
	}
	u.RawQuery, u.User, u.Fragment = "", nil, ""
	return call.blank(u.String())
}

// blank takes the call's secrets out of text.
func (call Call) blank(text string) string {
	for _, s := range call.Secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
			text = strings.ReplaceAll(text, url.QueryEscape(s), "***")
		}
	}
	return text
}

// reason is err without the address that net/http puts in front.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(a Answer) source.Signal {
	v := a.Header.Get("Retry-After")
	if v == "" || (a.Status != http.StatusTooManyRequests && a.Status != http.StatusServiceUnavailable) {
		return source.Signal{}
	}
	last := a.At.Add(maxRetryAfter)
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 {
		wait := time.Duration(min(n, maxRetryAfter.Seconds()) * float64(time.Second))
		return source.Signal{Until: a.At.Add(max(wait, time.Millisecond))} // 0 is "at once", which is not "unknown"
	}
	if t, err := http.ParseTime(v); err == nil && t.Before(last) {
		return source.Signal{Until: t}
	} else if err == nil {
		return source.Signal{Until: last}
	}
	return source.Signal{}
}

// later is s with the later Until of both.
func later(s, other source.Signal) source.Signal {
	if other.Until.After(s.Until) {
		s.Until = other.Until
	}
	return s
}
