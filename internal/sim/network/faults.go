package network

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Faults says how often a server misbehaves, each as a share of the requests.
type Faults struct {
	Errors    float64 // 500 and 503
	Throttles float64 // 429 with Retry-After: 0, so that tests don't wait
	Cuts      float64 // the answer breaks off in the middle
	Pages     float64 // a page for people, with status 200
	Slow      float64 // the answer comes after Delay
	Delay     time.Duration
}

// SomeFaults is what tests use: every tenth request goes wrong.
func SomeFaults() Faults {
	return Faults{Errors: 0.03, Throttles: 0.02, Cuts: 0.02, Pages: 0.01, Slow: 0.02, Delay: 20 * time.Millisecond}
}

// Faulty puts faults in front of a handler, by a seed. WebSockets pass as they are.
func Faulty(h http.Handler, seed uint64, f Faults) http.Handler {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0x6661_756c_74))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			h.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		d := rng.Float64()
		mu.Unlock()
		hit := func(share float64) bool { d -= share; return d < 0 }
		switch {
		case hit(f.Errors):
			http.Error(w, `{"error":"something broke"}`, http.StatusServiceUnavailable)
		case hit(f.Throttles):
			w.Header().Set("Retry-After", "0")
			http.Error(w, `{"error":"too many requests"}`, http.StatusTooManyRequests)
		case hit(f.Cuts):
			cut(w, r, h)
		case hit(f.Pages):
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<!DOCTYPE html><html><body>We are down for maintenance</body></html>"))
		case hit(f.Slow):
			select {
			case <-time.After(f.Delay):
			case <-r.Context().Done():
			}
			h.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// cut sends half of the answer, and the length of the whole.
func cut(w http.ResponseWriter, r *http.Request, h http.Handler) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	maps.Copy(w.Header(), rec.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body[:len(body)/2])
}
