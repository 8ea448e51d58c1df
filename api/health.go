package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// checkTimeout is how long a store may take to say that it is there: less than
// what those who ask wait.
const checkTimeout = 3 * time.Second

// readiness is the answer of /readyz.
type readiness struct {
	Status string            `json:"status"` // ready or not ready
	Stores map[string]string `json:"stores"` // ready or away, by name
}

// health puts /healthz (the process is there) and /readyz (its stores are, too)
// on the mux.
func (s *server) health() {
	s.open("GET /healthz", "GET /readyz")
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, "application/json", http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		got, status := s.ready(r.Context()), http.StatusOK
		if got.Status != "ready" {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, "application/json", status, got)
	})
}

// ready asks all stores at once. Why one is away is for the log: the answer is
// for everybody.
func (s *server) ready(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(s.Checks))
	var asked sync.WaitGroup
	for i, c := range s.Checks {
		asked.Go(func() { errs[i] = c.Ask(ctx) })
	}
	asked.Wait()
	out := readiness{Status: "ready", Stores: map[string]string{}}
	for i, c := range s.Checks {
		out.Stores[c.Name] = "ready"
		if errs[i] != nil {
			out.Status, out.Stores[c.Name] = "not ready", "away"
			s.Log.WarnContext(ctx, "api: not ready", "request", of(ctx).id, "store", c.Name, "error", errs[i])
		}
	}
	return out
}
