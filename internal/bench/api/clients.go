package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// load is what the clients met.
type load struct {
	mu     sync.Mutex
	took   []float64 // milliseconds
	errors int
	first  error
}

func (l *load) add(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, float64(took)/float64(time.Millisecond))
	if err != nil {
		l.errors++
		if l.first == nil {
			l.first = err
		}
	}
}

// crowd has many clients ask at the same time, each with a key of its own and one
// request after the other: half of them gets, four of ten searches, and timelines.
func (s setting) crowd(ctx context.Context, c *corpus, p *program, admin client) error {
	clients := make([]client, s.clients)
	for i := range clients {
		answer, err := admin.do(ctx, http.MethodPost, "/v1/keys", map[string]string{"name": fmt.Sprintf("bench-%d", i), "role": "viewer"}, http.StatusCreated)
		if err != nil {
			return err
		}
		var made struct {
			Key string `json:"secret"`
		}
		if err := json.Unmarshal(answer, &made); err != nil {
			return err
		}
		clients[i] = admin
		clients[i].key = made.Key
	}
	var l load
	m := watch(p)
	began := time.Now()
	var wg sync.WaitGroup
	for i, who := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i))) //nolint:gosec // what is asked is always the same
			for time.Since(began) < s.minute && ctx.Err() == nil {
				at := time.Now()
				err := s.ask(ctx, c, who, r)
				l.add(time.Since(at), err)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	fmt.Printf("clients: %d\nclients_seconds: %.0f\nclients_requests: %d\nclients_errors: %d\n", s.clients, took.Seconds(), len(l.took), l.errors)
	fmt.Printf("clients_requests_per_s: %.0f\nclients_p50_ms: %.1f\nclients_p99_ms: %.1f\nclients_max_ms: %.1f\n",
		float64(len(l.took))/took.Seconds(), median(l.took), quantile(l.took, .99), slices.Max(l.took))
	if l.first != nil {
		fmt.Fprintln(os.Stderr, "the first error:", l.first)
	}
	return m.report("clients_api")
}

// ask makes one request. An answer that is not about what was asked is an error.
func (s setting) ask(ctx context.Context, c *corpus, who client, r *rand.Rand) error {
	i, path := r.IntN(c.n), ""
	switch n := r.IntN(10); {
	case n < 5:
		path = "/v1/posts/" + postID(i)
	case n < 9:
		q := c.query(kinds()[r.IntN(len(kinds()))], r)
		_, err := who.get(ctx, "/v1/search?"+q.params)
		return err
	default:
		i = r.IntN(s.told)
		path = timeline(i)
	}
	answer, err := who.get(ctx, path)
	if err == nil && !bytes.Contains(answer, []byte(`"id":"`+postID(i)+`"`)) {
		err = fmt.Errorf("%s: another post: %.100s", path, answer)
	}
	return err
}
