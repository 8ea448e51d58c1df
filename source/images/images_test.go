package images_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
	"weft/source/images"
)

const (
	png    = "\x89PNG\x0D\x0A\x1A\x0Aand so on"
	secret = "?sig=s3cret&token=hush"
)

// loopback allows the tests' own servers.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func always(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestOpen(t *testing.T) {
	var got http.Header
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("Content-Type", "application/octet-stream") // what a host calls it doesn't count
		_, _ = w.Write([]byte(png))
	})
	data, err := images.New(images.Options{Allow: loopback(), Agent: "weft/test"}).Open(t.Context(), base+"/a.png"+secret)
	if err != nil || string(data) != png {
		t.Fatalf("%q, %v", data, err)
	}
	if got.Get("User-Agent") != "weft/test" || got.Get("Referer") != "" || got.Get("Cookie") != "" {
		t.Errorf("sent %v", got)
	}
}

// TestOpenSorts: each kind of trouble has its class and its words, and none of
// them tells the signature.
func TestOpenSorts(t *testing.T) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		class models.Class
		gone  bool
		want  string
	}{
		{"not there", status(404), models.Permanent, true, "/a.png answered 404: it is gone"},
		{"gone", status(410), models.Permanent, true, "410"},
		{"signature expired", status(403), models.Permanent, true, "403"},
		{"signature expired, in other words", status(400), models.Permanent, true, "400"},
		{"throttled", status(429), models.Retryable, false, "429"},
		{"host in trouble", status(503), models.Retryable, false, "503"},
		{"host timed out", status(408), models.Retryable, false, "408"},
		{"no content", status(204), models.Permanent, false, "answered 204 instead of an image"},
		{"teapot", status(418), models.Permanent, false, "418"},
		{"redirect to nowhere", status(302), models.Permanent, false, "302 instead of an image"},
		{"page", always("<!DOCTYPE html><title>Log in</title>"), models.Permanent, false, "a page for people instead of an image"},
		{"PDF", always("%PDF-1.7 ..."), models.Permanent, false, "not an image: application/pdf"},
		{"video", always("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), models.Permanent, false, "not an image: video/mp4"},
		{"packed page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8b\x08\x00bomb"))
		}, models.Permanent, false, "not an image: application/x-gzip"},
		{"empty", always(""), models.Permanent, false, "an empty answer"},
		{"too long, and says so", always(png + strings.Repeat("x", 2000)), models.Permanent, false, "over the limit"},
		{"too long, without saying so", func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write([]byte(png))
				w.(http.Flusher).Flush()
			}
		}, models.Permanent, false, "over the limit"},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		}, models.Retryable, false, "it took longer than 300ms"},
		{"stops in the middle", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "900")
			_, _ = w.Write([]byte(png))
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		}, models.Retryable, false, "it took longer than"},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "900")
			_, _ = w.Write([]byte(png))
		}, models.Retryable, false, "EOF"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, models.Retryable, false, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opener := images.New(images.Options{Allow: loopback(), Bytes: 1000, Timeout: 300 * time.Millisecond})
			_, err := opener.Open(t.Context(), serve(t, c.serve)+"/a.png"+secret)
			judge(t, err, c.class, c.want)
			if errors.Is(err, models.ErrGone) != c.gone {
				t.Errorf("%v: gone is %v, want %v", err, !c.gone, c.gone)
			}
		})
	}
}

func judge(t *testing.T, err error, class models.Class, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if models.ClassOf(err) != class || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %s with %q", models.ClassOf(err), err, class, want)
	}
	for _, s := range []string{"s3cret", "hush", "pass"} {
		if strings.Contains(err.Error(), s) {
			t.Errorf("it tells a secret: %v", err)
		}
	}
}

func TestOpenRefusesAddresses(t *testing.T) {
	opener := images.New(images.Options{Timeout: 5 * time.Second})
	for address, want := range map[string]string{
		"ftp://example.org/a.png":                     "neither http nor https",
		"file:///etc/passwd":                          "neither http nor https",
		"http:///a.png":                               "no host",
		"http://[::1/a.png":                           "can't be read",
		"https://x/" + strings.Repeat("s3cret", 2000): "over 8192 bytes",
		"http://127.0.0.1/a.png" + secret:             "not public",
		"http://user:pass@127.0.0.1/a.png":            "not public",
		"http://localhost/a.png":                      "not public", // after its name was resolved
		"http://169.254.169.254/latest/meta-data/":    "not public",
		"http://[::ffff:169.254.169.254]/":            "not public",
		"http://[64:ff9b::7f00:1]/":                   "not public",
		"http://2130706433/":                          "", // a number: whoever takes it for a name or an address, nothing is called
		"http://8.8.8.8:6379/":                        "not a permitted port",
	} {
		_, err := opener.Open(t.Context(), address)
		class := models.Permanent
		if want == "" && err != nil {
			class = models.ClassOf(err)
		}
		judge(t, err, class, want)
	}
}

// TestOpenGuardsRedirects: a public host that points into the inside gets
// nothing from there. The public one is played by an allowed address, the
// inside by one that isn't.
func TestOpenGuardsRedirects(t *testing.T) {
	called := atomic.Bool{}
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	inside := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		called.Store(true)
		_, _ = w.Write([]byte(png))
	})}}
	inside.Start()
	t.Cleanup(inside.Close)
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/x?token=hush", http.StatusFound)
	})
	opener := images.New(images.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	_, err = opener.Open(t.Context(), base+"/a.png"+secret)
	judge(t, err, models.Permanent, "not public")
	if called.Load() {
		t.Error("the inside was called")
	}
	for _, to := range []string{"file:///etc/passwd", "gopher://127.0.0.1:1/"} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		})
		_, err := opener.Open(t.Context(), base)
		judge(t, err, models.Permanent, "neither http nor https")
	}
}

func TestOpenFollowsFiveRedirects(t *testing.T) {
	var referers []string
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		referers = append(referers, r.Header.Get("Referer"))
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n == 0 {
			_, _ = w.Write([]byte(png))
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/%d?token=hush", n-1), http.StatusFound)
	})
	opener := images.New(images.Options{Allow: loopback()})
	if data, err := opener.Open(t.Context(), base+"/5"+secret); err != nil || string(data) != png {
		t.Errorf("five redirects: %q, %v", data, err)
	}
	for _, r := range referers {
		if r != "" {
			t.Errorf("the next host was told %q", r)
		}
	}
	_, err := opener.Open(t.Context(), base+"/6"+secret)
	judge(t, err, models.Permanent, "more than 5 times")
}

// TestOpenProxyAndReferer plays sinaimg.cn through a proxy that is configured;
// the environment's is not used.
func TestOpenProxyAndReferer(t *testing.T) {
	referers := map[string]string{}
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		referers[r.URL.Hostname()] = r.Header.Get("Referer")
		_, _ = w.Write([]byte(png))
	})
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	through := images.New(images.Options{Proxy: u})
	for host, want := range map[string]string{"wx1.sinaimg.cn": "https://weibo.com/", "WX2.SINAIMG.CN": "https://weibo.com/", "notsinaimg.cn": "", "cdn.example": ""} {
		if _, err := through.Open(t.Context(), "http://"+host+"/large/a.jpg"); err != nil {
			t.Fatal(err)
		}
		if got := referers[host]; got != want {
			t.Errorf("%s was sent Referer %q, want %q", host, got, want)
		}
	}
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	clear(referers)
	if _, err := images.New(images.Options{Timeout: time.Second}).Open(t.Context(), "http://images.invalid/a.png"); err == nil || len(referers) > 0 {
		t.Errorf("the environment's proxy was used: %v, %v", err, referers)
	}
}

func TestOpenTakesTurns(t *testing.T) {
	var now, most atomic.Int64
	enter, leave := make(chan struct{}, 20), make(chan struct{})
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() { //nolint:revive // until it is written
		}
		enter <- struct{}{}
		<-leave
		now.Add(-1)
		_, _ = w.Write([]byte(png))
	})
	opener := images.New(images.Options{Allow: loopback(), PerHost: 2})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := opener.Open(t.Context(), base); err != nil {
				t.Error(err)
			}
		})
	}
	<-enter
	<-enter
	other := serve(t, always(png))
	if _, err := opener.Open(t.Context(), other); err != nil {
		t.Errorf("another host waits for a busy one: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := opener.Open(short, base)
	judge(t, err, models.Retryable, "no turn came")
	close(leave)
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d requests at one time, want 2", most.Load())
	}
}

func TestOpenStops(t *testing.T) {
	began := make(chan struct{})
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	_, err := images.New(images.Options{Allow: loopback()}).Open(ctx, base+secret)
	judge(t, err, models.Unavailable, "canceled") // no attempt of the post's is spent
}
