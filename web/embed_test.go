package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func built() fs.FS {
	files := fstest.MapFS{}
	for name, content := range map[string]string{
		"dist/.gitkeep": "", "dist/index.html": "<app>", "dist/index.html.br": "BR", "dist/index.html.gz": "GZ",
		"dist/assets/main-1a2b.js": "script", "dist/icon.svg": "<svg/>",
	} {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return files
}

func ask(t *testing.T, files fs.FS, method, path, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	over(files).ServeHTTP(w, r)
	return w
}

func TestServes(t *testing.T) {
	const immutable = "public, max-age=31536000, immutable"
	for _, c := range []struct{ method, path, encoding, body, coding, caching, kind string }{
		{"GET", "/app/", "", "<app>", "", "no-cache", "text/html; charset=utf-8"},
		{"GET", "/app/post/demo.demo-1", "gzip, deflate, br", "BR", "br", "no-cache", "text/html; charset=utf-8"},
		{"GET", "/app/index.html", "gzip;q=0.8, br;q=0", "GZ", "gzip", "no-cache", "text/html; charset=utf-8"},
		{"GET", "/app/.gitkeep", "", "<app>", "", "no-cache", "text/html; charset=utf-8"},
		{"GET", "/app/../embed.go", "", "<app>", "", "no-cache", "text/html; charset=utf-8"},
		{"HEAD", "/app/", "br", "", "br", "no-cache", "text/html; charset=utf-8"},
		{"GET", "/app/icon.svg", "br", "<svg/>", "", "no-cache", "image/svg+xml"},
		{"GET", "/app/assets/main-1a2b.js", "", "script", "", immutable, "text/javascript; charset=utf-8"},
	} {
		w := ask(t, built(), c.method, c.path, c.encoding)
		h := w.Header()
		if w.Code != http.StatusOK || w.Body.String() != c.body || h.Get("Content-Encoding") != c.coding || h.Get("Cache-Control") != c.caching || h.Get("Content-Type") != c.kind {
			t.Errorf("%s %s (%s): %d %q %v, want %q %q %q %q", c.method, c.path, c.encoding, w.Code, w.Body, h, c.body, c.coding, c.caching, c.kind)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("%s: a script in a page could run: %q", c.path, csp)
		}
	}
}

// An asset of an earlier build must not be answered with a page, which the browser would run as a script.
func TestMissing(t *testing.T) {
	if w := ask(t, built(), "GET", "/app/assets/old.js", ""); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("an asset that is gone: %d %v", w.Code, w.Header())
	}
	empty := fstest.MapFS{"dist/.gitkeep": &fstest.MapFile{}}
	if w := ask(t, empty, "GET", "/app/", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("without a build: %d %s", w.Code, w.Body)
	}
}
