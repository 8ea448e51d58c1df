package testredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// masterName is what the Sentinels call their master.
const masterName = "weft"

// Sentinel is a master with a replica, and three Sentinels who watch over them.
type Sentinel struct {
	Nodes     []*Server // the first one is the master at the start
	Sentinels []*Server
}

// StartSentinel starts them all, and returns when the replica follows and the
// Sentinels know each other: from then on a dead master is replaced within
// about two seconds.
func StartSentinel(ctx context.Context, dir string) (*Sentinel, error) {
	s := &Sentinel{}
	if err := s.start(ctx, dir); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

func (s *Sentinel) start(ctx context.Context, dir string) error {
	var follow []string
	for i := range 2 {
		node, err := newServer(filepath.Join(dir, "node"+strconv.Itoa(i)), append([]string{"--repl-diskless-sync-delay", "0"}, follow...)...)
		if err != nil {
			return err
		}
		if err := node.Restart(ctx); err != nil {
			return err
		}
		s.Nodes = append(s.Nodes, node)
		follow = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(s.Nodes[0].Port())}
	}
	if err := wait(ctx, func() error { return s.following(ctx) }); err != nil {
		return err
	}
	for i := range 3 {
		watcher, err := s.watcher(filepath.Join(dir, "sentinel"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if err := watcher.Restart(ctx); err != nil {
			return err
		}
		s.Sentinels = append(s.Sentinels, watcher)
	}
	return wait(ctx, func() error { return s.watching(ctx) })
}

// watcher writes a Sentinel's file, which it keeps its state in.
func (s *Sentinel) watcher(dir string) (*Server, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	w := &Server{Addr: addr, dir: dir, url: "redis://" + addr}
	file := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nsentinel monitor %[2]s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %[2]s 500\nsentinel failover-timeout %[2]s 2000\n",
		w.Port(), masterName, s.Nodes[0].Port())
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	w.args = []string{file, "--sentinel"}
	return w, nil
}

// following reports whether the replica is in step.
func (s *Sentinel) following(ctx context.Context) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Nodes[1].Addr})
	defer rdb.Close()
	info, err := rdb.Info(ctx, "replication").Result()
	if err == nil && !strings.Contains(info, "master_link_status:up") {
		err = errors.New("testredis: the replica doesn't follow")
	}
	return err
}

// watching reports whether each Sentinel knows the two others and the replica.
func (s *Sentinel) watching(ctx context.Context) error {
	for _, w := range s.Sentinels {
		c := redis.NewSentinelClient(&redis.Options{Addr: w.Addr})
		state, err := c.Master(ctx, masterName).Result()
		_ = c.Close() // it was only asked
		if err != nil {
			return fmt.Errorf("testredis: %w", err)
		}
		if state["num-other-sentinels"] != "2" || state["num-slaves"] != "1" {
			return errors.New("testredis: the Sentinels don't know each other")
		}
	}
	return nil
}

// Master returns which node the Sentinels name now.
func (s *Sentinel) Master(ctx context.Context) (*Server, error) {
	c := redis.NewSentinelClient(&redis.Options{Addr: s.Sentinels[0].Addr})
	defer c.Close()
	addr, err := c.GetMasterAddrByName(ctx, masterName).Result()
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	for _, n := range s.Nodes {
		if n.Addr == net.JoinHostPort(addr[0], addr[1]) {
			return n, nil
		}
	}
	return nil, fmt.Errorf("testredis: the Sentinels name %v", addr)
}

// URL returns the address as Weft's configuration takes it.
func (s *Sentinel) URL() string {
	var addrs []string
	for _, w := range s.Sentinels {
		addrs = append(addrs, w.Addr)
	}
	return "redis-sentinel://" + strings.Join(addrs, ",") + "/" + masterName
}

// Kill ends them all by SIGKILL.
func (s *Sentinel) Kill() error {
	var errs []error
	for _, m := range append(s.Sentinels, s.Nodes...) {
		errs = append(errs, m.Kill())
	}
	return errors.Join(errs...)
}
