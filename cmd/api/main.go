// Command api serves Weft's HTTP API: search over recent posts, described by
// OpenAPI and documented at /docs/.
package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/config"
	"weft/storage/duckdb"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Serve the HTTP API",
		Long: `Serve the HTTP API until Ctrl-C or SIGTERM; requests that are under way then
come to their end. /docs/ explains it, /openapi.json describes it to programs,
/readyz says which store is away.

Whoever asks needs a key: "api key create" makes one. With embedded documents an
admin's key is made at the first start and printed once.

` + cli.ExitHelp,
		Example: "  api --data weft-data\n  api --config weft.yaml --listen 0.0.0.0:8090\n  api key create ana --role analyst",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var more []config.Override
			if listen != "" {
				more = append(more, config.Override{Key: "api.listen", Value: listen})
			}
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-api", NoQueue: true, History: openHistory}, more...)
			if err != nil {
				return err
			}
			defer a.Close()
			cli.EndRegardless(cmd.Context(), a.Config.Drain)
			first, err := a.FirstKey(cmd.Context())
			if err != nil {
				return err
			}
			return a.ServeAPI(cmd.Context(), func(url string) {
				fmt.Fprintf(env.Stderr, "api: %s, documented at %s/docs/\n", url, url)
				if first != "" {
					fmt.Fprintf(env.Stderr, "admin's key: %s (shown this once)\n", first)
				}
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on (default api.listen)")
	cmd.AddCommand(keyCommand(env))
	return cmd
}

// openHistory has DuckDB answer what the history in a folder is asked.
func openHistory(ctx context.Context, dir string) (app.FolderHistory, error) {
	return duckdb.Open(ctx, dir)
}
