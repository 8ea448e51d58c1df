package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/storage/duckdb"
)

func queryCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the history in SQL",
		Long: `Ask the history in SQL (DuckDB's dialect), read-only and offline. "posts" holds
the newest row of each post and profile, "history" every row. The same Parquet
files open in pandas, polars or any other reader, as a Hive-partitioned set.`,
		Example: `  weft query "SELECT * FROM posts LIMIT 5"
  weft query "SELECT a.value, count(*) AS n FROM posts, UNNEST(attributes) AS t(a)
              WHERE a.name = 'color' GROUP BY ALL ORDER BY n DESC"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := env.Config()
			if err != nil {
				return err
			}
			dir, err := app.HistoryPath(cfg)
			if err != nil {
				return cli.Usage(err)
			}
			h, err := duckdb.Open(cmd.Context(), filepath.Clean(dir))
			if err != nil {
				return err
			}
			defer h.Close()
			columns, rows, err := h.Query(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return env.Print(records(columns, rows), func(w io.Writer) error { return writeRows(w, columns, rows) })
		},
	}
}

// records makes one object a row, for scripts.
func records(columns []string, rows [][]any) []map[string]any {
	out := make([]map[string]any, 0, len(rows))
	for _, row := range rows {
		r := map[string]any{}
		for i, c := range columns {
			r[c] = row[i]
		}
		out = append(out, r)
	}
	return out
}

func writeRows(w io.Writer, columns []string, rows [][]any) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(columns, "\t"))
	for _, row := range rows {
		var cells []string
		for _, v := range row {
			cell := fmt.Sprint(v)
			if len([]rune(cell)) > 60 {
				cell = string([]rune(cell)[:57]) + "…"
			}
			cells = append(cells, strings.NewReplacer("\n", " ", "\t", " ").Replace(cell))
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	fmt.Fprintf(tw, "(%d rows)\n", len(rows))
	return tw.Flush()
}
