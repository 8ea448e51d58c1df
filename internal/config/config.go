// Package config is the only place where Weft learns how it is to run: from one
// file (weft.yaml), from variables named WEFT_…, and from flags.
//
// It is strict, because a misspelt key that is silently ignored costs a night:
// unknown keys and unknown WEFT_… variables are refused, and every error is
// reported at once, each with its place. No other package reads the environment.
//
// Every key is one line of a table (keys.go), which the file, the variables,
// the printed configuration and docs/configuration.md are all made from.
package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// Config is the effective configuration. The meaning of each field is in
// docs/configuration.md, which is made from the table in keys.go.
type Config struct {
	Environment string // prefix of queue names
	Data        string // folder of everything embedded; absolute after Load

	Redis     Redis
	Documents Store
	Search    Store
	History   History
	Blobs     Store
	Profiles  []string // extra profile files or folders

	Queues    map[models.Step]int // how many tasks of each queue a process works on at a time
	Queue     Queue
	Reconcile Reconcile
	Steps     Steps
	Archive   Archive
	Limits    Limits
	Images    Images
	Analysis  Analysis

	Crawl   Crawl
	Sources Sources
	Queries []Query
	Push    Push

	Metrics Metrics
	Tracing Tracing
	Log     Log
	Monitor Monitor
	API     API

	Labeling Labeling
	Exports  Exports
	Drain    time.Duration // how long SIGTERM waits for running steps
}

// Embedded is the Redis URL that means miniredis in the process.
const Embedded = "embedded"

// Redis is the queue's server.
type Redis struct {
	URL    string // or Embedded
	Listen string // where the embedded one listens
}

// Store is a store that is chosen by its URL.
type Store struct{ URL string }

// History is where old posts are kept, and how they are queried.
type History struct {
	URL         string // of the parts' files
	Warehouse   string // of the table that they are loaded into; empty: none
	QueryBytes  int64  // most bytes that a query of the warehouse may be billed for
	StorageRead bool   // fetch its answers through the Storage Read API
	ScanRows    int64  // most rows that one answer of the API may look at
}

// Exports is how the API's exports are written.
type Exports struct {
	Keep     time.Duration // of finished ones
	FileRows int64         // posts in a file
	Lease    time.Duration // after which another worker goes on
}

// Analysis is which learned models there are, and what computes them.
type Analysis struct {
	Models      []string // files that declare models, beside those that ship
	ONNXRuntime string   // the shared library; empty: it is looked for
	Embedding   string   // the model whose embeddings search compares; empty: none
}

// Folders are where `make deps` leaves the ONNX Runtime library.
func (Analysis) Folders() []string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		cache = filepath.Join(home, ".cache")
	}
	return []string{filepath.Join(cache, "weft", "onnxruntime")}
}

// Queue is how queues are watched.
type Queue struct {
	CheckInterval        time.Duration
	DelayedCheckInterval time.Duration
	MaxDepth             int // 0: no limit
}

// Reconcile is how lost tasks are found.
type Reconcile struct {
	Horizon    time.Duration
	Interval   time.Duration
	LeaseGrace time.Duration
}

// Steps is when a step is given up.
type Steps struct {
	Attempts int
	Deaths   int
	Timeouts map[models.Step]time.Duration
}

// Longest returns the longest time-out of a step.
func (s Steps) Longest() (models.Step, time.Duration) {
	var step models.Step
	for _, st := range models.Steps() {
		if s.Timeouts[st] > s.Timeouts[step] {
			step = st
		}
	}
	return step, s.Timeouts[step]
}

// Archive is how the history's parts are built.
type Archive struct {
	MaxRows  int
	MinAge   time.Duration
	Interval time.Duration
	// Small parts of a day and source are merged into parts of about MergeBytes
	// once they are older than MergeAge; 0 is never.
	MergeAge   time.Duration
	MergeBytes int64
}

// Limits protect the process from hostile images.
type Limits struct {
	ImageBytes   int64
	ImagePixels  int64
	DecodePixels int64
	DecodeMemory int64
}

// Images is how images are fetched from the web.
type Images struct {
	Allow   []string // networks in CIDR form that may be fetched from although they are not public
	Timeout time.Duration
}

// Crawl is how sources are read.
type Crawl struct {
	Agent        string        // User-Agent of all calls
	RecheckEvery time.Duration // 0: never
	RecheckAge   time.Duration
	Backoff      time.Duration // the first pause after a failure
	Lease        time.Duration // how long a dead process keeps a query
}

// Sources holds the account of each network.
type Sources struct {
	Bluesky   struct{ URL, Public, CDN, Handle, Password string }
	Instagram struct{ URL, Version, Token, AppSecret, UserID string }
	Mastodon  struct{ URL, Token, Instance string }
	Reddit    struct{ URL, Auth, ClientID, ClientSecret string }
	Weibo     struct {
		URL, Token   string
		CallsPerDay  int
		Mobile       bool // the unofficial API, an explicit choice
		MobileURL    string
		MobileCookie string
	}
}

// Query is something to collect.
type Query struct {
	Name     string            `json:"name"`
	Source   string            `json:"source"`
	Profiles []string          `json:"profiles,omitempty"` // empty: those whose match fits
	Every    Span              `json:"every,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
}

// Push is where others send posts to.
type Push struct {
	Listen string
	Tokens []string // name:SHA-256 of the token, in hex
}

// Metrics is where Prometheus finds the process.
type Metrics struct{ Listen string }

// Tracing is where spans go.
type Tracing struct{ Endpoint string }

// Log is what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // text or json
}

// Monitor is the queue's user interface.
type Monitor struct{ Listen string }

// Labeling is how questions are handed to people.
type Labeling struct {
	Lease time.Duration
	Gold  int // in a hundred
}

// API is the HTTP API.
type API struct {
	Listen  string
	Rate    int64         // requests a second of one key
	Session time.Duration // how long a login lasts
	OIDC    OIDC
}

// OIDC is an identity provider that people may log in through.
type OIDC struct {
	Issuer       string // empty: none
	ClientID     string
	ClientSecret string
	RedirectURL  string
	Scopes       []string
	Claim        string   // what Roles are for
	Roles        []string // value=role
	DefaultRole  string   // empty: none
}

// RoleOf returns the roles by the claim's values.
func (o OIDC) RoleOf() map[string]models.Role {
	out := map[string]models.Role{}
	for _, r := range o.Roles {
		i := strings.LastIndex(r, "=")
		out[r[:max(i, 0)]] = models.Role(r[i+1:])
	}
	return out
}

// Override sets one key from a flag. It wins over the file and the variables.
type Override struct {
	Key   string // as in the file, nested keys joined by dots
	Value string
}

// Default returns the configuration that no file, variable or flag has changed.
func Default() Config {
	return Config{
		Data:  "./weft-data",
		Redis: Redis{URL: Embedded, Listen: "127.0.0.1:0"},
		Queues: map[models.Step]int{
			models.Fetch: 16, models.AnalyzeLight: 2 * runtime.NumCPU(), models.AnalyzeHeavy: 1,
			models.LabelStep: 16, models.Index: 16, models.Archive: 16,
		},
		Queue:     Queue{CheckInterval: 50 * time.Millisecond, DelayedCheckInterval: 500 * time.Millisecond, MaxDepth: 100_000},
		Reconcile: Reconcile{Horizon: time.Minute, Interval: 10 * time.Second, LeaseGrace: 5 * time.Second},
		Steps: Steps{Attempts: 5, Deaths: 3, Timeouts: map[models.Step]time.Duration{
			models.Fetch: 120 * time.Second, models.AnalyzeLight: 30 * time.Second, models.AnalyzeHeavy: 120 * time.Second,
			models.LabelStep: 15 * time.Second, models.Index: 30 * time.Second, models.Archive: 30 * time.Second,
		}},
		Archive: Archive{MaxRows: 50_000, MinAge: time.Minute, Interval: 15 * time.Second, MergeAge: time.Hour, MergeBytes: 128 << 20},
		History: History{QueryBytes: 100 << 30, ScanRows: 1_000_000},
		Limits:  Limits{ImageBytes: 32 << 20, ImagePixels: 50_000_000, DecodePixels: 100_000_000, DecodeMemory: 160 << 20},
		Images:  Images{Timeout: 20 * time.Second},
		Crawl:   Crawl{Agent: "weft", RecheckEvery: 6 * time.Hour, RecheckAge: 48 * time.Hour, Backoff: 5 * time.Second, Lease: 30 * time.Second},
		Log:     Log{Level: slog.LevelInfo, Format: "text"},
		Monitor: Monitor{Listen: "127.0.0.1:8081"},
		API:     API{Listen: "127.0.0.1:8090", Rate: 50, Session: 12 * time.Hour, OIDC: OIDC{Scopes: []string{"openid", "profile", "email"}, Claim: "groups"}},

		Labeling: Labeling{Lease: 5 * time.Minute, Gold: 5},
		Exports:  Exports{Keep: 7 * 24 * time.Hour, FileRows: 50_000, Lease: time.Minute},
		Drain:    150 * time.Second,

		Analysis: Analysis{Embedding: "garment-l"},
	}
}

// Load reads the configuration: defaults, then the file at path, then the
// variables in environ (as os.Environ gives them), then overrides. An empty path
// means the file that WEFT_CONFIG names, else ./weft.yaml if there is one. The
// error is of type Problems unless the file can't be read.
func Load(path string, environ []string, overrides ...Override) (Config, error) {
	c := Default()
	l := &loader{config: &c, keys: c.keys(), origin: map[string]string{}}
	vars := variables(environ)
	required := true
	if path == "" {
		path = vars[pathVariable]
	}
	if path == "" {
		path, required = "weft.yaml", false
	}
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		l.file(path, data)
	case required || !os.IsNotExist(err):
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	l.environment(vars)
	for _, o := range overrides {
		l.set(o.Key, o.Value, "--"+o.Key)
	}
	l.derive()
	l.check()
	if len(l.problems) > 0 {
		return Config{}, l.problems
	}
	return c, nil
}

// loader collects the sources of a configuration and what is wrong with them.
type loader struct {
	config   *Config
	keys     []key
	origin   map[string]string // where a key was set last
	problems Problems
}

// set gives a key the value in text, which was found at where.
func (l *loader) set(name, text, where string) {
	k, ok := l.find(name)
	if !ok {
		l.unknown(name, where)
		return
	}
	l.origin[name] = where
	if err := k.set(text); err != nil {
		l.problem(where, name, "%v", err)
	}
}

func (l *loader) find(name string) (key, bool) {
	for _, k := range l.keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// unknown refuses a key: with the nearest one, or else with those beside it.
func (l *loader) unknown(name, where string) {
	var names, beside []string
	parent := name[:strings.LastIndex(name, ".")+1]
	for _, k := range l.keys {
		names = append(names, k.name)
		if rest, ok := strings.CutPrefix(k.name, parent); ok {
			part, _, _ := strings.Cut(rest, ".")
			beside = append(beside, part)
		}
	}
	hint := suggestion(name, names)
	if hint == "" && len(beside) > 0 {
		hint = "; there are: " + strings.Join(slices.Compact(beside), ", ")
	}
	l.problem(where, "", "unknown key %q%s", name, hint)
}

func (l *loader) problem(where, name, format string, args ...any) {
	l.problems = append(l.problems, Problem{Where: where, Key: name, Text: fmt.Sprintf(format, args...)})
}

// derive fills what follows from the data folder.
func (l *loader) derive() {
	c := l.config
	if c.Data == "" {
		return // check reports it
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		l.problem(l.where("data"), "data", "%v", err)
		return
	}
	c.Data = data
	c.Documents.URL = cmp.Or(c.Documents.URL, "sqlite:"+filepath.Join(data, "documents.db"))
	c.Search.URL = cmp.Or(c.Search.URL, "sqlite:"+filepath.Join(data, "search.db"))
	c.History.URL = cmp.Or(c.History.URL, "duckdb:"+filepath.Join(data, "history"))
	c.Blobs.URL = cmp.Or(c.Blobs.URL, "file://"+filepath.ToSlash(filepath.Join(data, "blobs")))
}

// where tells where a key's value comes from.
func (l *loader) where(name string) string { return cmp.Or(l.origin[name], "default") }

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Where string // file:line:column, the variable's name, the flag, or "default"
	Key   string // empty when the key itself is the problem
	Text  string
}

// Error gives the problem on one line.
func (p Problem) Error() string {
	if p.Key == "" {
		return p.Where + ": " + p.Text
	}
	return p.Where + ": " + p.Key + ": " + p.Text
}

// Problems is everything that is wrong with a configuration.
type Problems []Problem

// Error gives one line per problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return "configuration refused:\n  " + strings.Join(lines, "\n  ")
}
