package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/config"
	"weft/internal/servers"
	"weft/models"
)

// bucket is an installation whose history lies in a bucket, and maybe in a table.
type bucket struct {
	t    *testing.T
	data string
	sets []string
}

func newBucket(t *testing.T, sets ...string) *bucket {
	t.Helper()
	at := servers.URL(t, servers.GCS)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(at, "http://"))
	dir := t.TempDir()
	profiles := filepath.Join(dir, "profiles")
	if err := os.MkdirAll(profiles, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profiles, "p.yaml"), []byte("name: plain\nanalyze-light: { models: [ color ] }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &bucket{t: t, data: filepath.Join(dir, "data"), sets: append(sets, "profiles="+profiles, "archive.min_age=0s", "history.url=gs://"+servers.Bucket(t)+"/history")}
}

// build makes verified parts of posts of three days, two sources each.
func (b *bucket) build() {
	b.t.Helper()
	overrides := []config.Override{{Key: "data", Value: b.data}}
	for _, set := range b.sets {
		key, value, _ := strings.Cut(set, "=")
		overrides = append(overrides, config.Override{Key: key, Value: value})
	}
	cfg, err := config.Load("", nil, overrides...)
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := app.New(b.t.Context(), cfg, app.Options{Service: "test", NoQueue: true, Repairs: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer a.Close()
	var rows []models.Row
	for i := range 12 {
		source := []string{"weibo", "mastodon"}[i%2]
		created := time.Date(2026, 3, 1+i%3, 10, i, 0, 0, time.UTC)
		post := models.Post{ID: fmt.Sprintf("%s.%d", source, i), SchemaVersion: models.SchemaVersion, Rev: 1, Source: source, NativeID: fmt.Sprint(i), CreatedAt: created, CollectedAt: created}
		body, err := json.Marshal(models.Frozen{Post: post, Run: models.Run{Post: post.ID, Profile: "plain", State: models.Done}})
		if err != nil {
			b.t.Fatal(err)
		}
		rows = append(rows, models.Row{Post: post.ID, Profile: "plain", Rev: 1, Source: source, CreatedAt: created, ArchivedAt: created, Body: body})
	}
	if err := a.Documents.Stage(b.t.Context(), rows); err != nil {
		b.t.Fatal(err)
	}
	if done, err := a.Builder().Run(b.t.Context()); err != nil || done.Verified != 6 || done.Rows != 12 {
		b.t.Fatalf("Run = %+v, %v; want six parts", done, err)
	}
}

// weft runs a command, and returns its exit code and what it said.
func (b *bucket) weft(args ...string) (code int, stdout, stderr string) {
	b.t.Helper()
	var out, errs bytes.Buffer
	env := &cli.Env{Stdout: &out, Stderr: &errs}
	cmd := command(env)
	env.Flags(cmd)
	args = append(args, "--data", b.data, "--json")
	for _, set := range b.sets {
		args = append(args, "--set", set)
	}
	return env.Run(cmd, args), out.String(), errs.String()
}

func (b *bucket) says(code int, want string, args ...string) {
	b.t.Helper()
	if got, out, errs := b.weft(args...); got != code || !strings.Contains(out+errs, want) {
		b.t.Errorf("weft %s ended with %d, want %d and %q:\n%s%s", strings.Join(args, " "), got, code, want, out, errs)
	}
}

// rows asks, and returns the answer.
func (b *bucket) rows(args ...string) (rows []map[string]any, stderr string) {
	b.t.Helper()
	code, out, errs := b.weft(append([]string{"query"}, args...)...)
	if code != cli.ExitOK {
		b.t.Fatalf("weft query ended with %d: %s", code, errs)
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		b.t.Fatal(err)
	}
	return rows, errs
}

// TestQueryCopies: without a warehouse the days asked for are copied, once, and no others.
func TestQueryCopies(t *testing.T) {
	b := newBucket(t)
	b.build()
	b.says(cli.ExitUsage, "--from", "query", "SELECT 1")
	b.says(cli.ExitUsage, "write a day as", "query", "--from", "march", "SELECT 1")
	b.says(cli.ExitUsage, "is after", "query", "--from", "2026-03-02", "--to", "2026-03-01", "SELECT 1")

	const count = "SELECT count(*)::INTEGER AS n, min(dt)::VARCHAR AS first, max(dt)::VARCHAR AS last FROM posts"
	got, said := b.rows("--from", "2026-03-02", "--to", "2026-03-02", count)
	if diff := cmp.Diff([]map[string]any{{"n": 4.0, "first": "2026-03-02", "last": "2026-03-02"}}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(said, "copied 2 files") {
		t.Errorf("it said %q, want that it copied two files", said)
	}
	got, said = b.rows("--from", "2026-03-02", count)
	if diff := cmp.Diff([]map[string]any{{"n": 8.0, "first": "2026-03-02", "last": "2026-03-03"}}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(said, "copied 2 files") {
		t.Errorf("it said %q, want that it copied the two files that it hadn't", said)
	}
	if _, said = b.rows("--from", "2026-03-02", count); strings.Contains(said, "copied") {
		t.Errorf("it said %q, want nothing copied again", said)
	}
}

// TestWarehouse: a history that is older than its warehouse is loaded by command,
// and a dropped dataset is filled again.
func TestWarehouse(t *testing.T) {
	endpoint := servers.URL(t, servers.BigQuery)
	b := newBucket(t)
	b.build()
	b.says(cli.ExitUsage, "history.warehouse is not set", "warehouse", "check")
	dataset := servers.Dataset(t, endpoint)
	b.sets = append(b.sets, "history.warehouse="+dataset)
	b.says(cli.ExitBadInput, "", "warehouse", "load", "--dry-run", "--from", "2026-03-03", "--to", "2026-03-03")
	b.loads(2, "--from", "2026-03-02", "--to", "2026-03-02")
	b.differ(4)
	b.loads(4)
	b.differ(0)

	u, err := url.Parse(dataset)
	if err != nil {
		t.Fatal(err)
	}
	drop, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, endpoint+"projects/"+u.Host+"/datasets"+u.Path+"?deleteContents=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(drop)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	b.says(cli.ExitBadInput, "`weft warehouse load` makes the table", "warehouse", "check")
	b.loads(6)
	b.differ(0)
	b.says(cli.ExitUsage, "bound the query itself", "query", "--from", "2026-03-01", "SELECT 1")
	rows, _ := b.rows("SELECT source, COUNT(*) AS n FROM posts WHERE dt >= DATE '2026-03-01' GROUP BY source ORDER BY source")
	if diff := cmp.Diff([]map[string]any{{"source": "mastodon", "n": 6.0}, {"source": "weibo", "n": 6.0}}, rows); diff != "" {
		t.Error(diff)
	}
}

func (b *bucket) loads(want int, args ...string) {
	b.t.Helper()
	code, out, errs := b.weft(slices.Concat([]string{"warehouse", "load"}, args)...)
	var rep app.WarehouseReport
	if err := json.Unmarshal([]byte(out), &rep); err != nil || code != cli.ExitOK || rep.Loaded != want || len(rep.Differ) != want {
		b.t.Errorf("weft warehouse load %v ended with %d, %v: %s%s; want %d loaded", args, code, err, out, errs, want)
	}
}

func (b *bucket) differ(want int) {
	b.t.Helper()
	code, out, errs := b.weft("warehouse", "check")
	var rep app.WarehouseReport
	if err := json.Unmarshal([]byte(out), &rep); err != nil || len(rep.Differ) != want || rep.Compared != 6 || (code == cli.ExitOK) != (want == 0) {
		b.t.Errorf("weft warehouse check ended with %d, %v: %s%s; want %d of 6 that differ", code, err, out, errs, want)
	}
}
