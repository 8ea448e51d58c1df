package servers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startTimeout covers a download as well, which is why it is so long.
const startTimeout = 10 * time.Minute

// Set is a set of servers of a test's own, which it may kill.
type Set struct {
	t      testing.TB
	script string
	dir    string
	values map[string]string
}

// Own starts servers for this test alone, by the names of their variables, and
// stops them when it ends, or dies. Where URL would skip it skips too, so that
// nothing is downloaded behind anybody's back. An Elasticsearch takes some seconds
// and up to 1 GB, the others one second and little.
func Own(t testing.TB, names ...string) *Set {
	t.Helper()
	for _, name := range names {
		URL(t, name)
	}
	script, err := findScript()
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{t: t, script: script, dir: filepath.Join(t.TempDir(), "services")}
	values, err := s.hold(names)
	if err != nil {
		t.Fatal(err)
	}
	s.values = values
	for _, name := range names {
		s.URL(name)
	}
	return s
}

// URL returns the address that the variable name holds for these servers.
func (s *Set) URL(name string) string {
	s.t.Helper()
	return find(s.t, name, func(name string) string { return s.values[name] })
}

// Kill ends a server by SIGKILL. The name is a variable, or a process as
// scripts/services calls it, such as sentinel-master.
func (s *Set) Kill(name string) {
	s.t.Helper()
	s.do("kill", name)
}

// Start starts a killed server again, on its port and with its data.
func (s *Set) Start(name string) {
	s.t.Helper()
	s.do("restart", name)
}

func (s *Set) do(command, name string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
	defer cancel()
	if said, err := exec.CommandContext(ctx, s.script, command, "--dir", s.dir, name).CombinedOutput(); err != nil {
		s.t.Fatalf("servers: %s %s: %v\n%s", command, name, err, said)
	}
}

// hold starts the servers and returns their variables. They stay as long as a
// pipe is open, which the end of this process closes too, however it ends.
func (s *Set) hold(names []string) (map[string]string, error) {
	// The test's context is cancelled before its cleanups run, and would kill the one who stops the servers.
	holder := exec.Command(s.script, "run", "--dir", s.dir, "--only", strings.Join(names, ","), "--",
		"sh", "-c", "env | grep ^WEFT_TEST_; echo; exec cat")
	var said bytes.Buffer
	holder.Stderr = &said
	stdin, err := holder.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	if err := holder.Start(); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	s.t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), holder.Wait()); err != nil {
			s.t.Errorf("servers: stop: %v\n%s", err, said.String())
		}
	})
	values, err := readVariables(stdout)
	if err != nil {
		return nil, fmt.Errorf("servers: start %s: %w\n%s", strings.Join(names, ","), err, said.String())
	}
	return values, nil
}

// readVariables reads NAME=VALUE lines up to an empty one.
func readVariables(r io.Reader) (map[string]string, error) {
	values := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == "" {
			return values, nil
		}
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			values[name] = value
		}
	}
	return nil, errors.Join(io.ErrUnexpectedEOF, lines.Err())
}

// findScript returns the path of scripts/services, from the module's root upwards of here.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("servers: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "scripts", "services"), nil
		} else if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("servers: no go.mod above %s: %w", dir, err)
		}
		dir = filepath.Dir(dir)
	}
}
