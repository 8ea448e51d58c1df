package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/models"
	"weft/storage/duckdb"
)

func queryCommand(env *cli.Env) *cobra.Command {
	var d days
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the history in SQL",
		Long: `Ask the history in SQL (DuckDB's dialect), read-only and offline; with
history.warehouse it is BigQuery that is asked, in its dialect, and a query must
say from which day on it looks (WHERE dt >= DATE '2026-03-01'). Of a history in a
bucket without a warehouse the days from --from to --to are copied into the data
folder first, and DuckDB is asked there. "posts" holds the newest row of each post and profile, "history" every row. The same Parquet
files open in other readers, as a Hive-partitioned set: polars and DuckDB take
them as they are, pandas with pandas.read_parquet("weft-data/history", partitioning=None).`,
		Example: `  weft query "SELECT * FROM posts LIMIT 5"
  weft query "SELECT a.value, count(*) AS n FROM posts, UNNEST(attributes) AS t(a)
              WHERE a.name = 'color' GROUP BY ALL ORDER BY n DESC"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := env.Config()
			if err != nil {
				return err
			}
			if err := d.check(); err != nil {
				return err
			}
			var columns []string
			var rows [][]any
			if dir, local := app.HistoryPath(cfg); local {
				columns, rows, err = askFolder(cmd.Context(), env, dir, d, args[0])
			} else {
				columns, rows, err = askElsewhere(cmd.Context(), env, d, args[0])
			}
			if err != nil {
				return err
			}
			return env.Print(records(columns, rows), func(w io.Writer) error { return writeRows(w, columns, rows) })
		},
	}
	d.flags(cmd)
	return cmd
}

// errDays is for a history that is all there: what a query looks at is its own business.
var errDays = errors.New("--from and --to say what to copy of a history in a bucket; here bound the query itself: WHERE dt >= DATE '2026-03-01'")

// askFolder asks the files in a folder.
func askFolder(ctx context.Context, env *cli.Env, dir string, d days, query string) (columns []string, rows [][]any, err error) {
	if d != (days{}) {
		return nil, nil, cli.Usage(errDays)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, cli.Usage(fmt.Errorf("no history in %s yet: give the folder of `weft up` with --data", dir))
	}
	h, err := duckdb.Open(ctx, filepath.Clean(dir))
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-query", NoQueue: true})
	if err != nil { // as in a copy of the folder: the files themselves have to do
		fmt.Fprintln(env.Stderr, "without the documents, posts that were forgotten show until they are erased:", err)
		return h.Query(ctx, query)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return h.QueryBy(ctx, a.Manifest, query)
}

// askElsewhere asks BigQuery, or copies of files that lie in a bucket.
func askElsewhere(ctx context.Context, env *cli.Env, d days, query string) (columns []string, rows [][]any, err error) {
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-query", NoQueue: true})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	switch {
	case a.Warehouse == nil && d.from == "":
		return nil, nil, cli.Usage(errors.New("the history lies in a bucket: say with --from, and --to, which days of it to copy here, or set history.warehouse to the table that it is loaded into"))
	case a.Warehouse == nil:
		return askCopies(ctx, env, a, d, query)
	case d != (days{}):
		return nil, nil, cli.Usage(errDays)
	}
	bytes, err := a.Warehouse.Estimate(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	// What it reads is what it costs.
	fmt.Fprintf(env.Stderr, "reads %s\n", humanize.IBytes(uint64(bytes)))
	return a.Warehouse.Query(ctx, query)
}

// askCopies copies some days of the history into the data folder, and asks DuckDB
// there. The copies stay for the next query.
func askCopies(ctx context.Context, env *cli.Env, a *app.App, d days, query string) (columns []string, rows [][]any, err error) {
	if d.to == "" {
		d.to = "9999-12-31"
	}
	dir := filepath.Join(a.Config.Data, "history-copies")
	h, err := duckdb.Open(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	var files, bytes int64
	cache := a.HistoryCache(dir, func(path string, size int64) {
		files++
		bytes += size
		fmt.Fprintf(env.Stderr, "copies %s, %s\n", path, humanize.IBytes(uint64(size)))
	})
	columns, rows, err = h.QueryBy(ctx, func(ctx context.Context) ([]models.Part, []string, error) {
		parts, unseen, err := a.Manifest(ctx)
		if err == nil {
			parts, err = cache.Fill(ctx, parts, d.from, d.to)
		}
		return parts, unseen, err
	}, query)
	if files > 0 {
		fmt.Fprintf(env.Stderr, "copied %d files, %s, to %s\n", files, humanize.IBytes(uint64(bytes)), dir)
	}
	return columns, rows, err
}

// records makes one object a row, for scripts.
func records(columns []string, rows [][]any) []map[string]any {
	out := make([]map[string]any, 0, len(rows))
	for _, row := range rows {
		r := map[string]any{}
		for i, c := range columns {
			for n := 2; ; n++ { // two columns may have one name, members may not
				if _, twice := r[c]; !twice {
					break
				}
				c = fmt.Sprintf("%s_%d", columns[i], n)
			}
			r[c] = plain(row[i])
		}
		out = append(out, r)
	}
	return out
}

// plain makes null of the numbers that JSON doesn't have.
func plain(v any) any {
	switch x := v.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case float32:
		return plain(float64(x))
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
	}
	return v
}

func writeRows(w io.Writer, columns []string, rows [][]any) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(columns, "\t"))
	for _, row := range rows {
		var cells []string
		for _, v := range row {
			cell := "NULL"
			if v != nil {
				cell = fmt.Sprint(v)
			}
			if len([]rune(cell)) > 60 {
				cell = string([]rune(cell)[:57]) + "…"
			}
			cells = append(cells, strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(cell))
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	fmt.Fprintf(tw, "(%d rows)\n", len(rows))
	return tw.Flush()
}
