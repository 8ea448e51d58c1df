package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/internal/sim/network"
)

// testUpCollects: `weft up` with a configuration collects by itself, tells how
// its query fares, and takes what is pushed by those who may.
func testUpCollects(t *testing.T, bin string) {
	w := network.NewWorld(network.Options{Seed: 5, Posts: 50, Tag: "ootd", Images: 6, Start: time.Now().Add(-time.Hour).UTC().Truncate(time.Second)})
	w.Finish()
	server := httptest.NewServer(w.Mastodon(network.MastodonOptions{}))
	t.Cleanup(server.Close)
	dir, address := t.TempDir(), freeAddress(t)
	sum := sha256.Sum256([]byte("open sesame"))
	config := filepath.Join(dir, "weft.yaml")
	text := fmt.Sprintf(`data: %s
sources:
  mastodon: { url: %q }
queries:
  - { name: ootd, source: mastodon, profiles: [tendencies], every: 1h, params: { instance: fashion.example, tag: ootd } }
images: { allow: [ 127.0.0.0/8 ] }
push: { listen: %q, tokens: [ "reseller:%s" ] }
`, filepath.Join(dir, "data"), server.URL, address, hex.EncodeToString(sum[:]))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	up := startUp(t, bin, filepath.Join(dir, "data"), "--config", config)
	r := &told{t: t, bin: bin, config: config}
	s := r.until("the query to be read and everything to end", func(s upStatus) bool {
		return len(s.Queries) > 0 && !s.Queries[0].Next.IsZero() && s.Admitted == 50 && s.States["queued"] == 0
	})
	q := s.Queries[0]
	if q.Name != "ootd" || q.Source != "mastodon" || q.Posts != 50 || q.PerHour <= 0 || q.Success.IsZero() || q.Lag == nil || q.Errors != 0 || s.States["failed"] != 0 {
		t.Errorf("status: %+v", s)
	}
	url := "http://" + address + "/push?source=reseller&profile=tendencies"
	good := `{"id":"p1","created_at":"2026-03-01T10:00:00Z","text":"a navy coat"}`
	if code, body := pushTo(t, url, "", good); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", code, body)
	}
	if code, body := pushTo(t, url, "close sesame", good); code != http.StatusUnauthorized {
		t.Errorf("with another token: %d %s", code, body)
	}
	local := `{"id":"p2","created_at":"2026-03-01T10:00:00Z","text":"a hat","images":["/etc/hostname"]}`
	code, body := pushTo(t, url, "open sesame", good+"\n"+local+"\n")
	var got struct {
		Posts    map[string]int `json:"posts"`
		Rejected []struct {
			Line   int    `json:"line"`
			Reason string `json:"reason"`
		} `json:"rejected"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Posts["admitted"] != 1 || len(got.Rejected) != 1 || got.Rejected[0].Line != 2 {
		t.Errorf("with the token: %d %s, want one admitted and the local path refused", code, body)
	}
	r.until("what was pushed to end", func(s upStatus) bool { return s.Admitted == 51 && s.States["queued"] == 0 })
	if err := up.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := up.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// upStatus is what is read of `enqueuer status --json`.
type upStatus struct {
	Admitted int            `json:"admitted"`
	States   map[string]int `json:"states"`
	Queries  []struct {
		Name    string    `json:"name"`
		Source  string    `json:"source"`
		Success time.Time `json:"last_success"`
		Lag     *float64  `json:"lag_seconds"`
		PerHour float64   `json:"posts_per_hour"`
		Posts   int       `json:"posts"`
		Errors  int       `json:"errors"`
		Next    time.Time `json:"next_run"`
	} `json:"queries"`
}

// told asks for the status.
type told struct {
	t           *testing.T
	bin, config string
}

func (r *told) until(what string, fact func(upStatus) bool) upStatus {
	r.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		var s upStatus
		out, err := command(r.t, filepath.Join(r.bin, "enqueuer"), "status", "--json", "--config", r.config).CombinedOutput()
		if err != nil {
			r.t.Fatalf("status: %v\n%s", err, out)
		}
		if err := json.Unmarshal(out, &s); err != nil {
			r.t.Fatalf("status: %v\n%s", err, out)
		}
		if fact(s) {
			return s
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited for %s; now: %s", what, out)
		}
		pause(r.t.Context(), 200*time.Millisecond)
	}
}

func pushTo(t *testing.T, url, token, body string) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, bytes.TrimSpace(data)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
