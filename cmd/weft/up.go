package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/cli"
	"weft/storage/duckdb"
	"weft/web"
)

func upCommand(env *cli.Env) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything until Ctrl-C",
		Long: `Run everything in one process until Ctrl-C or SIGTERM: all queues, housekeeping,
the API (/docs/ explains it) with the web app (/app/), the queues' user interface
(/asynqmon/), and what "queries" and "push.listen" in the configuration name (see enqueuer crawl --help).
At the first start an admin's key is made and printed once. All data lies in the data folder; after a crash,
start it again and it goes on where it was. It ends when what it has begun is
finished; a second Ctrl-C ends it at once.`,
		Example: "  weft up --data weft-data --listen 127.0.0.1:8080\n  enqueuer import --data weft-data --profile tendencies photos/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft", Host: true, ONNX: native.ONNX, History: openHistory})
			if err != nil {
				return err
			}
			defer a.Close()
			if listen == "" {
				listen = a.Config.API.Listen
			}
			return up(cmd.Context(), env, a, listen, func(string, string) {})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address of the API and the monitor (default api.listen)")
	return cmd
}

// up works and serves until ctx ends, and then drains; if draining takes
// longer than it may, the process ends regardless. It tells ready where it
// listens, and the key if it made the first.
func up(ctx context.Context, env *cli.Env, a *app.App, listen string, ready func(url, key string)) error {
	first, err := a.FirstKey(ctx)
	if err != nil {
		return err
	}
	h, err := a.All(ctx)
	if err != nil {
		return err
	}
	var collector *app.Collector
	if a.Collects() { // a mistake in a query is told before anything has begun
		if collector, err = a.NewCollector(ctx, app.Collection{}); err != nil {
			return cli.Usage(err)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	cli.EndRegardless(ctx, a.Config.Drain)
	g.Go(func() error { return a.Work(ctx) })
	if collector != nil {
		g.Go(func() error { return collector.Run(ctx) })
	}
	g.Go(func() error {
		return a.Serve(ctx, listen, h, func(url string) {
			fmt.Fprintf(env.Stderr, "api: %s, documented at %s/docs/; web app: %s%s; queues: %s/asynqmon/\n", url, url, url, web.Root, url)
			if first != "" {
				fmt.Fprintf(env.Stderr, "admin's key: %s (shown this once)\n", first)
			} else {
				fmt.Fprintln(env.Stderr, "log in with a key that you were given")
			}
			ready(url, first)
		})
	})
	return g.Wait()
}

// openHistory has DuckDB answer what the history in a folder is asked.
func openHistory(ctx context.Context, dir string) (app.FolderHistory, error) {
	return duckdb.Open(ctx, dir)
}
