package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/drift"
)

func driftCommand(env *cli.Env) *cobra.Command {
	var reference, week string
	limits := drift.Default()
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Tell whether what is found in posts has changed",
		Long: `Hold a week of posts, by the day they were created, against a reference: for each
attribute of each profile the share of its values (as population stability index, less
what chance makes of it) and the mean confidence of the models. Labels don't count.

--reference counts the posts of a time that you hold for good, and keeps the counts; from
then on workers look at each week that is over, log a warning where it is beyond the
limits, and tell /metrics (weft_drift, weft_drift_confidence, weft_drift_beyond).

Only posts that the document store still holds are counted. That something has changed
is all that this tells: fashion does, sources do, and models go wrong.`,
		Example: `  weft drift --reference 2026-03-01/2026-04-30
  weft drift --week 2026-W20 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			span := drift.LastWeek(time.Now())
			if week != "" {
				var err error
				if span, err = drift.Week(week); err != nil {
					return cli.Usage(fmt.Errorf("--week %w", err))
				}
			}
			return lookForDrift(cmd.Context(), env, reference, span, limits)
		},
	}
	f := cmd.Flags()
	f.StringVar(&reference, "reference", "", "first and last day of the reference, as 2026-03-01/2026-04-30; it is kept")
	f.StringVar(&week, "week", "", "the week, as 2026-W10 (default the last one that is over)")
	f.IntVar(&limits.Posts, "min-posts", limits.Posts, "with fewer posts, nothing is beyond")
	f.Float64Var(&limits.Index, "index", limits.Index, "an index from which on it is beyond")
	f.Float64Var(&limits.Confidence, "confidence", limits.Confidence, "a change of the mean confidence from which on it is, unless by chance")
	return cmd
}

func lookForDrift(ctx context.Context, env *cli.Env, reference string, week drift.Window, limits drift.Limits) (err error) {
	var window drift.Window
	if reference != "" {
		var d days
		var two bool
		if d.from, d.to, two = strings.Cut(reference, "/"); !two || d.from == "" || d.to == "" {
			return cli.Usage(fmt.Errorf("--reference %q: write it as 2026-03-01/2026-04-30", reference))
		}
		if err := d.check(); err != nil {
			return err
		}
		window.From, window.To = d.span()
	}
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-drift", NoQueue: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if reference != "" {
		if err := a.SetDriftReference(ctx, window); err != nil {
			return err
		}
	}
	r, err := a.Drift(ctx, week, limits)
	if errors.Is(err, app.ErrNoReference) {
		return cli.Usage(err)
	}
	if err != nil {
		return err
	}
	return env.Print(r, r.WriteText)
}
