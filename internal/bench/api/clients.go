package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"weft/internal/bench/quantile"
)

// load is what the clients met.
type load struct {
	mu     sync.Mutex
	took   map[string][]float64 // milliseconds, by what was asked
	errors int
	first  error
}

func (l *load) add(kind string, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[kind] = append(l.took[kind], float64(took)/float64(time.Millisecond))
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
	l := load{took: map[string][]float64{}}
	m := watch(p)
	began := time.Now()
	var wg sync.WaitGroup
	for i, who := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i))) //nolint:gosec // what is asked is always the same
			for time.Since(began) < s.minute && ctx.Err() == nil {
				at := time.Now()
				kind, err := s.ask(ctx, c, who, r)
				l.add(kind, time.Since(at), err)
			}
		})
	}
	wg.Wait()
	l.report(s.clients, time.Since(began))
	if l.first != nil {
		fmt.Fprintln(os.Stderr, "the first error:", l.first)
	}
	return m.report("clients_api")
}

// report prints what they met.
func (l *load) report(clients int, took time.Duration) {
	n := 0
	for _, kind := range l.took {
		n += len(kind)
	}
	fmt.Printf("clients: %d\nclients_seconds: %.0f\nclients_requests: %d\nclients_errors: %d\nclients_requests_per_s: %.0f\n", clients, took.Seconds(), n, l.errors, float64(n)/took.Seconds())
	for _, kind := range slices.Sorted(maps.Keys(l.took)) {
		v := l.took[kind]
		fmt.Printf("clients_%s_p50_ms: %.1f\nclients_%s_p99_ms: %.1f\n", kind, quantile.Median(v), kind, quantile.Of(v, .99))
	}
}

// ask makes one request, and says what it was. An answer that is not about what was
// asked is an error.
func (s setting) ask(ctx context.Context, c *corpus, who client, r *rand.Rand) (kind string, err error) {
	i := r.IntN(c.n)
	var path string
	switch n := r.IntN(10); {
	case n < 5:
		kind, path = "get", "/v1/posts/"+postID(i)
	case n < 9:
		q := c.query(kinds()[r.IntN(len(kinds()))], r)
		_, err := who.get(ctx, "/v1/search?"+q.params)
		return "search", err
	default:
		i = r.IntN(s.told)
		kind, path = "timeline", timeline(i)
	}
	answer, err := who.get(ctx, path)
	if err == nil && !bytes.Contains(answer, []byte(`"id":"`+postID(i)+`"`)) {
		err = fmt.Errorf("%s: another post: %.100s", path, answer)
	}
	return kind, err
}
