package queue_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/internal/testredis"
	"weft/models"
	"weft/queue"
)

// BenchmarkEnqueueAll emits new posts in bulk into a real redis-server, and asks
// what they take there.
func BenchmarkEnqueueAll(b *testing.B) {
	s, err := testredis.Start(b.Context(), b.TempDir())
	if err != nil {
		b.Skip(err)
	}
	defer s.Kill() //nolint:errcheck // the benchmark is over
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer rdb.Close()
	c, err := queue.NewClient(rdb, queue.Options{})
	if err != nil {
		b.Fatal(err)
	}
	runs := make([]models.Run, b.N)
	for i := range runs {
		runs[i] = run(fmt.Sprintf("instagram.%019d", i)) // an id as long as Instagram's
	}
	before := used(b, rdb)
	b.ResetTimer()
	if err := c.EnqueueAll(b.Context(), runs); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	b.ReportMetric((used(b, rdb)-before)/float64(b.N), "redis-B/task")
}

// used returns the memory that the server's data takes.
func used(b *testing.B, rdb *redis.Client) float64 {
	b.Helper()
	info, err := rdb.Info(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
