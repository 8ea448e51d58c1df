package elastic

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a cluster that refuses what a real one only refuses in bad times. It
// stores nothing and answers as the real one was seen to.
type fake struct {
	t testing.TB

	mu      sync.Mutex
	bulks   int
	sizes   []int                                          // documents of each bulk request
	item    func(id string) (status int, reason string)    // the outcome of a document
	request func(n int, w http.ResponseWriter) (done bool) // the outcome of the n-th bulk request, from 1
	has     map[string]bool                                // paths that answer 200 although this fake has no such thing
	says    map[string]string                              // other answers, by path
	version string
	paths   []string
}

func newFake(t testing.TB) (*fake, *Search) {
	t.Helper()
	f := &fake{t: t, has: map[string]bool{}}
	s := f.open(Options{Linger: 5 * time.Millisecond})
	return f, s
}

func (f *fake) open(o Options) *Search {
	f.t.Helper()
	s, err := f.tryOpen(o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f *fake) tryOpen(o Options) (*Search, error) {
	srv := httptest.NewServer(f)
	f.t.Cleanup(srv.Close)
	return Open(f.t.Context(), srv.URL, o)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = append(f.paths, r.Method+" "+r.URL.Path)
	switch p := r.URL.Path; {
	case p == "/":
		fmt.Fprintf(w, `{"version":{"number":%q}}`, cmp.Or(f.version, "8.19.0"))
	case p == "/_bulk":
		f.bulk(w, body)
	case strings.HasSuffix(p, "/_alias"):
		fmt.Fprint(w, `{"weft-v1-0001-01":{"aliases":{"weft":{},"weft-write-0001-01":{}}}}`)
	case p == "/_mget":
		f.mget(w, body)
	case strings.HasPrefix(p, "/_index_template/"), f.has[p]:
		fmt.Fprint(w, `{}`)
	case f.says[p] != "":
		fmt.Fprint(w, f.says[p])
	case p == "/_analyze":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"type":"illegal_argument_exception","reason":"failed to find global analyzer [english]"},"status":400}`)
	default:
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"type":"circuit_breaking_exception","reason":"data too large"},"status":429}`)
	}
}

func (f *fake) mget(w io.Writer, body []byte) {
	var asked struct {
		Docs []struct{} `json:"docs"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		f.t.Error(err)
	}
	for i := range asked.Docs {
		asked.Docs[i] = struct{}{}
	}
	_ = json.NewEncoder(w).Encode(asked)
}

func (f *fake) bulk(w http.ResponseWriter, body []byte) {
	f.bulks++
	var items []string
	lines := bufio.NewScanner(strings.NewReader(string(body)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line map[string]struct {
			ID string `json:"_id"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		for action, meta := range line {
			if meta.ID == "" {
				continue
			}
			status, why := http.StatusCreated, ""
			if f.item != nil {
				status, why = f.item(meta.ID)
			}
			item := fmt.Sprintf(`{%q:{"status":%d}}`, action, status)
			if why != "" {
				item = fmt.Sprintf(`{%q:{"status":%d,"error":%s}}`, action, status, why)
			}
			items = append(items, item)
		}
	}
	f.sizes = append(f.sizes, len(items))
	if f.request != nil && f.request(f.bulks, w) {
		return
	}
	fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(items, ","))
}
