// Command weft runs the whole pipeline in one process on the embedded stores:
// a demo, a small installation, and the questions one asks of its history.
package main

import (
	"github.com/spf13/cobra"

	"weft/internal/cli"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "weft",
		Short: "Run the whole pipeline in one process",
		Long: `Run the whole pipeline in one process, on embedded stores: SQLite for documents
and search, Parquet files for history, a folder for images, and a queue that
listens on loopback so that the other commands can join. All data lies in one
folder.

` + cli.ExitHelp,
		Example: `  weft demo                                   # watch 300 made-up posts go through
  weft up --data weft-data --listen 127.0.0.1:8080
  weft query --data weft-data "SELECT source, count(*) FROM posts GROUP BY ALL"`,
	}
	root.AddCommand(demoCommand(env), upCommand(env), preprocessCommand(env), modelsCommand(env), evalCommand(env), queryCommand(env), warehouseCommand(env), reindexCommand(env), driftCommand(env), configCommand(env))
	return root
}

func configCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Print the effective configuration, with secrets redacted",
		Example: "  weft config --config weft.yaml --set queues.fetch=32",
		Args:    cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			cfg, err := env.Config()
			if err != nil {
				return err
			}
			return env.Print(cfg.String(), cfg.Print)
		},
	}
}
