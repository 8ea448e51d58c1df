package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"weft/models"
)

// key is one line of the table: how a value is set, printed and explained.
type key struct {
	name    string
	meaning string
	shown   string // the default in words, where it depends on the machine or on other keys
	set     func(text string) error
	get     func() any // for printing: secrets are redacted
	list    listKind
	url     bool // an address
}

// listKind says what a key takes in the file beside a plain value.
type listKind int

const (
	plain      listKind = iota
	textList            // a list of texts
	objectList          // a list of mappings, JSON in the variable
)

// env returns the name of the variable that sets k.
func (k key) env() string {
	return prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.name))
}

// keys returns the table over the fields of c, in the order of printing.
func (c *Config) keys() []key {
	keys := c.storeKeys()
	keys = append(keys, c.queueKeys()...)
	keys = append(keys, c.stepKeys()...)
	keys = append(keys, c.analysisKeys()...)
	keys = append(keys, c.sourceKeys()...)
	return append(keys, c.serviceKeys()...)
}

func (c *Config) storeKeys() []key {
	return []key{
		text("environment", &c.Environment, "Prefix of the queue names, so that two set-ups can share a Redis server: up to 16 of a-z and 0-9."),
		text("data", &c.Data, "Folder of everything that is embedded. A relative one is taken from the working directory."),
		url("redis.url", &c.Redis.URL, "", "The queue's server: `embedded` (in this process), `redis://[user:password@]host:port/db`, `rediss://` (TLS), `redis-sentinel://host:port,host:port/master` or `redis-cluster://host:port,host:port`. Their parameters are in [redis.md](redis.md)."),
		text("redis.listen", &c.Redis.Listen, "Loopback address of the embedded Redis; port 0 takes any free one. It has no password: everybody on this machine can reach it."),
		url("documents.url", &c.Documents.URL, "sqlite:<data>/documents.db", "Posts, runs, labels: `sqlite:<file>`, or MongoDB as `mongodb://[user:password@]host[,host]/database` (also `mongodb+srv://`), a replica set."),
		url("search.url", &c.Search.URL, "sqlite:<data>/search.db", "Search over recent posts: `sqlite:<file>`, or Elasticsearch 8 as `https://[user:password@]host:9200[/prefix]` (also `http://`); prefix begins the names of its indices, `weft` by default."),
		url("history.url", &c.History.URL, "duckdb:<data>/history", "The history's Parquet files: `duckdb:<folder>`, `gs://bucket[/prefix]` or `s3://bucket[/prefix]`."),
		url("history.warehouse", &c.History.Warehouse, "", "The table that the history is loaded into: `bigquery://project/dataset[?location=EU]`; empty is none. Its files must lie in `gs://`."),
		size("history.query_bytes", &c.History.QueryBytes, "A query of the warehouse that would be billed for more is refused."),
		boolean("history.storage_read", &c.History.StorageRead, "Fetch answers of the warehouse through the Storage Read API: faster for large ones, and needs its permission."),
		number("history.scan_rows", &c.History.ScanRows, "Most rows of the history that one answer of the API may look at: to count, to sort by likes, or for a trend. Exports have no limit."),
		url("blobs.url", &c.Blobs.URL, "file://<data>/blobs", "Images: `file://<folder>`, `gs://bucket[/prefix]` or `s3://bucket[/prefix]`."),
		texts("profiles", &c.Profiles, "Profile files, or folders of them, beside those that ship. In the variable: separated by commas."),
	}
}

func (c *Config) queueKeys() []key {
	var keys []key
	for _, s := range models.Steps() {
		k := count("queues."+string(s), func() int { return c.Queues[s] }, func(n int) { c.Queues[s] = n }, 0, 10_000,
			fmt.Sprintf("How many `%s` tasks a process works on at a time; 0 serves the queue not at all.", s))
		if s == models.AnalyzeLight {
			k.shown = "2 × CPU cores"
		}
		keys = append(keys, k)
	}
	return append(keys,
		span("queue.check_interval", &c.Queue.CheckInterval, time.Millisecond, "How often an idle server looks for tasks. Shorter is faster and costs idle CPU: 50ms adds 33 ms to a post of four steps, 5ms adds 9 ms at three times the idle CPU."),
		span("queue.delayed_check_interval", &c.Queue.DelayedCheckInterval, time.Millisecond, "How often waiting tasks are looked at for those whose time has come."),
		integer("queue.max_depth", &c.Queue.MaxDepth, 0, 1_000_000_000, "Nothing new is admitted while a queue is deeper than this, until it is below 80 % of it; 0 is no limit."),
		span("reconcile.horizon", &c.Reconcile.Horizon, time.Second, "A queued run whose task was not seen for this long is looked after."),
		span("reconcile.interval", &c.Reconcile.Interval, 100*time.Millisecond, "How often the reconciler looks for such runs."),
		span("reconcile.lease_grace", &c.Reconcile.LeaseGrace, 0, "A task's lease must be over for this long before its worker counts as dead."),
	)
}

func (c *Config) stepKeys() []key {
	keys := []key{
		integer("steps.attempts", &c.Steps.Attempts, 1, 100, "A run fails after this many failed tries of one step."),
		integer("steps.deaths", &c.Steps.Deaths, 1, 100, "A run fails as poison after this many workers died on it in one step; after the first it is tried alone."),
	}
	for _, s := range models.Steps() {
		keys = append(keys, spanAt("steps.timeouts."+string(s), func() time.Duration { return c.Steps.Timeouts[s] },
			func(d time.Duration) { c.Steps.Timeouts[s] = d }, time.Second, fmt.Sprintf("How long one try of `%s` may take, in whole seconds.", s)))
	}
	return append(keys,
		integer("archive.max_rows", &c.Archive.MaxRows, 1, 10_000_000, "Most rows in one part of the history."),
		span("archive.min_age", &c.Archive.MinAge, 0, "Rows wait at least this long, so that parts don't get small."),
		span("archive.interval", &c.Archive.Interval, 100*time.Millisecond, "How often the part builder looks for rows."),
		span("archive.merge_age", &c.Archive.MergeAge, 0, "Small parts of a day and source are merged once they are older than this; 0 is never."),
		size("archive.merge_bytes", &c.Archive.MergeBytes, "About how large merged parts get."),
		size("limits.image_bytes", &c.Limits.ImageBytes, "Largest image file that is taken, such as 32MiB."),
		number("limits.image_pixels", &c.Limits.ImagePixels, "Most pixels (width × height) an image may have."),
		number("limits.decode_pixels", &c.Limits.DecodePixels, "Most pixels that are decoded at one time in a process, over all images: it bounds memory, a pixel counting as 4 bytes and those of costly formats for several."),
		size("limits.decode_memory", &c.Limits.DecodeMemory, "Most memory that decoding one image may take, told from its header: 40 MP of PNG, 80 MP of JPEG (20 if progressive), 2.6 MP of AVIF or HEIC."),
	)
}

func (c *Config) analysisKeys() []key {
	library := text("analysis.onnxruntime", &c.Analysis.ONNXRuntime, "The shared library of ONNX Runtime, 1.24 or newer, which computes the learned models. It is loaded when the first of them is needed; `make deps` fetches one.")
	library.shown = "that of make deps, else the system's"
	return []key{
		texts("analysis.models", &c.Analysis.Models, "Files that declare models beside those that ship: see [models](models/README.md). In the variable: separated by commas."),
		library,
		text("analysis.embedding", &c.Analysis.Embedding, "The model whose embeddings search compares for \"more like this\"; empty is none. After a change `weft reindex` is needed."),
	}
}

func (c *Config) serviceKeys() []key {
	oidc := &c.API.OIDC
	return []key{
		text("metrics.listen", &c.Metrics.Listen, "Address for Prometheus (`/metrics`), such as 127.0.0.1:9090; empty is off."),
		url("tracing.endpoint", &c.Tracing.Endpoint, "$OTEL_EXPORTER_OTLP_ENDPOINT", "Where OpenTelemetry spans go (OTLP over HTTP), such as http://localhost:4318; empty is off."),
		level("log.level", &c.Log.Level, "Least level that is logged: debug, info, warn or error."),
		text("log.format", &c.Log.Format, "text or json."),
		text("monitor.listen", &c.Monitor.Listen, "Address of `asynqmon`, whose users log in with keys of the API."),
		text("api.listen", &c.API.Listen, "Address of the API, and of all that `weft up` serves. Whoever asks needs a key: `api key create` makes one."),
		number("api.rate", &c.API.Rate, "Requests a second that one key may send to the API, twice as many at once."),
		span("api.session", &c.API.Session, time.Minute, "How long a login of the web app or the monitor lasts."),
		url("api.oidc.issuer", &oidc.Issuer, "", "An identity provider (OpenID Connect) that people may log in through, as it calls itself, such as https://login.example.org/realms/weft; empty is none."),
		text("api.oidc.client_id", &oidc.ClientID, "What Weft is called there."),
		secret("api.oidc.client_secret", &oidc.ClientSecret, "Its secret; empty for a public client, which PKCE alone protects."),
		url("api.oidc.redirect_url", &oidc.RedirectURL, "", "Where the provider sends browsers back to: the API's outer address and `/v1/sessions/oidc/callback`, to the letter as the provider knows it."),
		texts("api.oidc.scopes", &oidc.Scopes, "What is asked for; many providers want `groups` too. In the variable: separated by commas."),
		text("api.oidc.claim", &oidc.Claim, "The claim that says what somebody may do, a text or a list of them; dots go into it, such as `realm_access.roles`. `email` counts only if the provider has verified the address."),
		texts("api.oidc.roles", &oidc.Roles, "What its values mean: a list of `value=role`, such as `weft-admins=admin`; of several the highest counts. In the variable: separated by commas."),
		text("api.oidc.default_role", &oidc.DefaultRole, "Role of whoever has none of these values; empty refuses them."),
		span("labeling.lease", &c.Labeling.Lease, time.Second, "How long a question stays with whoever took it, without a heartbeat."),
		integer("labeling.gold", &c.Labeling.Gold, 0, 50, "Of a hundred questions that are handed out, how many test the labeler, if there are any whose right answer an analyst has set."),
		span("exports.keep", &c.Exports.Keep, time.Minute, "How long finished exports are kept."),
		number("exports.file_rows", &c.Exports.FileRows, "Posts in a file of an export. A worker that is killed begins the file anew."),
		span("exports.lease", &c.Exports.Lease, time.Second, "After this long another worker goes on with the exports of one that was killed."),
		span("drain", &c.Drain, time.Second, "How long SIGTERM waits for running steps; longer than the longest time-out of a step."),
	}
}

func text(name string, p *string, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error { *p = s; return nil },
		get: func() any { return *p }}
}

func url(name string, p *string, shown, meaning string) key {
	k := text(name, p, meaning)
	k.shown, k.url = shown, true
	k.get = func() any { return Redact(*p) }
	return k
}

func secret(name string, p *string, meaning string) key {
	k := text(name, p, meaning)
	k.get = func() any {
		if *p == "" {
			return ""
		}
		return redacted
	}
	return k
}

func texts(name string, p *[]string, meaning string) key {
	return key{name: name, meaning: meaning, list: textList,
		set: func(s string) error {
			*p = nil
			for part := range strings.SplitSeq(s, ",") {
				if part = strings.TrimSpace(part); part != "" {
					*p = append(*p, part)
				}
			}
			return nil
		},
		get: func() any { return append([]string{}, *p...) }}
}

func integer(name string, p *int, low, high int, meaning string) key {
	return count(name, func() int { return *p }, func(n int) { *p = n }, low, high, meaning)
}

func count(name string, get func() int, set func(int), low, high int, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error {
			n, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
			if err != nil || n < low || n > high {
				return fmt.Errorf("%q is not a whole number from %d to %d", s, low, high)
			}
			set(n)
			return nil
		},
		get: func() any { return get() }}
}

func number(name string, p *int64, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error {
			n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is not a whole number above 0", s)
			}
			*p = n
			return nil
		},
		get: func() any { return *p }}
}

func size(name string, p *int64, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error {
			n, err := humanize.ParseBytes(s)
			if err != nil || n < 1 || n > 1<<40 {
				return fmt.Errorf("%q is not a size, such as 32MiB or 33554432", s)
			}
			*p = int64(n)
			return nil
		},
		get: func() any { return *p }}
}

func span(name string, p *time.Duration, low time.Duration, meaning string) key {
	return spanAt(name, func() time.Duration { return *p }, func(d time.Duration) { *p = d }, low, meaning)
}

func spanAt(name string, get func() time.Duration, set func(time.Duration), low time.Duration, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error {
			d, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("%q is not a duration, such as 500ms, 30s or 72h", s)
			}
			if d < low {
				return fmt.Errorf("%s is too short; at least %s", d, low)
			}
			set(d)
			return nil
		},
		get: func() any { return short(get()) }}
}

func level(name string, p *slog.Level, meaning string) key {
	return key{name: name, meaning: meaning,
		set: func(s string) error {
			switch strings.ToLower(s) {
			case "debug", "info", "warn", "error":
				return p.UnmarshalText([]byte(s))
			}
			return fmt.Errorf("%q is not a level; allowed: debug, info, warn, error", s)
		},
		get: func() any { return strings.ToLower(p.String()) }}
}

// short writes a duration as people do: 1m, not 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
