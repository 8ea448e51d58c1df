package limit

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// bare takes off what redis_rate puts before every key, so that all that Weft
// has in a shared Redis begins with its own name.
type bare struct{ redis.UniversalClient }

// Eval runs a script.
func (b bare) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return b.UniversalClient.Eval(ctx, script, own(keys), args...)
}

// EvalSha runs a script that the server knows.
func (b bare) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return b.UniversalClient.EvalSha(ctx, sha, own(keys), args...)
}

func own(keys []string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = strings.TrimPrefix(k, "rate:")
	}
	return out
}
