package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// saysWhere is how the programs tell where the API is.
var saysWhere = regexp.MustCompile(`^api: (http://[^,]+),`)

// program is a command under way: a process of its own, so that its memory is its own.
type program struct {
	cmd *exec.Cmd
	url string // of its API
}

// environ is what the programs find in their environment. One key may ask as often
// as it likes here, as an operator sets it who trusts whoever has keys.
func (s setting) environ(st *set) []string {
	return append(append(os.Environ(), st.env...), "WEFT_API_RATE=1000000", "WEFT_LOG_LEVEL=warn")
}

// start starts a command, and waits until it says where it serves if it does.
func (s setting) start(ctx context.Context, st *set, serves bool, name string, args ...string) (*program, error) {
	p := &program{cmd: exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)} //nolint:gosec // the folder is the caller's
	p.cmd.Env = s.environ(st)
	said, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	where := make(chan string, 1)
	go func() {
		defer close(where)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := saysWhere.FindStringSubmatch(lines.Text()); found != nil {
				where <- found[1]
				continue
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", name, lines.Text())
		}
	}()
	if !serves {
		return p, nil
	}
	if p.url = <-where; p.url == "" {
		return nil, fmt.Errorf("%s ended before it served: %w", name, p.cmd.Wait())
	}
	return p, nil
}

// stop ends it by SIGTERM, as an operator does.
func (p *program) stop() error {
	return errors.Join(p.cmd.Process.Signal(syscall.SIGTERM), p.cmd.Wait())
}

// adminKey makes a key on the command line.
func (s setting) adminKey(ctx context.Context, st *set) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "api"), "key", "create", "bench", "--role", "admin", "--json") //nolint:gosec // the folder is the caller's
	cmd.Env, cmd.Stderr = s.environ(st), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("api key create: %w", err)
	}
	var made struct {
		Key string `json:"key"`
	}
	err = json.Unmarshal(out, &made)
	return made.Key, err
}

// client asks the API with a key.
type client struct {
	http *http.Client
	url  string
	key  string
}

func newClient(url, key string) client {
	return client{http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1_000}}, url: url, key: key}
}

// do makes a request and reads its answer. Any status but want is an error.
func (c client) do(ctx context.Context, method, path string, body any, want int) ([]byte, error) {
	var send io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, send)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %s %.300s", method, path, resp.Status, answer)
	}
	return answer, err
}

func (c client) get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, nil, http.StatusOK)
}

// memory samples what a process holds (resident set, in MB) once a second.
type memory struct {
	pid        int
	stop, done chan struct{}
	once       sync.Once
	samples    []float64
	err        error
}

func watch(p *program) *memory {
	m := &memory{pid: p.cmd.Process.Pid, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			mb, err := resident(m.pid)
			if err != nil {
				m.err = err
				return
			}
			m.samples = append(m.samples, mb)
			select {
			case <-m.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return m
}

// report prints the most of the first, the middle and the last third: what grows
// shows, and what is collected now or later doesn't.
func (m *memory) report(name string) error {
	m.once.Do(func() { close(m.stop) })
	<-m.done
	if m.err != nil || len(m.samples) < 4 {
		return m.err
	}
	third := len(m.samples) / 3
	fmt.Printf("%s_rss_mb_before: %.0f\n", name, m.samples[0])
	fmt.Printf("%s_rss_mb_start: %.0f\n", name, slices.Max(m.samples[1:1+third]))
	fmt.Printf("%s_rss_mb_middle: %.0f\n", name, slices.Max(m.samples[1+third:1+2*third]))
	fmt.Printf("%s_rss_mb_end: %.0f\n", name, slices.Max(m.samples[1+2*third:]))
	return nil
}

// resident reads what a process holds in memory: Linux tells.
func resident(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")), 64)
	return kb / 1024, err
}
