package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/internal/config"
	"weft/internal/redisconn"
	"weft/internal/testredis"
	"weft/models"
)

// need skips where no redis-server is, and fails in CI.
func need(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// kill ends a server with the test.
func kill(t *testing.T, s interface{ Kill() error }) {
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// open connects as internal/app does, and returns what was logged.
func open(t *testing.T, url string) (redis.UniversalClient, string, error) {
	t.Helper()
	server, err := config.ParseRedis(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	var log bytes.Buffer
	rdb, err := redisconn.Open(t.Context(), server, slog.New(slog.NewTextHandler(&log, nil)))
	if err == nil {
		t.Cleanup(func() { _ = rdb.Close() })
	}
	return rdb, log.String(), err
}

// works writes and reads a few keys, which lie on several nodes of a cluster.
func works(t *testing.T, url string) {
	t.Helper()
	rdb, log, err := open(t, url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	for _, key := range []string{"weft:a", "weft:b", "weft:c", "weft:d"} {
		if err := rdb.Set(t.Context(), key, key, time.Minute).Err(); err != nil {
			t.Error(err)
		}
		if got, err := rdb.Get(t.Context(), key).Result(); err != nil || got != key {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	if log != "" {
		t.Errorf("a healthy server is warned of: %s", log)
	}
}

// refused wants an error that names the key and holds want, and no password.
func refused(t *testing.T, url, want string) error {
	t.Helper()
	_, log, err := open(t, url)
	if err == nil || !strings.Contains(err.Error(), "redis.url: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want %q", url, err, want)
	}
	if err != nil && strings.Contains(err.Error()+log, "hunter2") {
		t.Errorf("the password is shown: %v %s", err, log)
	}
	return err
}

func TestTLS(t *testing.T) {
	t.Parallel() // they mostly wait
	dir := t.TempDir()
	user := testredis.User{Name: "weft", Password: "hunter2/@", Rules: "~* &* +@all"}
	blind := testredis.User{Name: "blind", Password: "hunter2", Rules: "~* &* +@all -info"}
	s, certs, err := testredis.StartTLS(t.Context(), dir, user, blind)
	need(t, err)
	kill(t, s)
	works(t, s.URL())
	works(t, strings.Replace(strings.Replace(s.URL(), "127.0.0.1", "localhost", 1), "?", "?server_name=redis.test&", 1))
	refused(t, strings.Replace(s.URL(), "?", "?server_name=other.test&", 1), "other.test")
	refused(t, strings.Replace(s.URL(), "weft:", "other:", 1), "WRONGPASS")
	refused(t, "rediss://u:hunter2@"+s.Addr+"?ca="+certs.CA, s.Addr) // no client certificate
	refused(t, "rediss://u:hunter2@"+s.Addr+"?ca="+filepath.Join(dir, "users.acl"), "ca: there is no certificate")
	refused(t, "rediss://u:hunter2@"+s.Addr+"?ca=/nowhere", "ca: ")
	refused(t, "rediss://u:hunter2@"+s.Addr+"?cert="+certs.ClientCert+"&key="+certs.ServerKey, "cert and key")
	other, err := testredis.NewCertificates(t.TempDir())
	need(t, err)
	refused(t, other.URL(s, user), "x509")

	_, log, err := open(t, certs.URL(s, blind))
	if err != nil || !strings.Contains(log, "noeviction") || strings.Contains(log, "hunter2") {
		t.Errorf("a user who may not ask INFO: %v, log: %s", err, log)
	}
}

func TestSentinel(t *testing.T) {
	t.Parallel() // they mostly wait
	s, err := testredis.StartSentinel(t.Context(), t.TempDir())
	need(t, err)
	kill(t, s)
	works(t, s.URL())
	refused(t, strings.Replace(s.URL(), "/weft", "/other", 1), s.Sentinels[0].Addr)
	refused(t, s.Nodes[1].URL(), "is a replica of 127.0.0.1")
}

func TestCluster(t *testing.T) {
	t.Parallel() // they mostly wait
	c, err := testredis.StartCluster(t.Context(), t.TempDir(), false)
	need(t, err)
	kill(t, c)
	works(t, c.URL())
	works(t, "redis-cluster://"+c.Nodes[2].Addr) // one member tells of the others
	refused(t, c.Nodes[0].URL(), "wants redis-cluster://")
	// each master is asked, not just one
	rdb := redis.NewClient(&redis.Options{Addr: c.Nodes[1].Addr})
	defer rdb.Close()
	need(t, rdb.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
	need(t, rdb.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	refused(t, c.URL(), "allkeys-lru")
}

func TestEviction(t *testing.T) {
	t.Parallel() // they mostly wait
	s, err := testredis.Start(t.Context(), t.TempDir())
	need(t, err)
	kill(t, s)
	works(t, s.URL())
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer rdb.Close()
	set := func(memory, policy string) {
		need(t, rdb.ConfigSet(t.Context(), "maxmemory", memory).Err())
		need(t, rdb.ConfigSet(t.Context(), "maxmemory-policy", policy).Err())
	}
	set("100mb", "noeviction")
	works(t, s.URL())
	set("100mb", "allkeys-lru")
	refused(t, s.URL(), "100 MiB (maxmemory-policy allkeys-lru), so queued tasks")
	set("100mb", "volatile-ttl")
	refused(t, s.URL(), "so the networks' limits would vanish")
	set("0", "allkeys-lru")
	if _, log, err := open(t, s.URL()); err != nil || !strings.Contains(log, "allkeys-lru") {
		t.Errorf("no limit, but the policy: %v, log: %s", err, log)
	}
	refused(t, "redis-cluster://"+s.Addr, "cluster support disabled")
}

// TestNobodyThere: the trouble is the other side's, and said within a few seconds.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"single": "redis://u:hunter2@127.0.0.1:1/0", "cluster": "redis-cluster://u:hunter2@127.0.0.1:1",
		"sentinel": "redis-sentinel://u:hunter2@127.0.0.1:1/m?sentinel_password=hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it only waits
			began := time.Now()
			if err := refused(t, url, "127.0.0.1:1"); models.ClassOf(err) != models.Unavailable {
				t.Errorf("%v is %s", err, models.ClassOf(err))
			}
			if d := time.Since(began); d > 20*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

// TestFrozen: a server that took the connection and hangs holds nobody longer
// than the caller's context.
func TestFrozen(t *testing.T) {
	t.Parallel() // they mostly wait
	s, err := testredis.Start(t.Context(), t.TempDir())
	need(t, err)
	kill(t, s)
	rdb, _, err := open(t, s.URL())
	need(t, err)
	need(t, s.Freeze())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := rdb.Set(ctx, "weft:a", "1", 0).Err(); err == nil {
		t.Error("a frozen server answered")
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the caller waited %s", d)
	}
	need(t, s.Thaw())
	need(t, rdb.Set(t.Context(), "weft:a", "1", 0).Err())
}
