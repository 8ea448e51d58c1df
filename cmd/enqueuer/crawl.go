package main

import (
	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
)

func crawlCommand(env *cli.Env) *cobra.Command {
	var names []string
	var once bool
	cmd := &cobra.Command{
		Use:   "crawl",
		Short: "Collect posts from the networks, until Ctrl-C",
		Long: `Collect posts from the networks, as the configuration says under "queries", and
take those that others push (push.listen). ` + "`weft up`" + ` does the same in its process.

Several processes may crawl: each query is read by one of them at a time, and
goes to another when that one dies. Cursors are kept in the documents and moved
only after the posts are stored, so nothing is lost or doubled by a restart. When
the queues are too deep, or a network wants us to wait, crawling pauses by itself;
` + "`enqueuer status`" + ` shows each query's last success, lag, errors and next run, and
metrics.listen serves the same to Prometheus.

After a token was repaired, start it again: it then looks at once at what was
stopped or failed, and otherwise within the hour.

A query in weft.yaml, and what it takes, is in docs/sources/<network>.md:

  queries:
    - name: ootd
      source: mastodon
      profiles: [tendencies]
      every: 5m
      params: { instance: mastodon.social, tag: ootd }`,
		Example: "  enqueuer crawl\n  enqueuer crawl --once --query ootd",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-enqueuer"})
			if err != nil {
				return err
			}
			defer a.Close()
			c, err := a.NewCollector(cmd.Context(), app.Collection{Queries: names, Once: once})
			if err != nil {
				return cli.Usage(err)
			}
			stop, err := a.ServeMetrics(cmd.Context())
			if err != nil {
				return err
			}
			defer stop()
			cli.EndRegardless(cmd.Context(), a.Config.Drain)
			return c.Run(cmd.Context())
		},
	}
	cmd.Flags().StringArrayVarP(&names, "query", "q", nil, "read this query only (repeatable)")
	cmd.Flags().BoolVar(&once, "once", false, "end when each query was read to its end once; streams have none")
	return cmd
}
