package config_test

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/config"
	"weft/models"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ = os.Getwd()
	want := config.Default()
	want.Data = filepath.Join(dir, "weft-data")
	want.Documents.URL = "sqlite:" + dir + "/weft-data/documents.db"
	want.Search.URL = "sqlite:" + dir + "/weft-data/search.db"
	want.History.URL = "duckdb:" + dir + "/weft-data/history"
	want.Blobs.URL = "file://" + dir + "/weft-data/blobs"
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

func TestLoadOrder(t *testing.T) {
	path := file(t, `
environment: file
data: /srv/weft
redis: {url: "redis://localhost:6379/1"}
profiles: [a.yaml, more]
queues:
  fetch: 8
  analyze-heavy: 0
queue:
  max_depth: 5_000
steps:
  timeouts:
    index: 45s
archive:
limits:
  image_bytes: 1MiB
`)
	c, err := config.Load(path, []string{
		"PATH=/bin", "WEFT_ENVIRONMENT=env", "WEFT_QUEUES_FETCH=9", "WEFT_LOG_LEVEL=debug", "WEFT_SERVICE_PORT_HTTP=80",
		"WEFT_API_PORT_80_TCP_ADDR=10.0.0.1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4318",
	}, config.Override{Key: "queues.fetch", Value: "10"})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.Environment, c.Queues[models.Fetch], c.Queues[models.AnalyzeHeavy], c.Queues[models.Index], c.Queue.MaxDepth, c.Steps.Timeouts[models.Index],
		c.Log.Level, c.Documents.URL, c.Redis.URL, c.Limits.ImageBytes, c.Tracing.Endpoint, strings.Join(c.Profiles, " "),
	}
	want := []any{
		"env", 10, 0, 16, 5000, 45 * time.Second,
		slog.LevelDebug, "sqlite:/srv/weft/documents.db", "redis://localhost:6379/1", int64(1 << 20), "http://otel:4318", "a.yaml more",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadFindsTheFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("weft.yaml", []byte("environment: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := file(t, "environment: other\n")
	for _, c := range []struct {
		path    string
		environ []string
		want    string
	}{
		{"", nil, "here"},
		{"", []string{"WEFT_CONFIG=" + other}, "other"},
		{other, nil, "other"},
	} {
		got, err := config.Load(c.path, c.environ)
		if err != nil || got.Environment != c.want {
			t.Errorf("Load(%q, %v) gives %q, %v; want %q", c.path, c.environ, got.Environment, err, c.want)
		}
	}
	if _, err := config.Load("nowhere.yaml", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a named file that is not there gives %v", err)
	}
}

func TestLoadReportsEverything(t *testing.T) {
	path := file(t, `enviroment: x
environment: Not-Good
redis:
  ur: redis://x
  url: "http://user:hunter2@host"
queues:
  fetch: many
  heavy: 2
steps:
  timeouts: 30s
  attempts: [1]
drain: 20s
profiles: {a: b}
log: {level: loud, format: xml}
limits: {decode_pixels: 10}
monitor:
  listen: '8081'
`)
	_, err := config.Load(path, []string{"WEFT_QUEUE_MAX_DEPHT=3", "WEFT_ARCHIVE_MIN_AGE=soon", "WEFT_STEPS_TIMEOUTS_FETCH=1500ms"},
		config.Override{Key: "metrics.listen", Value: "9090"})
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load gives %v, want Problems", err)
	}
	got := strings.ReplaceAll(err.Error(), path, "F")
	want := []string{
		`F:1:1: unknown key "enviroment"; did you mean "environment"?`,
		`F:2:14: environment: "Not-Good" is not up to 16 of a-z and 0-9`,
		`F:4:3: unknown key "redis.ur"; did you mean "redis.url"?`,
		`F:5:8: redis.url: "http://user:redacted@host" is not of a known kind; allowed: embedded, redis:, rediss:, redis-sentinel:, redis-cluster:`,
		`F:7:10: queues.fetch: "many" is not a whole number from 0 to 10000`,
		`F:8:3: unknown key "queues.heavy"; there are: fetch, analyze-light, analyze-heavy, label, index, archive`,
		`F:10:13: steps.timeouts: a mapping (key: value) is wanted here`,
		`F:11:13: steps.attempts: one value is wanted here`,
		`F:12:8: drain: 20s is not longer than the longest time-out (steps.timeouts.analyze-heavy: 2m), so a running step could be cut off`,
		`profiles: a list is wanted here`,
		`F:14:14: log.level: "loud" is not a level; allowed: debug, info, warn, error`,
		`F:14:28: log.format: "xml" is not a format; allowed: text, json`,
		`F:15:25: limits.decode_pixels: 10 is less than limits.image_pixels`,
		`F:17:11: monitor.listen: "8081" is not an address of the form host:port`,
		`WEFT_QUEUE_MAX_DEPHT: unknown variable; did you mean "WEFT_QUEUE_MAX_DEPTH"?`,
		`WEFT_ARCHIVE_MIN_AGE: archive.min_age: "soon" is not a duration, such as 500ms, 30s or 72h`,
		`WEFT_STEPS_TIMEOUTS_FETCH: steps.timeouts.fetch: 1.5s is not a number of whole seconds`,
		`--metrics.listen: metrics.listen: "9090" is not an address of the form host:port`,
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("missing: %s", w)
		}
	}
	if len(problems) != len(want) || t.Failed() {
		t.Errorf("%d problems, want %d:\n%s", len(problems), len(want), got)
	}
	if strings.Contains(got, "hunter2") {
		t.Error("the error shows a password")
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"syntax":         {"redis:\n  url: [a\n", ":2:"},
		"twice":          {"drain: 200s\ndrain: 300s\n", ":2:1: "},
		"two documents":  {"drain: 200s\n---\ndrain: 300s\n", ":3:"},
		"no mapping":     {"- a\n", ":1:1: a mapping"},
		"anchor":         {"redis: &r {url: embedded}\n", "a mapping (key: value) is wanted here"},
		"no place":       {"documents: {url: 'sqlite:'}\n", "names no place"},
		"redis public":   {"redis: {listen: '0.0.0.0:6379'}\n", "not a loopback address"},
		"port too great": {"metrics: {listen: ':70000'}\n", "host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(file(t, c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Load gives %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestLoadLeavesTestServersAlone: whoever has the addresses of test servers in
// the environment can run the commands all the same.
func TestLoadLeavesTestServersAlone(t *testing.T) {
	if _, err := config.Load(file(t, ""), []string{"WEFT_TEST_MONGO_URL=mongodb://127.0.0.1:1", "WEFT_SHARED=shared"}); err != nil {
		t.Error(err)
	}
	if _, err := config.Load(file(t, ""), []string{"WEFT_TESTS=1"}); err == nil {
		t.Error("an unknown variable is taken")
	}
}

// TestPrintLoads prints a configuration, loads what was printed, and gets the same again.
func TestPrintLoads(t *testing.T) {
	c, err := config.Load(file(t, "environment: '007'\nprofiles: [a, b]\nredis: {url: 'redis://:6379/1'}\nqueues: {fetch: 3}\ndrain: 1h\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(file(t, c.String()), nil)
	if err != nil {
		t.Fatalf("the printed configuration is refused: %v\n%s", err, c)
	}
	if d := cmp.Diff(c, again); d != "" {
		t.Error(d)
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	c := config.Default()
	c.Redis.URL = "rediss://me:hunter2@redis:6379/0"
	c.Documents.URL = "mongodb://me:hunter2/@x@a:1,b:2/weft?authSource=admin"
	c.Blobs.URL = "s3://bucket?region=eu&secretKey=hunter2&x=1"
	c.Sources.Instagram.Token, c.Sources.Reddit.ClientSecret, c.Sources.Weibo.MobileCookie = "hunter2", "hunter2", "SUB=hunter2"
	c.Push.Tokens = []string{"reseller:hunter2"}
	c.Queries = []config.Query{{Name: "blog", Source: "feed", Params: map[string]string{"url": "https://me:hunter2@blog.example/feed?auth=hunter2&X-Sig=hunter2&passwd=hunter2&session=hunter2"}}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", c)
	for _, out := range []string{c.String(), log.String()} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("a secret is shown:\n%s", out)
		}
	}
	for _, w := range []string{"rediss://me:redacted@redis:6379/0", "@a:1,b:2/weft?authSource=admin", "region=eu&secretKey=redacted&x=1"} {
		if !strings.Contains(c.String(), w) {
			t.Errorf("%q is missing:\n%s", w, c)
		}
	}
}

func TestServersAndPushTokensAreChecked(t *testing.T) {
	hash := strings.Repeat("0", 64)
	for key, value := range map[string]string{
		"sources.mastodon.url": "mastodon.example", "sources.bluesky.url": "ftp://bsky.social", "push.listen": "127.0.0.1:99999",
		"push.tokens": "a:" + hash + ",a:" + strings.Repeat("1", 64),
	} {
		if _, err := config.Load("", nil, config.Override{Key: key, Value: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %s is taken: %v", key, value, err)
		}
	}
	if _, err := config.Load("", nil, config.Override{Key: "push.tokens", Value: "a:" + hash + ":No Good"}); err == nil {
		t.Error("a source that is no name is taken")
	}
	for key, value := range map[string]string{"sources.weibo.url": "http://127.0.0.1:8080/2", "push.tokens": "a:" + hash + ":acme+partner,b:" + hash} {
		if _, err := config.Load("", nil, config.Override{Key: key, Value: value}); err != nil {
			t.Error(err)
		}
	}
}

func TestVariablesAreDistinct(t *testing.T) {
	var docs strings.Builder
	if err := config.WriteDocs(&docs); err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`WEFT_[A-Z_]+` \\|").FindAllString(docs.String(), -1)
	if len(names) != len(config.Keys()) {
		t.Fatalf("%d variables for %d keys", len(names), len(config.Keys()))
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("%d variables, %d of them distinct", len(names), n)
	}
}

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestDocsAreFresh(t *testing.T) {
	const path = "../../docs/configuration.md"
	var want strings.Builder
	if err := config.WriteDocs(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("docs/configuration.md is stale; make it anew with -update:\n%s", d)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("redis: {url: embedded}\nqueues:\n  fetch: 3\n")
	f.Add("queries:\n  - {name: a}\n")
	f.Add("? a\n: b\n&x *y !!t")
	path := filepath.Join(f.TempDir(), "weft.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, nil)
		if err == nil && c.Drain <= time.Minute {
			t.Errorf("drain %s is accepted", c.Drain)
		}
	})
}
