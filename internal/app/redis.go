package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/internal/config"
	"weft/internal/redisconn"
)

// addressFile is where the process that hosts the embedded Redis leaves its
// address for the other commands.
const addressFile = "redis.addr"

// ErrNotRunning means that the embedded queue is wanted, which lives in the
// process of `weft up`, and there is none.
var ErrNotRunning = errors.New("the embedded queue is not running: start `weft up` with the same data folder, or set redis.url to a server")

// ErrRunning means that another process serves the embedded queue of the data folder.
var ErrRunning = errors.New("the embedded queue of this data folder is running already")

// openRedis connects to the configured server. With the embedded one, a host
// starts it on loopback and everybody else joins it.
func (a *App) openRedis(ctx context.Context, cfg config.Config, host bool) error {
	redis.SetLogger(quiet{a.Log}) // go-redis has one logger for the whole process; what it says is in our errors too
	if cfg.Redis.URL == config.Embedded {
		return a.openEmbedded(ctx, cfg, host)
	}
	server, err := config.ParseRedis(cfg.Redis.URL)
	if err != nil {
		return fmt.Errorf("app: redis.url: %w", err)
	}
	a.Redis, err = redisconn.Open(ctx, server, a.Log)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	a.onClose("redis client", a.Redis.Close)
	return nil
}

// openEmbedded hosts the embedded Redis, or joins it. It is ours alone and
// never evicts, so nothing but its answer is asked for.
func (a *App) openEmbedded(ctx context.Context, cfg config.Config, host bool) error {
	addr, err := a.embeddedAddr(ctx, cfg, host)
	if err != nil {
		return err
	}
	rdb, err := redisconn.Connect(config.RedisServer{Kind: config.RedisSingle, Addrs: []string{addr}})
	if err != nil {
		return fmt.Errorf("app: embedded redis: %w", err)
	}
	a.onClose("redis client", rdb.Close)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err != nil {
		return ErrNotRunning
	}
	a.Redis = rdb
	return nil
}

// embeddedAddr returns where the embedded Redis is; a host starts it there.
func (a *App) embeddedAddr(ctx context.Context, cfg config.Config, host bool) (string, error) {
	path := filepath.Join(cfg.Data, addressFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("app: embedded redis: %w", err)
	}
	addr := strings.TrimSpace(string(text))
	switch {
	case !host && (addr == "" || !answers(ctx, addr)): // at once, where the client would try for seconds
		return "", ErrNotRunning
	case !host:
		return addr, nil
	case addr != "" && answers(ctx, addr):
		return "", fmt.Errorf("app: %w at %s: stop that process, or choose another folder with --data (%s names the address)", ErrRunning, addr, path)
	}
	return a.host(cfg.Redis.Listen, path)
}

// host starts the embedded Redis and leaves its address at path.
func (a *App) host(listen, path string) (string, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // otherwise leases of the queue's servers never run out
	if err := server.StartAddr(listen); err != nil {
		return "", fmt.Errorf("app: embedded redis on %s: %w", listen, err)
	}
	a.onClose("embedded redis", func() error { server.Close(); return os.Remove(path) })
	if err := os.WriteFile(path, []byte(server.Addr()+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("app: embedded redis: %w", err)
	}
	return server.Addr(), nil
}

// answers reports whether a Redis is at addr. A file that a killed process left
// behind names a port where nobody listens, and that shows at once.
func answers(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer // first, because the client logs a refused connection
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer rdb.Close()
	return rdb.Ping(ctx).Err() == nil
}

// quiet puts what go-redis says where only those who debug see it.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(ctx context.Context, format string, v ...any) {
	q.log.DebugContext(ctx, "redis", "says", fmt.Sprintf(format, v...))
}
