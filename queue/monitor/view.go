package monitor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"path"
	"regexp"
	"strings"
	"unicode"

	"weft/models"
)

// view is asynqmon as one role sees it.
type view struct {
	handler http.Handler
	policy  string
}

// newView makes asynqmon's handler and a policy that allows exactly the inline
// scripts of its page, known by their hashes.
func newView(p Params, readOnly bool) *view {
	h := newHandler(p, readOnly)
	index := &memoryWriter{header: http.Header{}}
	h.ServeHTTP(index, &http.Request{Method: http.MethodGet, URL: &neturl.URL{Path: root + "/"}})
	var scripts strings.Builder
	scripts.WriteString("'self'")
	for _, s := range inlineScript.FindAllSubmatch(index.body.Bytes(), -1) {
		sum := sha256.Sum256(s[1])
		scripts.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return &view{handler: h, policy: "default-src 'self'; script-src " + scripts.String() +
		"; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"}
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// contentType corrects what asynqmon guesses from the content. With nosniff a
// browser takes it at its word.
func contentType(extension string) string {
	switch extension {
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	default:
		return "" // asynqmon is right
	}
}

func (v *view) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", v.policy)
	t := &typedWriter{ResponseWriter: w}
	if strings.HasPrefix(r.URL.Path, root+"/api/") {
		t.missing = "application/json; charset=utf-8" // asynqmon names no type, and Go guesses text/plain
	} else {
		t.always = contentType(path.Ext(r.URL.Path))
		if strings.HasPrefix(r.URL.Path, root+"/static/") {
			w.Header().Set("Cache-Control", "private, max-age=86400") // their names hold a hash of the content
		}
	}
	v.handler.ServeHTTP(t, r)
}

// typedWriter sets the Content-Type before the first byte.
type typedWriter struct {
	http.ResponseWriter
	missing string // if there is none
	always  string // even if there is one
	begun   bool
}

func (t *typedWriter) WriteHeader(status int) {
	if h := t.Header(); !t.begun {
		t.begun = true
		if t.always != "" {
			h.Set("Content-Type", t.always)
		} else if t.missing != "" && h.Get("Content-Type") == "" {
			h.Set("Content-Type", t.missing)
		}
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *typedWriter) Write(b []byte) (int, error) {
	if !t.begun {
		t.WriteHeader(http.StatusOK)
	}
	return t.ResponseWriter.Write(b)
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// memoryWriter keeps a response.
type memoryWriter struct {
	header http.Header
	body   bytes.Buffer
}

func (m *memoryWriter) Header() http.Header         { return m.header }
func (m *memoryWriter) WriteHeader(int)             {}
func (m *memoryWriter) Write(b []byte) (int, error) { return m.body.Write(b) }

const (
	maxBody    = 1 << 20 // asynqmon's batches are lists of task ids
	loggedBody = 2000    // of it in the log
)

// peek reads the request's body for the log and puts it back.
func peek(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body[:min(len(body), loggedBody)]), nil
}

// maxShown bounds a payload in the list of tasks.
const maxShown = 500

// formatPayload says in words what a task is about. A queue may hold what we
// never wrote, so nothing is taken for granted.
func formatPayload(payload []byte, postURL func(id string) string) string {
	var t models.Task
	if err := json.Unmarshal(payload, &t); err != nil || t.Post == "" {
		return printable(string(payload))
	}
	return printable(fmt.Sprintf("post %s · %s · seq %d → %s", t.Post, t.Profile, t.Seq, postURL(t.Post)))
}

// printable replaces what can't be shown, and cuts what is too long.
func printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lines replaces what a post may bring along to confuse who reads it or copies
// it into a terminal: control characters, and those that turn the order round.
func lines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
