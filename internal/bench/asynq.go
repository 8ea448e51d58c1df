package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"
)

// bare is what Weft is measured against: four hops of plain asynq with one
// server and its defaults. Each handler enqueues the next hop.
type bare struct {
	client *asynq.Client
	addr   string
	ended  atomic.Int64
}

type hop struct {
	Post string `json:"post"`
	Hop  int    `json:"hop"`
}

func newBare(addr string) *bare {
	return &bare{client: asynq.NewClient(asynq.RedisClientOpt{Addr: addr}), addr: addr}
}

func (b *bare) enqueue(ctx context.Context, h hop) error {
	payload, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = b.client.EnqueueContext(ctx, asynq.NewTask("hop", payload))
	return err
}

func (b *bare) admit(ctx context.Context, n int) error {
	var g errgroup.Group
	g.SetLimit(64)
	for i := range n {
		g.Go(func() error { return b.enqueue(ctx, hop{Post: fmt.Sprintf("bench.%d", i), Hop: 1}) })
	}
	return g.Wait()
}

func (b *bare) serve(ctx context.Context, n int64) error {
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: b.addr}, asynq.Config{LogLevel: asynq.FatalLevel})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		var h hop
		if err := json.Unmarshal(t.Payload(), &h); err != nil {
			return err
		}
		if h.Hop == 4 {
			b.ended.Add(1)
			return nil
		}
		h.Hop++
		return b.enqueue(ctx, h)
	}))
	if err != nil {
		return err
	}
	err = until(ctx, func() bool { return b.ended.Load() >= n })
	server.Shutdown()
	return err
}

// until polls for a fact.
func until(ctx context.Context, fact func() bool) error {
	for !fact() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// every calls f now and then until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
