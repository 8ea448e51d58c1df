package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/internal/config"
)

func embedded(dir string) config.Config {
	cfg := config.Default()
	cfg.Data = dir
	return cfg
}

// TestOneHost: two hosts on one data folder would be two queues for one set of books.
func TestOneHost(t *testing.T) {
	cfg := embedded(t.TempDir())
	path := filepath.Join(cfg.Data, addressFile)
	if _, err := (&App{}).redisOptions(t.Context(), cfg, false); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("to join what nobody hosts: %v", err)
	}
	first := &App{}
	opt, err := first.redisOptions(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	second := &App{}
	_, err = second.redisOptions(t.Context(), cfg, true)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), opt.Addr) {
		t.Errorf("the second host: %v, want ErrRunning with %s", err, opt.Addr)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	joined, err := (&App{}).redisOptions(t.Context(), cfg, false)
	if err != nil || joined.Addr != opt.Addr {
		t.Errorf("after a refused host a command joins %v, %v; want %s", joined, err, opt.Addr)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the address outlives its host: %v", err)
	}
}

// TestHostAfterKill: a killed host leaves its address behind.
func TestHostAfterKill(t *testing.T) {
	cfg := embedded(t.TempDir())
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Data, addressFile), []byte(dead+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &App{}
	opt, err := a.redisOptions(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if !answers(t.Context(), opt.Addr) {
		t.Errorf("nobody answers at %s", opt.Addr)
	}
}

func TestNotBuiltIn(t *testing.T) {
	host := func(a *App, ctx context.Context, cfg config.Config) error { return a.openRedis(ctx, cfg, true) }
	for _, c := range []struct {
		key  string
		url  string
		open func(*App, context.Context, config.Config) error
	}{
		{"redis.url", "redis-sentinel://me:hunter2@a:1,b:2/main", host},
		{"redis.url", "redis-cluster://me:hunter2@a:1", host},
		{"documents.url", "mongodb://me:hunter2@a:1/weft", (*App).openStores},
		{"search.url", "https://me:hunter2@a:9200", (*App).openStores},
		{"history.url", "bigquery://me:hunter2@project", (*App).openStores},
		{"blobs.url", "s3://me:hunter2@bucket", (*App).openStores},
	} {
		cfg, err := config.Load("", nil, config.Override{Key: "data", Value: t.TempDir()}, config.Override{Key: c.key, Value: c.url})
		if err != nil {
			t.Errorf("%s: the configuration refuses it: %v", c.url, err)
			continue
		}
		a := &App{}
		err = c.open(a, t.Context(), cfg)
		if !errors.Is(err, ErrNotBuiltIn) || !strings.Contains(err.Error(), c.key) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want %s, not built in, and no password", c.url, err, c.key)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
