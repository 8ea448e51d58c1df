package arch

import (
	"fmt"
	"slices"
	"strings"
)

// layer says what one part of the module may import of the rest of it. Its own
// sub-packages are always allowed.
type layer struct {
	path string
	may  []string // nil: nothing of ours; "weft/x" takes its sub-packages too, "=weft/x" doesn't
}

// layers is read with the longest path that fits first. A package that none
// fits is refused, so that whoever adds one decides where it belongs.
func layers() []layer {
	models := []string{"weft/models"}
	return []layer{
		{"weft/models", nil},
		{"weft/profile", models},
		{"weft/source", models},
		{"weft/source/extract", []string{"weft/models", "weft/analysis/text"}},
		{"weft/source/gazetteer", models},
		{"weft/source/limit", []string{"weft/models", "=weft/source"}},
		{"weft/source/images", []string{"weft/models", "weft/source/public"}},
		{"weft/source/loose", nil},
		{"weft/source/public", nil},
		{"weft/source/web", []string{"weft/models", "=weft/source", "weft/source/public"}},
		{"weft/source/push", []string{"weft/models", "=weft/source", "weft/source/file"}}, // the same NDJSON
		{"weft/source/crawl", []string{"weft/models", "=weft/source"}},
		// Each network by itself, on what they have in common.
		{"weft/source/", []string{"weft/models", "=weft/source", "weft/source/web", "weft/source/extract", "weft/source/gazetteer", "weft/source/loose"}},
		{"weft/analysis", models},
		{"weft/labeling", models},
		{"weft/queue", models},
		// Each adapter by itself, on what those of one port do alike.
		{"weft/storage/", models},
		{"weft/storage/mongo", []string{"weft/models", "weft/storage/document"}},
		{"weft/storage/elastic", []string{"weft/models", "weft/storage/spelling"}},
		{"weft/storage/sqlite", []string{"weft/models", "weft/storage/document", "weft/storage/spelling"}},
		{"weft/storage/spelling", nil},
		{"weft/storage/newest", models},
		{"weft/storage/duckdb", []string{"weft/models", "weft/storage/newest"}},
		{"weft/storage/bigquery", []string{"weft/models", "weft/storage/newest"}},
		{"weft/tasks", []string{"weft/models", "weft/profile"}},
		{"weft/api", []string{"weft/models", "weft/profile", "weft/internal/config"}},
		{"weft/web", nil},
		{"weft/api/oidc", models},
		{"weft/deploy", []string{"weft/internal/config"}},
		{"weft/internal/config", models},
		{"weft/internal/telemetry", []string{"weft/models", "weft/internal/config"}},
		{"weft/internal/crashpoint", nil},
		{"weft/internal/live", models},
		{"weft/internal/sim", models},
		{"weft/internal/", []string{
			"weft/models", "weft/profile", "weft/tasks", "weft/queue", "weft/source", "weft/analysis", "weft/labeling",
			"weft/storage", "weft/api", "weft/web", "weft/internal",
		}},
		// A command is flags and words around internal/app. It may read files and
		// profiles without opening a store, and cmd/weft puts DuckDB on top.
		{"weft/cmd/", []string{
			"weft/models", "weft/profile", "weft/source", "weft/analysis", "weft/queue/monitor", "weft/storage/duckdb", "weft/api", "weft/web",
			"weft/internal",
		}},
	}
}

// drivers says where a driver's types may be seen. Tests may use any of them.
func drivers() map[string][]string {
	return map[string][]string{
		"github.com/hibiken/asynq":                  {"weft/queue", "weft/internal/bench"}, // the bench measures bare asynq too
		"github.com/hibiken/asynqmon":               {"weft/queue/monitor"},
		"github.com/redis/go-redis":                 {"weft/queue", "weft/internal/app", "weft/internal/bench", "weft/internal/redisconn", "weft/internal/testredis", "weft/source/limit"},
		"github.com/go-redis/redis_rate":            {"weft/source/limit"},
		"github.com/coder/websocket":                {"weft/source/bluesky", "weft/internal/sim/network"},
		"github.com/mmcdole/gofeed":                 {"weft/source/feed"},
		"github.com/gen2brain":                      {"weft/analysis/image"},
		"github.com/alicebob/miniredis":             {"weft/internal/app"},
		"modernc.org/sqlite":                        {"weft/storage/sqlite", "weft/internal/bench"},
		"github.com/duckdb":                         {"weft/storage/duckdb"},
		"github.com/parquet-go":                     {"weft/storage/parquet", "weft/internal/bench"},
		"gocloud.dev":                               {"weft/storage/blobs"},
		"go.mongodb.org/mongo-driver":               {"weft/storage/mongo", "weft/internal/bench", "weft/internal/servers"},
		"github.com/elastic":                        {"weft/storage/elastic", "weft/internal/bench"},
		"cloud.google.com/go/bigquery":              {"weft/storage/bigquery", "weft/internal/bench"},
		"github.com/danielgtaylor/huma":             {"weft/api"},
		"github.com/swaggest/swgui":                 {"weft/api"},
		"github.com/coreos/go-oidc":                 {"weft/api/oidc"},
		"golang.org/x/oauth2":                       {"weft/api/oidc"},
		"github.com/compose-spec/compose-go":        {"weft/deploy"},
		"github.com/expr-lang/expr":                 {"weft/profile"},
		"github.com/prometheus/client_golang":       {"weft/internal/telemetry"},
		"go.opentelemetry.io/otel/sdk":              {"weft/internal/telemetry"},
		"go.opentelemetry.io/otel/exporters":        {"weft/internal/telemetry"},
		"github.com/corona10/goimagehash":           {"weft/analysis/image"},
		"github.com/petar-dambovaliev/aho-corasick": {"weft/analysis/text"},
		"github.com/yalue/onnxruntime_go":           {"weft/analysis/onnx"},
		"github.com/spf13/cobra":                    {"weft/cmd", "weft/internal/cli"},
		"github.com/vbauerster/mpb":                 {"weft/cmd", "weft/internal/cli", "weft/internal/live"},
	}
}

// testOnly may be imported by tests, and by the packages named.
func testOnly() map[string][]string {
	helpers := []string{"weft/storage/storagetest", "weft/internal/testredis", "weft/internal/servers", "weft/internal/bench"}
	return map[string][]string{
		"testing":                         helpers,
		"github.com/google/go-cmp":        helpers,
		"pgregory.net/rapid":              helpers,
		"github.com/rogpeppe/go-internal": helpers,
		"weft/storage/storagetest":        helpers,
		"weft/internal/testredis":         helpers,
		"weft/internal/servers":           helpers,
		"weft/internal/bench":             nil,
		"weft/internal/arch":              nil,
	}
}

// light are commands that must not link DuckDB: it adds 50 MB to each.
func light(path string) bool {
	return within(path, "weft/cmd") && path != "weft/cmd/weft" && path != "weft/cmd/api"
}

// computes are the commands that may link ONNX Runtime's binding. It needs cgo.
func computes(path string) bool {
	return !within(path, "weft/cmd") || path == "weft/cmd/weft" || path == "weft/cmd/worker"
}

// pkg is what the rules read of go list's answer.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// violations returns what breaks the rules, sorted.
func violations(pkgs []pkg) []string {
	standard := map[string]bool{"C": true, "unsafe": true}
	for _, p := range pkgs {
		standard[p.ImportPath] = standard[p.ImportPath] || p.Standard
	}
	var out []string
	for _, p := range pkgs {
		if !within(p.ImportPath, "weft") {
			continue
		}
		root, may, ok := layerOf(p.ImportPath)
		if !ok {
			out = append(out, p.ImportPath+": no rule says what it may import; give it a line in layers()")
			continue
		}
		for _, imp := range p.Imports {
			out = append(out, judge(p.ImportPath, imp, root, may, standard[imp])...)
		}
		if light(p.ImportPath) && slices.ContainsFunc(p.Deps, func(d string) bool { return within(d, "github.com/duckdb") }) {
			out = append(out, p.ImportPath+": links DuckDB; only cmd/weft and cmd/api may")
		}
		if !computes(p.ImportPath) && slices.ContainsFunc(p.Deps, func(d string) bool { return within(d, "github.com/yalue") }) {
			out = append(out, p.ImportPath+": links ONNX Runtime; only cmd/weft and cmd/worker may")
		}
	}
	slices.Sort(out)
	return out
}

// judge holds one import against the tables.
func judge(path, imp, root string, may []string, standard bool) []string {
	var out []string
	switch {
	case within(imp, "weft"):
		if !within(imp, root) && !slices.ContainsFunc(may, func(m string) bool { return permits(m, imp) }) {
			out = append(out, fmt.Sprintf("%s: imports %s; of ours it may import: %s", path, imp, strings.Join(append([]string{root}, may...), ", ")))
		}
	case path == "weft/models" && !standard:
		out = append(out, fmt.Sprintf("%s: imports %s; it may import the standard library only", path, imp))
	}
	for driver, where := range drivers() {
		if within(imp, driver) && !slices.ContainsFunc(where, func(w string) bool { return within(path, w) }) {
			out = append(out, fmt.Sprintf("%s: imports %s; only %s may", path, imp, strings.Join(where, ", ")))
		}
	}
	for helper, where := range testOnly() {
		if within(imp, helper) && !within(path, helper) && !slices.ContainsFunc(where, func(w string) bool { return within(path, w) }) {
			out = append(out, fmt.Sprintf("%s: imports %s, which is for tests", path, imp))
		}
	}
	return out
}

// permits reports whether an entry of a layer's list lets imp in.
func permits(m, imp string) bool {
	if exact, ok := strings.CutPrefix(m, "="); ok {
		return imp == exact
	}
	return within(imp, m)
}

// layerOf returns the part of the module that path belongs to, and what it may
// import. A layer that ends in "/" makes each folder below it a part of its own.
func layerOf(path string) (root string, may []string, ok bool) {
	best := ""
	for _, l := range layers() {
		folder, each := strings.CutSuffix(l.path, "/")
		if !within(path, folder) || (each && path == folder) || len(l.path) <= len(best) {
			continue
		}
		best, root, may, ok = l.path, folder, l.may, true
		if each {
			name, _, _ := strings.Cut(strings.TrimPrefix(path, l.path), "/")
			root = l.path + name
		}
	}
	return root, may, ok
}

// within reports whether path is folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
