package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommands builds the commands as `make build` does, and uses them.
func TestCommands(t *testing.T) {
	bin := t.TempDir()
	build := command(t, "go", "build", "-o", bin+string(filepath.Separator), "weft/cmd/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Run("demo", func(t *testing.T) { testDemo(t, bin) })
	t.Run("up survives SIGKILL", func(t *testing.T) { testUp(t, bin) })
	t.Run("up collects", func(t *testing.T) { testUpCollects(t, bin) })
	t.Run("tutorial", func(t *testing.T) { testTutorial(t, bin) })
	t.Run("web app", func(t *testing.T) { testWeb(t, bin) })
	t.Run("export survives SIGKILL", func(t *testing.T) { testExport(t, bin) })
	t.Run("strangers at the production stores", func(t *testing.T) { testStrangers(t, bin) })
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: "testdata/script",
			Setup: func(e *testscript.Env) error {
				cache, err := os.UserCacheDir() // scripts have a home of their own, without ONNX Runtime
				e.Setenv("XDG_CACHE_HOME", cache)
				e.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
				return err
			},
		})
	})
}

// testDemo runs the main job as a script would.
func testDemo(t *testing.T, bin string) {
	dir := t.TempDir()
	cmd := command(t, filepath.Join(bin, "weft"), "demo", "--posts", "64", "--exit", "--json", "--data", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, stderr.String())
	}
	var got struct {
		Admitted, Done, Parked, Dropped, Failed, Broken int
		Seconds                                         float64
		PostsPerSecond                                  float64        `json:"posts_per_second"`
		ByStep                                          map[string]int `json:"by_step"`
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("stdout is no JSON: %v\n%s", err, out)
	}
	if rest, _ := io.ReadAll(dec.Buffered()); strings.TrimSpace(string(rest)) != "" {
		t.Errorf("more than one object on stdout: %q", rest)
	}
	if got.Admitted != 64 || got.Done+got.Parked+got.Dropped+got.Failed != got.Admitted {
		t.Errorf("the counts don't add up: %+v", got)
	}
	if got.Broken != 4 || got.Failed != got.Broken {
		t.Errorf("%d failed, %d are broken on purpose", got.Failed, got.Broken)
	}
	if got.ByStep["fetch"] != 64 || got.ByStep["analyze-light"] != 60 || got.Seconds <= 0 || got.PostsPerSecond <= 0 {
		t.Errorf("by step and speed: %+v", got)
	}
	for _, step := range []string{"analyze-heavy", "label", "index", "archive"} {
		if got.ByStep[step] == 0 {
			t.Errorf("no post went through %s", step)
		}
	}
	parts, err := filepath.Glob(filepath.Join(dir, "history", "dt=*", "source=demo", "part-*.parquet"))
	if err != nil || len(parts) == 0 {
		t.Errorf("no Parquet in %s: %v", dir, err)
	}
}

// testUp kills a running installation in the middle of its work and starts it
// again: it goes on where it was.
func testUp(t *testing.T, bin string) {
	dir := t.TempDir()
	r := &rig{t: t, ctx: t.Context(), dir: dir, posts: 300}
	r.writePosts()
	data := filepath.Join(dir, "data")
	first := startUp(t, bin, data)
	if first.password == "" {
		t.Error("the first start showed no password")
	}
	checkLogin(t, first)
	importing := command(t, filepath.Join(bin, "enqueuer"), "import", "--data", data, "--profile", "tendencies", r.importFile())
	if out, err := importing.CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	if err := first.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.cmd.Wait()
	if doneNow := status(t, bin, data)["done"]; doneNow == 300 {
		t.Log("all was done before the kill: the restart had nothing left to do")
	}
	second := startUp(t, bin, data)
	if second.password != "" {
		t.Error("the password was made anew")
	}
	deadline := time.Now().Add(2 * time.Minute)
	for status(t, bin, data)["done"] < 300 {
		if time.Now().After(deadline) {
			t.Fatalf("after the restart: %v", status(t, bin, data))
		}
		pause(t.Context(), 200*time.Millisecond)
	}
	if err := second.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); n != "data" && n != "posts.ndjson" && n != "images" {
			t.Errorf("%s lies outside of the data folder", n)
		}
	}
}

type running struct {
	cmd      *exec.Cmd
	url      string
	password string
}

func startUp(t *testing.T, bin, data string, more ...string) running {
	t.Helper()
	args := []string{"up", "--data", data, "--listen", "127.0.0.1:0", "--set", "reconcile.interval=1s", "--set", "queue.check_interval=20ms"}
	cmd := command(t, filepath.Join(bin, "weft"), append(args, more...)...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := running{cmd: cmd}
	lines := bufio.NewScanner(pipe)
	address, secret := regexp.MustCompile(`http://[^\s,]+`), regexp.MustCompile(`admin's key: (\S+)`)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if up.url == "" {
			up.url = address.FindString(lines.Text())
		}
		if m := secret.FindStringSubmatch(lines.Text()); m != nil {
			up.password = m[1]
		}
		if up.url != "" && (up.password != "" || strings.Contains(lines.Text(), "log in with")) {
			go func() { _, _ = io.Copy(io.Discard, pipe) }()
			return up
		}
	}
	t.Fatalf("weft up said nothing of its address: %q", said)
	return up
}

// checkLogin looks at the queues as a stranger, and as the operator.
func checkLogin(t *testing.T, up running) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	get := func(path string) int {
		resp, err := browser.Get(up.url + path) //nolint:noctx // bounded by the client
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if code := get("/asynqmon/api/queues"); code != http.StatusUnauthorized {
		t.Errorf("without a login asynqmon answers %d", code)
	}
	resp, err := browser.PostForm(up.url+"/login", url.Values{"key": {up.password}}) //nolint:noctx // bounded by the client
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, path := range []string{"/asynqmon/api/queues", "/v1/me", "/v1/queues", "/docs/", "/openapi.json", "/healthz", "/readyz", "/posts"} {
		if code := get(path); code != http.StatusOK {
			t.Errorf("after the login %s answers %d", path, code)
		}
	}
}

func status(t *testing.T, bin, data string) map[string]int {
	t.Helper()
	out, err := command(t, filepath.Join(bin, "enqueuer"), "status", "--json", "--data", data).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("status: %v\n%s", err, exit.Stderr)
	}
	var s struct {
		States map[string]int `json:"states"`
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("status: %v\n%s", err, out)
	}
	return s.States
}
