// Command bench measures the chain, and prints each figure as "name: value".
//
// Its main figure is chain_vs_asynq: posts per second of four no-op hops
// through the production runner (compare-and-set, timeline and reconciler on,
// SQLite in WAL mode with synchronous NORMAL) over those of four hops of bare
// asynq with one server and its defaults. Both run in turn on one redis-server
// of its own, with everything emitted before the clock starts, and the figure
// is the median of the rounds' ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/internal/bench/quantile"
	"weft/internal/testredis"
)

func main() {
	posts := flag.Int("posts", 5000, "posts per round")
	rounds := flag.Int("rounds", 5, "rounds, each of both")
	seconds := flag.Int("latency", 20, "seconds of the latency measurement at 50 posts a second; 0 skips it")
	demo := flag.String("demo", "", "the weft binary, to measure the whole demo chain with; empty skips it")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole to this file")
	flag.Parse()
	ctx := context.Background()
	err := profiled(*profile, func() error {
		if err := run(ctx, *posts, *rounds, time.Duration(*seconds)*time.Second); err != nil || *demo == "" {
			return err
		}
		return demoChain(ctx, *demo)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled does work, and writes its CPU profile to path unless that is empty.
func profiled(path string, work func() error) (err error) {
	if path == "" {
		return work()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return work()
}

func run(ctx context.Context, posts, rounds int, latency time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "weft-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := testredis.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Kill()) }()
	var chain, plain []measured
	var ratios []float64
	for range rounds {
		p, err := measureBare(ctx, server, posts)
		if err != nil {
			return err
		}
		c, err := measureChain(ctx, server, posts)
		if err != nil {
			return err
		}
		plain, chain = append(plain, p), append(chain, c)
		ratios = append(ratios, c.rate/p.rate)
		fmt.Fprintf(os.Stderr, "round: weft %.0f posts/s, asynq %.0f posts/s\n", c.rate, p.rate)
	}
	slices.Sort(ratios)
	report("asynq_posts_per_second", median(plain, func(m measured) float64 { return m.rate }))
	report("chain_posts_per_second", median(chain, func(m measured) float64 { return m.rate }))
	report("chain_emit_posts_per_second", median(chain, func(m measured) float64 { return m.emit }))
	report("asynq_cpu_seconds_per_1000_posts", median(plain, func(m measured) float64 { return m.cpu }))
	report("chain_cpu_seconds_per_1000_posts", median(chain, func(m measured) float64 { return m.cpu }))
	report("chain_vs_asynq", ratios[len(ratios)/2])
	if latency > 0 {
		return measureLatency(ctx, server, latency)
	}
	return nil
}

// measured is one round of one contestant.
type measured struct {
	rate float64 // posts per second
	emit float64 // posts per second stored and enqueued, before the clock starts
	cpu  float64 // CPU seconds per 1,000 posts, of this process and the redis-server
}

func measureBare(ctx context.Context, s *testredis.Server, posts int) (measured, error) {
	if err := flush(ctx, s); err != nil {
		return measured{}, err
	}
	b := newBare(s.Addr)
	defer b.client.Close()
	if err := b.admit(ctx, posts); err != nil {
		return measured{}, err
	}
	return clock(s, posts, func() error { return b.serve(ctx, int64(posts)) })
}

func measureChain(ctx context.Context, s *testredis.Server, posts int) (measured, error) {
	if err := flush(ctx, s); err != nil {
		return measured{}, err
	}
	dir, err := os.MkdirTemp("", "weft-bench-chain")
	if err != nil {
		return measured{}, err
	}
	defer os.RemoveAll(dir)
	r, err := newRig(ctx, dir, s.Addr)
	if err != nil {
		return measured{}, err
	}
	defer r.close()
	start := time.Now()
	if err := r.admit(ctx, "", posts); err != nil {
		return measured{}, err
	}
	emit := float64(posts) / time.Since(start).Seconds()
	m, err := clock(s, posts, func() error { return r.serve(ctx, int64(posts)) })
	m.emit = emit
	return m, err
}

func measureLatency(ctx context.Context, s *testredis.Server, d time.Duration) error {
	if err := flush(ctx, s); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weft-bench-latency")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := newRig(ctx, dir, s.Addr)
	if err != nil {
		return err
	}
	defer r.close()
	took, err := r.latency(ctx, 50, d)
	if err != nil {
		return err
	}
	report("latency_p50_ms", float64(took[len(took)/2].Microseconds())/1000)
	report("latency_p99_ms", float64(took[len(took)*99/100].Microseconds())/1000)
	return nil
}

// clock runs work and counts wall time and CPU.
func clock(s *testredis.Server, posts int, work func() error) (measured, error) {
	cpu0, err := cpuSeconds(s)
	if err != nil {
		return measured{}, err
	}
	start := time.Now()
	if err := work(); err != nil {
		return measured{}, err
	}
	took := time.Since(start).Seconds()
	cpu1, err := cpuSeconds(s)
	return measured{rate: float64(posts) / took, cpu: (cpu1 - cpu0) / float64(posts) * 1000}, err
}

// cpuSeconds returns the CPU time of this process and of the redis-server.
func cpuSeconds(s *testredis.Server) (float64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	own := time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	theirs, err := s.CPU()
	return own + theirs, err
}

func flush(ctx context.Context, s *testredis.Server) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer rdb.Close()
	return rdb.FlushAll(ctx).Err()
}

func median(ms []measured, of func(measured) float64) float64 {
	var v []float64
	for _, m := range ms {
		v = append(v, of(m))
	}
	return quantile.Median(v)
}

func report(name string, value float64) { fmt.Printf("%s: %.3f\n", name, value) }
