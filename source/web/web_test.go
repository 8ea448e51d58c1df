package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

const secret = "s3cr+t/token"

// limits remembers what it was asked and told.
type limits struct {
	waits   int
	refuse  error
	signals []source.Signal
}

func (l *limits) Wait(context.Context, source.Key, source.Rate) error { l.waits++; return l.refuse }
func (l *limits) Report(_ context.Context, _ source.Key, s source.Signal) error {
	l.signals = append(l.signals, s)
	return nil
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, c *web.Client, url string) (web.Answer, error) {
	t.Helper()
	return c.Do(t.Context(), web.Call{URL: url, Secrets: []string{secret}, Key: source.Key{Source: "net"}})
}

func TestAnswersComeWholeWhateverTheirStatus(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.UserAgent())
	})
	a, err := get(t, &web.Client{Agent: "weft (+mailto:me)"}, url)
	if err != nil || a.Status != http.StatusTeapot || string(a.Body) != "weft (+mailto:me)" {
		t.Errorf("got %d %s, %v", a.Status, a.Body, err)
	}
	if err := a.Fail(web.Call{URL: url + "?key=" + secret}); models.ClassOf(err) != models.Permanent || strings.Contains(err.Error(), "key") {
		t.Errorf("fail says %v", err)
	}
}

func TestTheLimiterIsAskedAndTold(t *testing.T) {
	status := http.StatusTooManyRequests
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	})
	l := &limits{}
	now := time.Now()
	_, err := get(t, &web.Client{Limits: l}, url)
	tr, ok := source.AsTrouble(err)
	if !ok || tr.Kind != source.Throttled || tr.Until.Before(now.Add(6*time.Second)) || tr.Until.After(now.Add(20*time.Second)) {
		t.Errorf("429 is %v", err)
	}
	if l.waits != 1 || len(l.signals) != 1 || !l.signals[0].Until.Equal(tr.Until) {
		t.Errorf("the limiter was asked %d times and told %v", l.waits, l.signals)
	}
	status = http.StatusOK // Retry-After means nothing there
	if _, err := get(t, &web.Client{Limits: l}, url); err != nil || len(l.signals) != 1 {
		t.Errorf("200: %v, told %v", err, l.signals)
	}
	l.refuse = errors.New("not now")
	if _, err := get(t, &web.Client{Limits: l}, "http://127.0.0.1:1/"); !errors.Is(err, l.refuse) {
		t.Errorf("a refused call was made: %v", err)
	}
}

func TestWhatGoesWrongIsSortedAndHasNoSecrets(t *testing.T) {
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 101)) })
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	tests := []struct {
		url  string
		want models.Class
	}{
		{long, models.Retryable}, {cut, models.Unavailable}, {"http://127.0.0.1:1", models.Unavailable}, {"http://" + "bad host/", models.Permanent},
	}
	for _, tc := range tests {
		_, err := get(t, &web.Client{MaxBody: 100}, tc.url+"/?access_token="+secret)
		if models.ClassOf(err) != tc.want || err == nil {
			t.Errorf("%s: %v is not %s", tc.url, err, tc.want)
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "access_token") {
			t.Errorf("it tells the secret: %v", err)
		}
	}
	html := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "  <!DOCTYPE html><p>"+secret) })
	a, err := get(t, &web.Client{}, html)
	if err != nil || !a.HTML() {
		t.Errorf("a page is not told from an answer: %v", err)
	}
	if err := a.Fail(web.Call{URL: html, Secrets: []string{secret}}); strings.Contains(err.Error(), secret) {
		t.Errorf("it tells the secret: %v", err)
	}
}

// A redirect to another host would be told the secrets in headers.
func TestSecretsStayWithTheirHost(t *testing.T) {
	called := false
	other := serve(t, func(http.ResponseWriter, *http.Request) { called = true })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) })
	a, err := get(t, &web.Client{}, url)
	if err != nil || called || a.Status != http.StatusFound {
		t.Errorf("status %d, the other host was called: %v, %v", a.Status, called, err)
	}
	if _, err := (&web.Client{}).Do(t.Context(), web.Call{URL: url}); err != nil || !called {
		t.Errorf("without secrets a redirect is followed: %v, %v", called, err)
	}
}
