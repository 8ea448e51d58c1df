// Command stores measures the production stores against their plain drivers, and
// prints each figure as "name: value".
//
// Each job is done three ways in the same run: by Weft's adapter with as many
// callers as fill two bulks (or as -callers says), by the driver with one call a
// document from 128 callers, and by the driver in bulks made by hand, two at the
// same time. The figures that count
// are the ratios weft_vs_bulk. The servers are those of scripts/services, so the
// absolute figures are theirs: of MongoDB and of Google's services they say nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"weft/internal/servers"
)

const (
	// bulkSize is how many documents a bulk made by hand has.
	bulkSize = 500
	// singles are how many callers make calls one by one: more only wait for each other.
	singles = 128
	// rounds are how often the sides take turns: a server that has just begun is
	// slower than one that is warm, and neither side shall have it alone.
	rounds = 5
)

// setting is what to measure with.
type setting struct {
	posts   int
	callers int // who ask an adapter at the same time
	slow    int // posts for what is done one by one
	dir     string
}

func main() {
	posts := flag.Int("posts", 100_000, "posts that each adapter gets")
	callers := flag.Int("callers", 2*bulkSize, "who ask an adapter at the same time: reindex has 1000, a worker some dozens")
	slow := flag.Int("slow", 5_000, "posts for the driver's calls one by one, which are compared by rate")
	only := flag.String("only", "documents,search,archive,load", "what to measure")
	flag.Parse()
	dir, err := os.MkdirTemp("", "weft-bench")
	if err == nil {
		err = measure(context.Background(), setting{posts: *posts, callers: *callers, slow: min(*slow, *posts), dir: dir}, strings.Split(*only, ","))
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-stores:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, s setting, only []string) error {
	jobs := []struct {
		name string
		do   func(context.Context, setting) error
	}{
		{"documents", benchDocuments}, {"search", benchSearch}, {"archive", benchArchive}, {"load", benchLoad},
	}
	for _, j := range jobs {
		if !slices.Contains(only, j.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s with %d posts …\n", j.name, s.posts)
		m := watchMemory()
		if err := j.do(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
		m.report(j.name)
	}
	return nil
}

// server is the address that the variable name holds.
func server(name string) (string, error) {
	if url := os.Getenv(name); url != "" {
		return strings.TrimSuffix(url, "/"), nil
	}
	return "", fmt.Errorf(`%s is not set: make bench-stores starts the servers, or eval "$(scripts/services start --env)"`, name)
}

func mongoURL() (string, error)   { return server(servers.Mongo) }
func elasticURL() (string, error) { return server(servers.Elastic) }

// side calls do for 0 to n-1 from several goroutines, and returns how long that
// took and the first error.
func side(n, goroutines int, do func(i int) error) (time.Duration, error) {
	begin := time.Now()
	next := make(chan int)
	errs := make(chan error, goroutines)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			var first error
			for i := range next {
				if first == nil {
					first = do(i)
				}
			}
			errs <- first
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return time.Since(begin), errors.Join(all...)
}

// bulks calls do for every stretch of bulkSize below n, two at the same time.
func bulks(n int, do func(from, to int) error) (time.Duration, error) {
	return side((n+bulkSize-1)/bulkSize, 2, func(i int) error { return do(i*bulkSize, min((i+1)*bulkSize, n)) })
}

// rate is n per second.
func rate(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// compare prints three rates and the ratios.
func compare(name string, weft, single, bulk float64) {
	fmt.Printf("%s_weft_per_s: %.0f\n%s_single_per_s: %.0f\n%s_bulk_per_s: %.0f\n", name, weft, name, single, name, bulk)
	fmt.Printf("%s_weft_vs_single: %.2f\n%s_weft_vs_bulk: %.2f\n", name, weft/single, name, weft/bulk)
}

// memory samples the heap while something is measured.
type memory struct {
	stop, done chan struct{}
	samples    []uint64
}

func watchMemory() *memory {
	m := &memory{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-m.stop:
				return
			case <-tick.C:
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				m.samples = append(m.samples, s.HeapAlloc)
			}
		}
	}()
	return m
}

// report prints the most that the heap held in the first and in the last third.
func (m *memory) report(name string) {
	close(m.stop)
	<-m.done
	third := len(m.samples) / 3
	if third == 0 {
		return
	}
	fmt.Printf("%s_heap_mb_first_third: %d\n%s_heap_mb_last_third: %d\n",
		name, slices.Max(m.samples[:third])>>20, name, slices.Max(m.samples[len(m.samples)-third:])>>20)
}
