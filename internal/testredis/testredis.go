// Package testredis starts real redis-servers for tests and benchmarks: on
// loopback, on a free port, with data in a folder that is given, and without
// any configuration of the machine's.
package testredis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrMissing means that there is no redis-server on this machine.
var ErrMissing = errors.New("testredis: no redis-server on PATH; on Debian: apt-get install redis-server")

// Server is a running redis-server.
type Server struct {
	Addr string
	dir  string
	cmd  *exec.Cmd
}

// Start starts a server that keeps its data in dir, and returns when it answers.
func Start(ctx context.Context, dir string) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("testredis: free port: %w", err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("testredis: free port: %w", err)
	}
	s := &Server{Addr: addr, dir: dir}
	if err := s.Restart(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Restart starts the server again on the same port, with whatever it had saved.
func (s *Server) Restart(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ErrMissing
	}
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return fmt.Errorf("testredis: %w", err)
	}
	// The server outlives ctx on purpose: Stop and Kill end it.
	s.cmd = exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", //nolint:noctx // see above
		"--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--logfile", filepath.Join(s.dir, "redis.log"))
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("testredis: start: %w", err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer rdb.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err = rdb.Ping(ctx).Err(); err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("testredis: no answer on %s: %w", s.Addr, err), s.Kill())
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server by SIGKILL and waits for its end.
func (s *Server) Kill() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("testredis: kill: %w", err)
	}
	_ = s.cmd.Wait() // it was killed: that is its exit status
	return nil
}

// PID returns the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// URL returns the server's address as Weft's configuration takes it.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Port returns the server's port.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.Addr)
	n, _ := strconv.Atoi(port)
	return n
}

// CPU returns the CPU seconds that the server has used.
func (s *Server) CPU() (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		return 0, fmt.Errorf("testredis: %w", err)
	}
	// proc(5): utime and stime are fields 14 and 15, in ticks of 10 ms; the name before them ends with ')'.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks float64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, fmt.Errorf("testredis: cpu time: %w", err)
		}
		ticks += n
	}
	return ticks / 100, nil
}
