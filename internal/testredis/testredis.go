// Package testredis starts real redis-servers for tests and benchmarks: on
// loopback, on free ports, with data in a folder that is given, and without any
// configuration of the machine's. There are single servers, with TLS and ACL
// users or without, masters that Sentinels watch over, and clusters; each
// member can be killed and started again.
package testredis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrMissing means that there is no redis-server on this machine.
var ErrMissing = errors.New("testredis: no redis-server on PATH; on Debian: apt-get install redis-server")

// Server is a running redis-server, or a Sentinel.
type Server struct {
	Addr string
	dir  string
	args []string // beside what all have
	url  string
	ask  *redis.Options // how to reach it; nil: plainly
	cmd  *exec.Cmd
}

// Start starts a server that keeps its data in dir, and returns when it answers.
func Start(ctx context.Context, dir string) (*Server, error) {
	s, err := newServer(dir)
	if err != nil {
		return nil, err
	}
	if err := s.Restart(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// newServer returns a server that isn't started yet, with arguments beside the usual ones.
func newServer(dir string, args ...string) (*Server, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: addr, dir: dir, url: "redis://" + addr + "/0"}
	s.args = append([]string{
		"--port", strconv.Itoa(s.Port()), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
	}, args...)
	return s, nil
}

// FreeAddr returns an address that nobody listens on. Its port is below those
// that Linux gives to whoever asks for any (32768 and up): such a one may be the
// near end of somebody's connection by the time that the server wants it, or
// wants it again after a restart.
func FreeAddr() (string, error) {
	const lowest, highest, tries = 15000, 32000, 50
	var err error
	for range tries {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(highest-lowest))) //nolint:gosec // not a secret
		var listener net.Listener
		if listener, err = net.Listen("tcp", addr); err == nil {
			err = listener.Close()
		}
		if err == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("testredis: free port: %w", err)
}

// Restart starts the server again on the same port, with whatever it had saved.
func (s *Server) Restart(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ErrMissing
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("testredis: %w", err)
	}
	args := append([]string{}, s.args...)
	args = append(args, "--bind", "127.0.0.1", "--dir", s.dir, "--logfile", filepath.Join(s.dir, "redis.log"))
	// The server outlives ctx on purpose: Stop and Kill end it.
	s.cmd = exec.Command(path, args...) //nolint:noctx // see above
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("testredis: start: %w", err)
	}
	opt := redis.Options{Addr: s.Addr}
	if s.ask != nil {
		opt = *s.ask
	}
	rdb := redis.NewClient(&opt)
	defer rdb.Close()
	err = wait(ctx, func() error { return rdb.Ping(ctx).Err() })
	if err != nil {
		return errors.Join(fmt.Errorf("testredis: no answer on %s: %w", s.Addr, err), s.Kill())
	}
	return nil
}

// wait returns once fact holds, or its last error after ten seconds.
func wait(ctx context.Context, fact func() error) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := fact()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
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

// Freeze stops the server without ending it, as a machine does that hangs.
// Thaw lets it go on; Kill ends it all the same.
func (s *Server) Freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Forget removes what the server saved, so that it comes back empty. It must not be running.
func (s *Server) Forget() error { return os.RemoveAll(filepath.Join(s.dir, "appendonlydir")) }

// PID returns the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// URL returns the server's address as Weft's configuration takes it.
func (s *Server) URL() string { return s.url }

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
