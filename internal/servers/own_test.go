package servers_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/internal/servers"
)

// TestOwn kills servers that hold data, starts them again, and looks for the data
// under the old address; afterwards nothing is left that listens.
func TestOwn(t *testing.T) {
	var addresses []string
	ran := t.Run("servers", func(t *testing.T) {
		own := servers.Own(t, servers.Redis, servers.Mongo, servers.GCS)
		for _, c := range []struct {
			name  string
			write func(t *testing.T, url string)
			read  func(ctx context.Context, url string) string
		}{
			{servers.Redis, setRedis, getRedis},
			{servers.Mongo, setMongo, getMongo},
			{servers.GCS, setGCS, getGCS},
		} {
			at := own.URL(c.name)
			if at == os.Getenv(c.name) {
				t.Errorf("%s: %s is the shared server's address", c.name, at)
			}
			addresses = append(addresses, address(t, at))
			c.write(t, at)
			if got := c.read(t.Context(), at); got != "kept" {
				t.Fatalf("%s: read %q, want what was written", c.name, got)
			}
			own.Kill(c.name)
			if answers(address(t, at)) {
				t.Errorf("%s answers on %s after it was killed", c.name, at)
			}
			own.Start(c.name)
			if got := c.read(t.Context(), at); got != "kept" {
				t.Errorf("%s: read %q after a crash, want what was written before", c.name, got)
			}
		}
	})
	if !ran {
		return
	}
	for _, a := range addresses {
		if answers(a) {
			t.Errorf("a server still answers on %s after its test", a)
		}
	}
}

// TestRunInterrupted interrupts a command in the middle: its servers end too.
func TestRunInterrupted(t *testing.T) {
	servers.URL(t, servers.Redis)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), "../../scripts/services", "run", "--dir", t.TempDir(), "--only", "redis", "--",
			"sh", "-c", "echo $WEFT_TEST_REDIS_URL; exec sleep 600")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 100)
		n, err := stdout.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		at := address(t, strings.TrimSpace(string(line[:n])))
		if !answers(at) {
			t.Errorf("no server on %s while the command runs", at)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%v: the command was interrupted, and run says it was not", sig)
		}
		if answers(at) {
			t.Errorf("%v: the server on %s is left", sig, at)
		}
	}
}

// TestStrangerIsSpared puts another process into a pid file, as happens after a reboot.
func TestStrangerIsSpared(t *testing.T) {
	servers.URL(t, servers.Redis)
	dir := t.TempDir()
	services(t, dir, "start", "--only", "redis")
	services(t, dir, "stop")
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "redis", "pid"), []byte(strconv.Itoa(stranger.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	services(t, dir, "stop")
	if err := stranger.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = stranger.Wait() // it was killed: that is its exit status
	if status, ok := stranger.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("the stranger ended by %v, want our own SIGINT: stop ended a process that is not its own", stranger.ProcessState)
	}
}

// becoming asks for the command lines of processes that just become other ones.
const becoming = `
import subprocess
from testservers.process import _command_line
for _ in range(300):
    child = subprocess.Popen(["sh", "-c", "exec sleep 600"])
    lines = [_command_line(child.pid) for _ in range(6)]
    child.kill()
    child.wait()
    assert all(lines) and not _command_line(child.pid), lines
`

// TestStartingIsNotEnded: a server that just starts has no command line for a
// moment, and is not taken for one that ended.
func TestStartingIsNotEnded(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", becoming)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../../scripts", "PYTHONDONTWRITEBYTECODE=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestMissing asks for a server where what it needs can't be had.
func TestMissing(t *testing.T) {
	servers.URL(t, servers.Redis)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	// Everything but redis-server, and an apt-get that finds nothing.
	for name, target := range map[string]string{"python3": python, "sh": "/bin/sh", "mv": "/bin/mv", "apt-get": "/bin/false"} {
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "../../scripts/services", "start", "--env", "--dir", dir, "--only", "redis")
	cmd.Env = append(os.Environ(), "PATH="+bin)
	out, err := cmd.Output()
	if err == nil {
		t.Error("start says that nothing is missing")
	}
	if want := "export WEFT_TEST_REDIS_URL_MISSING='"; !strings.HasPrefix(string(out), want) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("start printed %q, want one line %s…", out, want)
	}
}

func services(t *testing.T, dir, command string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/services", append([]string{command, "--dir", dir}, args...)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, said)
	}
}

func address(t *testing.T, from string) string {
	t.Helper()
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func setRedis(t *testing.T, at string) {
	t.Helper()
	opts, err := redis.ParseURL(at)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	if err := rdb.Set(t.Context(), "k", "kept", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func getRedis(ctx context.Context, at string) string {
	opts, err := redis.ParseURL(at)
	if err != nil {
		return err.Error()
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	return text(rdb.Get(ctx, "k").Result())
}

func setMongo(t *testing.T, at string) {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(at))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(t.Context()) //nolint:errcheck // nothing hangs on it
	if _, err := client.Database("own").Collection("c").InsertOne(t.Context(), bson.M{"_id": "k", "v": "kept"}); err != nil {
		t.Fatal(err)
	}
}

func getMongo(ctx context.Context, at string) string {
	client, err := mongo.Connect(options.Client().ApplyURI(at))
	if err != nil {
		return err.Error()
	}
	defer client.Disconnect(ctx) //nolint:errcheck // nothing hangs on it
	var found struct{ V string }
	err = client.Database("own").Collection("c").FindOne(ctx, bson.M{"_id": "k"}).Decode(&found)
	return text(found.V, err)
}

func setGCS(t *testing.T, at string) {
	t.Helper()
	post(t, at+"/storage/v1/b", "application/json", `{"name":"own"}`)
	post(t, at+"/upload/storage/v1/b/own/o?uploadType=media&name=k", "text/plain", "kept")
}

func post(t *testing.T, to, kind, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", to, resp.Status)
	}
}

func getGCS(ctx context.Context, at string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/storage/v1/b/own/o/k?alt=media", http.NoBody)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return text(string(body), err)
}

func text(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}
