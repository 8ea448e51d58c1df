// Package bigquery stands in for BigQuery's jobs API in tests, in what the
// emulator does otherwise: a second job of an id that is taken is refused, a
// failed load brings nothing, quotas run out, and answers are lost after their
// request was carried out. It keeps what it was asked, for tests that say what
// must be in a request. It has no SQL and no rows: a load counts its files,
// and every query has the same answer.
package bigquery

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Trouble is what goes wrong with one request.
type Trouble int

// The troubles.
const (
	None      Trouble = iota
	Broken            // 503, and nothing is done
	Limited           // 403 rateLimitExceeded, and nothing is done
	Cut               // the connection ends, and nothing is done
	Lost              // it is done, and the connection ends before the answer
	NotBooked         // 500, and yet it is done
	Denied            // 403 accessDenied, and nothing is done
)

// Request is one that was made.
type Request struct {
	Method string
	Path   string // below the API's root
	Body   map[string]any
}

// Server is the API, of any project. Once it is in use its fields are
// changed by Change only; hooks are called one at a time.
type Server struct {
	// Trouble is asked before each request; nil: there is none.
	Trouble func(Request) Trouble
	// Fails is asked when a job ends: a reason makes it fail. nil: none does.
	Fails func(id string) (reason string)
	// Polls is how often a job is asked for before it is done.
	Polls int
	// Bytes is what a query reads, and Statement what it is; empty: SELECT.
	Bytes     int64
	Statement string
	// Fields and Rows are what every query answers: all of type STRING.
	Fields []string
	Rows   [][]string
	Clock  func() time.Time // nil: time.Now

	mu       sync.Mutex
	jobs     map[string]*job
	things   map[string]map[string]any // datasets and tables, by path
	loaded   map[string]int            // by address of a file
	requests []Request
	changes  int
}

type job struct {
	about  map[string]any // what it was begun with
	polls  int
	done   bool
	reason string
	ended  time.Time
}

// Change changes the server while it is in use.
func (s *Server) Change(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Loaded says how often each file was loaded.
func (s *Server) Loaded() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.loaded)
}

// Jobs returns the ids of all jobs, sorted.
func (s *Server) Jobs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.jobs))
}

// Requests returns what was asked of a path that ends so, the oldest first.
func (s *Server) Requests(method, end string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r Request) bool {
		return r.Method != method || !strings.HasSuffix(r.Path, end)
	})
}

// Put stores a dataset or table as it is.
func (s *Server) Put(path string, thing map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(path, thing)
}

func (s *Server) put(path string, thing map[string]any) {
	if s.things == nil {
		s.things = map[string]map[string]any{}
	}
	s.changes++
	thing["etag"] = strconv.Itoa(s.changes)
	s.things[path] = thing
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.Path, "/projects/")
	_, path, _ = strings.Cut(path, "/")
	asked := Request{Method: r.Method, Path: path}
	if data, err := io.ReadAll(r.Body); err == nil && len(data) > 0 {
		_ = json.Unmarshal(data, &asked.Body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, asked)
	trouble := None
	if s.Trouble != nil {
		trouble = s.Trouble(asked)
	}
	switch trouble {
	case Broken:
		refuse(w, http.StatusServiceUnavailable, "backendError")
		return
	case Limited:
		refuse(w, http.StatusForbidden, "rateLimitExceeded")
		return
	case Denied:
		refuse(w, http.StatusForbidden, "accessDenied")
		return
	case Cut:
		panic(http.ErrAbortHandler)
	case None, Lost, NotBooked: // those are of the answer, below
	}
	status, answer := s.answer(asked, r.Header.Get("If-Match"))
	switch {
	case trouble == Lost:
		panic(http.ErrAbortHandler)
	case trouble == NotBooked:
		refuse(w, http.StatusInternalServerError, "internalError")
	case status >= http.StatusBadRequest:
		refuse(w, status, fmt.Sprint(answer["reason"]))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": status, "message": "said the stand-in", "errors": []any{map[string]any{"reason": reason, "message": "said the stand-in"}},
	}})
}

// answer carries a request out.
func (s *Server) answer(r Request, match string) (int, map[string]any) {
	kind, id, _ := strings.Cut(r.Path, "/")
	switch {
	case kind == "jobs" && r.Method == http.MethodPost:
		return s.begin(r.Body)
	case kind == "jobs":
		return s.show(id)
	case kind == "queries":
		return s.results(id)
	}
	thing := s.things[r.Path]
	switch r.Method {
	case http.MethodPost:
		return s.create(r)
	case http.MethodPatch:
		switch {
		case thing == nil:
			return http.StatusNotFound, map[string]any{"reason": "notFound"}
		case match != "" && match != thing["etag"]:
			return http.StatusPreconditionFailed, map[string]any{"reason": "conditionNotMet"}
		}
		thing = maps.Clone(thing)
		maps.Copy(thing, r.Body)
		s.put(r.Path, thing)
		return http.StatusOK, thing
	default:
		if thing == nil {
			return http.StatusNotFound, map[string]any{"reason": "notFound"}
		}
		return http.StatusOK, thing
	}
}

// create makes a dataset or table.
func (s *Server) create(r Request) (int, map[string]any) {
	path := r.Path + "/" + fmt.Sprint(at(r.Body, "datasetReference", "datasetId"))
	if strings.HasSuffix(r.Path, "/tables") {
		path = r.Path + "/" + fmt.Sprint(at(r.Body, "tableReference", "tableId"))
	}
	if s.things[path] != nil {
		return http.StatusConflict, map[string]any{"reason": "duplicate"}
	}
	thing := maps.Clone(r.Body)
	thing["type"] = "TABLE"
	if thing["view"] != nil {
		thing["type"] = "VIEW"
	}
	if place, _ := thing["location"].(string); place == "" {
		thing["location"] = "US"
	}
	s.put(path, thing)
	return http.StatusOK, thing
}

// at follows names into nested objects.
func at(v map[string]any, names ...string) any {
	var found any = v
	for _, name := range names {
		m, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		found = m[name]
	}
	return found
}
