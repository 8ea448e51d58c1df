package app

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/analysis"
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
	if _, err := (&App{}).embeddedAddr(t.Context(), cfg, false); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("to join what nobody hosts: %v", err)
	}
	first := &App{}
	addr, err := first.embeddedAddr(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	second := &App{}
	_, err = second.embeddedAddr(t.Context(), cfg, true)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), addr) {
		t.Errorf("the second host: %v, want ErrRunning with %s", err, addr)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	joined, err := (&App{}).embeddedAddr(t.Context(), cfg, false)
	if err != nil || joined != addr {
		t.Errorf("after a refused host a command joins %v, %v; want %s", joined, err, addr)
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
	addr, err := a.embeddedAddr(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if !answers(t.Context(), addr) {
		t.Errorf("nobody answers at %s", addr)
	}
}

func TestStoresThatCannotBeOpened(t *testing.T) {
	for _, c := range []struct{ key, url string }{
		{"documents.url", "mongodb://me:hunter2@127.0.0.1:1/weft?serverSelectionTimeoutMS=200"},
		{"search.url", "http://me:hunter2@127.0.0.1:1"},
		{"history.warehouse", "bigquery://me:hunter2@project/weft"},
	} {
		set := []config.Override{{Key: "data", Value: t.TempDir()}, {Key: c.key, Value: c.url}}
		if c.key == "history.warehouse" {
			set = append(set, config.Override{Key: "history.url", Value: "gs://bucket"})
		}
		cfg, err := config.Load("", nil, set...)
		if err != nil {
			t.Errorf("%s: the configuration refuses it: %v", c.url, err)
			continue
		}
		a := &App{Registry: &analysis.Registry{}}
		err = a.openStores(t.Context(), cfg)
		part, _, _ := strings.Cut(c.key, ".")
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want the key, and no password", c.url, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
