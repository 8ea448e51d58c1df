package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weft/internal/config"
	"weft/models"
)

// programs are Weft's commands on a rig's stores.
type programs struct {
	*rig

	bin string
	key string // an admin's
}

func newPrograms(t *testing.T, r *rig, bin string) *programs {
	t.Helper()
	key, _, err := r.app.CreateKey(r.ctx, "e2e", models.Admin, 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	return &programs{r, bin, key}
}

// settings are overrides as flags.
func settings(all []config.Override) []string {
	var out []string
	for _, o := range all {
		out = append(out, "--set", o.Key+"="+o.Value)
	}
	return out
}

// run starts a command, which is killed at the end of the test at the latest.
func (p *programs) run(name string, args ...string) (*exec.Cmd, io.Reader) {
	p.t.Helper()
	cmd := command(p.t, filepath.Join(p.bin, name), append(settings(p.overrides()), args...)...)
	said, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() }) // it may have been killed before
	return cmd, said
}

// worker starts a worker.
func (p *programs) worker(args ...string) *exec.Cmd {
	p.t.Helper()
	cmd, said := p.run("worker", args...)
	go func() { _, _ = io.Copy(&lockedWriter{&p.mu, p.output}, said) }()
	return cmd
}

var addressPattern = regexp.MustCompile(`http://[^\s,]+`)

// api starts the API, and returns where it listens.
func (p *programs) api() (*exec.Cmd, string) {
	p.t.Helper()
	cmd, said := p.run("api", "--listen", "127.0.0.1:0", "--set", "api.rate=1000000")
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if url := addressPattern.FindString(lines.Text()); url != "" {
			go func() { _, _ = io.Copy(&lockedWriter{&p.mu, p.output}, said) }()
			return cmd, url
		}
	}
	p.t.Fatalf("the API doesn't say where it listens: %v", lines.Err())
	return nil, ""
}

// kill is SIGKILL, and waits until the process is gone.
func (p *programs) kill(all ...*exec.Cmd) {
	p.t.Helper()
	for _, cmd := range all {
		if err := cmd.Process.Kill(); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, cmd := range all {
		_ = cmd.Wait() // it was killed
	}
}

// ask sends a request with the key and decodes the answer.
func (p *programs) ask(method, url, body string, want int, into any) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.ctx, method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		p.t.Fatalf("%s %s: %d %s, %v", method, url, resp.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		p.t.Fatalf("%s %s: %s: %v", method, url, text, err)
	}
}
