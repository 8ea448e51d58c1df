package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/redis/go-redis/v9"

	"weft/internal/config"
	"weft/models"
)

// patience is how long a server may take to answer at the start.
const patience = 10 * time.Second

// Open connects to s and looks whether it can hold a queue: that it answers,
// takes writes, is of the kind that s says, and never evicts. What it can't
// find out, because the ACL forbids INFO, is a warning.
func Open(ctx context.Context, s config.RedisServer, log *slog.Logger) (redis.UniversalClient, error) {
	rdb, err := Connect(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = ping(ctx, rdb, s)
	if err == nil {
		err = inspect(ctx, rdb, log)
	}
	if err != nil {
		_ = rdb.Close() // err says more
		return nil, err
	}
	return rdb, nil
}

// ping tells a server that isn't there, which may come back, from one that
// won't have us.
func ping(ctx context.Context, rdb redis.UniversalClient, s config.RedisServer) error {
	err := rdb.Ping(ctx).Err()
	if err == nil {
		return nil
	}
	for _, p := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "ERR"} {
		if redis.HasErrorPrefix(err, p) {
			return fmt.Errorf("redis.url: %s: %w", strings.Join(s.Addrs, ","), err)
		}
	}
	return models.Faultf(models.Unavailable, "redis.url: no answer from %s: %w", strings.Join(s.Addrs, ","), err)
}

// inspect asks every server that holds keys.
func inspect(ctx context.Context, rdb redis.UniversalClient, log *slog.Logger) error {
	c, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return inspectNode(ctx, rdb, false, log)
	}
	return c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return inspectNode(ctx, node, true, log.With("server", node.Options().Addr))
	})
}

func inspectNode(ctx context.Context, rdb redis.Cmdable, cluster bool, log *slog.Logger) error {
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		log.Warn("redis doesn't tell its eviction policy: see to it that maxmemory-policy is noeviction", "error", err)
		return nil
	}
	info := fields(text)
	switch {
	case !cluster && info["cluster_enabled"] == "1":
		return errors.New("redis.url: the server is a member of a cluster, which wants redis-cluster://")
	case info["role"] == "slave":
		return fmt.Errorf("redis.url: the server is a replica of %s, which takes no writes", info["master_host"]+":"+info["master_port"])
	}
	return eviction(info, log)
}

// eviction judges what happens when memory is full. Weft would survive evicted
// tasks, as it does a lost Redis, but slowly: the reconciler finds each when it
// is overdue, which takes a minute, and up to an hour in a deep backlog.
func eviction(info map[string]string, log *slog.Logger) error {
	policy, limit := info["maxmemory_policy"], info["maxmemory"]
	bytes, err := strconv.ParseUint(limit, 10, 64)
	switch {
	case policy == "noeviction":
		return nil
	case policy == "" || err != nil:
		log.Warn("redis doesn't tell its eviction policy: see to it that maxmemory-policy is noeviction")
		return nil //nolint:nilerr // some hosts hide it; that is told, not refused
	case bytes == 0:
		log.Warn("redis would evict keys if it had a memory limit: set maxmemory-policy to noeviction before you set maxmemory", "policy", policy)
		return nil
	}
	what := "queued tasks and the networks' limits"
	if strings.HasPrefix(policy, "volatile-") { // tasks have no time to live
		what = "the networks' limits"
	}
	return fmt.Errorf("redis.url: the server evicts keys once it uses %s (maxmemory-policy %s), so %s would vanish without an error: set maxmemory-policy to noeviction, as docs/redis.md says",
		humanize.IBytes(bytes), policy, what)
}

// fields reads the lines name:value of INFO.
func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out
}
