package queue_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/internal/testredis"
	"weft/models"
	"weft/queue"
)

// BenchmarkEnqueueAll emits new posts in bulk into a real redis-server.
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
		runs[i] = run(fmt.Sprintf("a.%d", i))
	}
	b.ResetTimer()
	if err := c.EnqueueAll(b.Context(), runs); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}
