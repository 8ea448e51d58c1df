package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/internal/config"
)

// addressFile is where the process that hosts the embedded Redis leaves its
// address for the other commands.
const addressFile = "redis.addr"

// ErrNotRunning: the embedded queue lives in the process of `weft up`, and there is none.
var ErrNotRunning = errors.New("the embedded queue is not running: start `weft up` with the same data folder, or set redis.url to a server")

// openRedis connects to the configured server. With the embedded one, a host
// starts it on loopback and everybody else joins it.
func (a *App) openRedis(ctx context.Context, cfg config.Config, host bool) error {
	opt, err := a.redisOptions(cfg, host)
	if err != nil {
		return err
	}
	opt.PoolSize = 64
	rdb := redis.NewClient(opt)
	a.onClose("redis client", rdb.Close)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err != nil {
		if cfg.Redis.URL == config.Embedded {
			return ErrNotRunning
		}
		return fmt.Errorf("app: redis at %s: %w", opt.Addr, err)
	}
	a.Redis = rdb
	return nil
}

func (a *App) redisOptions(cfg config.Config, host bool) (*redis.Options, error) {
	if cfg.Redis.URL != config.Embedded {
		opt, err := redis.ParseURL(cfg.Redis.URL)
		if err != nil {
			return nil, fmt.Errorf("app: redis.url: %w", err)
		}
		return opt, nil
	}
	path := filepath.Join(cfg.Data, addressFile)
	if !host {
		addr, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotRunning
		}
		if err != nil {
			return nil, fmt.Errorf("app: embedded redis: %w", err)
		}
		return &redis.Options{Addr: strings.TrimSpace(string(addr))}, nil
	}
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // otherwise leases of the queue's servers never run out
	if err := server.StartAddr(cfg.Redis.Listen); err != nil {
		return nil, fmt.Errorf("app: embedded redis on %s: %w", cfg.Redis.Listen, err)
	}
	a.onClose("embedded redis", func() error { server.Close(); return os.Remove(path) })
	if err := os.WriteFile(path, []byte(server.Addr()+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("app: embedded redis: %w", err)
	}
	return &redis.Options{Addr: server.Addr()}, nil
}
