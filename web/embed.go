// Package web serves the web app. Its sources are TypeScript, beside this file;
// `make web` builds them into dist, which is embedded in every program that
// serves the API. A program that was built without is whole but for the app, and
// says so.
package web

import (
	"embed"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Root is the path that the app lives below. It is not "/", so that a path of the
// API that isn't there stays an error, and no page.
const Root = "/app/"

// policy lets a page load what this server has (and the example pictures that a
// profile names, which may be anywhere), and run no script that stands in
// a page. Styles may: the component library writes some into the page, and React
// sets others.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// unbuilt is what a program says that was built without the app.
const unbuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Weft</title>
<h1>The web app is not in this program</h1>
<p>It was built without. Run <code>make web</code>, which needs Node, and build it again. The API is there: <a href="/docs/">/docs/</a>.</p></html>
`

// Handler serves the app that was built into this program, below Root.
func Handler() http.Handler { return over(dist) }

// over serves the files below dist in files. Paths that are no file are the app's
// own: it is sent, and finds out itself what they mean.
func over(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		name := path.Clean(strings.TrimPrefix(r.URL.Path, Root))
		asset := strings.HasPrefix(name, "assets/")
		switch {
		case asset: // its name changes with its content
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		default:
			h.Set("Cache-Control", "no-cache")
			if !isFile(files, name) || strings.HasPrefix(name, ".") {
				name = "index.html"
			}
		}
		if !isFile(files, name) {
			missing(w, asset)
			return
		}
		send(w, r, files, name)
	})
}

// missing answers where there is no file: an asset of another build, or no build at all.
func missing(w http.ResponseWriter, asset bool) {
	w.Header().Set("Cache-Control", "no-store")
	if asset {
		http.Error(w, "there is no such file; reload the page", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, unbuilt)
}

// send sends a file, compressed as it lies there if the browser takes that.
func send(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	h := w.Header()
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	chosen := name
	for _, c := range []struct{ coding, ending string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(r, c.coding) && isFile(files, name+c.ending) {
			h.Set("Content-Encoding", c.coding)
			chosen = name + c.ending
			break
		}
	}
	content, err := fs.ReadFile(files, "dist/"+chosen)
	if err != nil {
		http.Error(w, "the file can't be read", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // a browser that has gone away is nobody's trouble
	}
}

// accepts reports whether the browser takes a coding. One with q=0 is refused.
func accepts(r *http.Request, coding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(weight, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0" && q != "q=0.00"
		}
	}
	return false
}

func isFile(files fs.FS, name string) bool {
	info, err := fs.Stat(files, "dist/"+name)
	return err == nil && info.Mode().IsRegular()
}
