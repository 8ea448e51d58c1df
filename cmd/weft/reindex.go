package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/live"
	"weft/internal/reindex"
)

func reindexCommand(env *cli.Env) *cobra.Command {
	var abandon, dryRun bool
	cmd := &cobra.Command{
		Use:   "reindex",
		Short: "Build search anew from the documents, while it serves",
		Long: `Build search anew from the documents: after an index was damaged, or when a new
version of Weft maps its fields otherwise. Purged posts left search when they were
purged, so they are not in it.

In Elasticsearch a new build is filled beside the one that serves, which all
programs write to as well from then on. It is compared with the documents, month
by month and some posts whole, and then takes over at once; the old one is deleted.
It needs the disk of both. Where the two differ, the old build goes on serving.
Interrupted, it goes on when it is started again, or is given up with --abandon.

The embedded search has no builds: posts that it lacks are put into it. To build
a damaged one anew, stop Weft, remove search.db, and reindex.`,
		Example: `  weft reindex --dry-run
  weft reindex --config weft.yaml
  weft reindex --abandon`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			do := (*reindex.Reindexer).Run
			switch {
			case abandon && dryRun:
				return cli.Usage(errors.New("--abandon and --dry-run exclude each other"))
			case abandon:
				do = (*reindex.Reindexer).Abandon
			case dryRun:
				do = (*reindex.Reindexer).Plan
			}
			rep, err := reindexed(cmd.Context(), env, do)
			if err != nil {
				return err
			}
			return env.Print(rep, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, summary(rep, abandon))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&abandon, "abandon", false, "delete the build under way; what serves goes on serving")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be built")
	return cmd
}

func reindexed(ctx context.Context, env *cli.Env, do func(*reindex.Reindexer, context.Context) (reindex.Report, error)) (rep reindex.Report, err error) {
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-reindex", NoQueue: true})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	stages := live.NewStages(env.Stderr, "posts")
	defer stages.Close()
	return do(a.Reindexer(stages.Tell), ctx)
}

// summary is the report in words.
func summary(rep reindex.Report, abandon bool) string {
	switch {
	case abandon && rep.Dropped == 0:
		return "no build is under way"
	case abandon:
		return fmt.Sprintf("build %d is dropped", rep.Dropped)
	case rep.DryRun && rep.InPlace:
		return fmt.Sprintf("%d of %d posts belong in search, and would be put into it", rep.Put, rep.Posts)
	case rep.DryRun:
		return fmt.Sprintf("%d of %d posts belong in search: build %d, with %d, would be replaced by build %d%s",
			rep.Put, rep.Posts, rep.Replaced, rep.Held, rep.Build, map[bool]string{true: ", which is under way"}[rep.Resumed])
	case rep.InPlace:
		return fmt.Sprintf("%d of %d posts belong in search, and are in it", rep.Put, rep.Posts)
	}
	return fmt.Sprintf("build %d serves, with %d posts; build %d, with %d, is dropped (%d posts looked at, %d compared whole)",
		rep.Build, rep.Holds, rep.Replaced, rep.Held, rep.Posts, rep.Samples)
}
