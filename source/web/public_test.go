package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// What an operator wrote as numbers is called; where its answers lead is not,
// when that is in this machine's network.
func TestStrangersLeadNowhereInside(t *testing.T) {
	called := false
	inside := serve(t, func(http.ResponseWriter, *http.Request) { called = true })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(inside, "http://"))
	for _, to := range []string{
		inside, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://[::1]:" + port, "http://0.0.0.0:" + port,
		"http://2130706433:" + port, "http://127.1:" + port, "http://0x7f.1:" + port, "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/",
		"http://[fd00:ec2::254]/", "http://example.com:6379/", "http://metadata.internal:" + port,
	} {
		from := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := (&web.Client{HTTP: web.Public(nil)}).Do(ctx, web.Call{URL: from})
		cancel()
		if err == nil || called {
			t.Errorf("%s was called: %v", to, err)
		}
	}
	from := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside, http.StatusFound) })
	_, err := (&web.Client{HTTP: web.Public(nil)}).Do(t.Context(), web.Call{URL: from})
	if models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "images.allow") {
		t.Errorf("it says %v", err)
	}
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if _, err := (&web.Client{HTTP: web.Public(allow)}).Do(t.Context(), web.Call{URL: from}); err != nil || !called {
		t.Errorf("an allowed network was not called: %v", err)
	}
}

// Where an address has a secret in its query, a redirect's host isn't told it.
func TestNoRefererOnRedirects(t *testing.T) {
	var referer string
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { referer = r.Referer() })
	from := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) })
	if _, err := (&web.Client{}).Do(t.Context(), web.Call{URL: from + "/feed?key=" + url.QueryEscape(secret)}); err != nil || referer != "" {
		t.Errorf("%v; it was told %q", err, referer)
	}
}

// A call with secrets doesn't leave TLS.
func TestSecretsStayEncrypted(t *testing.T) {
	var plain, s *httptest.Server
	called := false
	plain = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer plain.Close()
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
	}))
	defer s.Close()
	client := s.Client()
	transport := client.Transport.(*http.Transport)
	// two servers behind one name
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		if strings.HasSuffix(address, ":80") {
			address = plain.Listener.Addr().String()
		} else {
			address = s.Listener.Addr().String()
		}
		return d.DialContext(ctx, network, address)
	}
	a, err := (&web.Client{HTTP: client}).Do(t.Context(), web.Call{URL: "https://example.com/", Secrets: []string{secret}})
	if err != nil || called || a.Status != http.StatusFound {
		t.Errorf("status %d, called in plain text: %v, %v", a.Status, called, err)
	}
}

// A Retry-After of years, or of a clock that is behind, is no word to go by; and
// one that the limiter can't be told of is known to the caller.
func TestRetryAfterWithinReason(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"Fri, 31 Dec 2199 23:59:59 GMT": 24 * time.Hour, "99999999999": 24 * time.Hour, "1e300": 24 * time.Hour,
		"Fri, 31 Dec 1999 23:59:59 GMT": time.Minute, "-5": time.Minute, "0": 10 * time.Second, "soon": time.Minute, "90": 90 * time.Second,
	} {
		from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		l := &away{}
		_, err := (&web.Client{Limits: l}).Do(t.Context(), web.Call{URL: from})
		tr, ok := source.AsTrouble(err)
		if !ok || !strings.Contains(err.Error(), "no redis") {
			t.Fatalf("%s: %v", value, err)
		}
		if got := time.Until(tr.Until); got > want || got < want-time.Minute/2 {
			t.Errorf("%s: wait %s, want %s", value, got, want)
		}
	}
}

// away is a limiter that can't be told.
type away struct{ limits }

func (a *away) Report(context.Context, source.Key, source.Signal) error {
	return errors.New("no redis")
}

// A new token is another one to the limiter, and none of it is told.
func TestTheLimiterTellsTokensApart(t *testing.T) {
	from := serve(t, func(http.ResponseWriter, *http.Request) {})
	seen := map[string]bool{}
	for _, token := range []string{"one", "two", "one", ""} {
		l := &keys{}
		if _, err := (&web.Client{Limits: l}).Do(t.Context(), web.Call{URL: from, Secrets: []string{token}}); err != nil {
			t.Fatal(err)
		}
		seen[l.key.Token] = true
		if token != "" && (l.key.Token == "" || strings.Contains(l.key.Token, token)) || token == "" && l.key.Token != "" {
			t.Errorf("token %q is %q", token, l.key.Token)
		}
	}
	if len(seen) != 3 {
		t.Errorf("seen %v", seen)
	}
}

type keys struct {
	limits
	key source.Key
}

func (k *keys) Wait(_ context.Context, key source.Key, _ source.Rate) error { k.key = key; return nil }
