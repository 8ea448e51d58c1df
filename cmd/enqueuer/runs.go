package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/live"
	"weft/models"
	"weft/profile"
)

func reanalyzeCommand(env *cli.Env) *cobra.Command {
	var req app.Reanalysis
	var since, until, where string
	cmd := &cobra.Command{
		Use:   "reanalyze --profile P",
		Short: "Send old posts through their profile again, without fetching them",
		Long: `Send old posts through a profile again, as a new generation of their run: after
a change of the profile, or when models improved. Nothing is fetched again, the
tasks go to the bulk lane, and what readers see stays until the new generation
reaches index. Purged posts come back from history; posts whose images are gone
are counted and left out.

--where takes the language of profiles' when: has("brand"), confidence("color")
< 0.6, source == "weibo", likes > 1000, "ootd" in hashtags, and so on.`,
		Example: `  enqueuer reanalyze --profile catalog --dry-run
  enqueuer reanalyze --profile catalog --since 2026-01-01 --where 'confidence("color") < 0.6'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.Since, err = parseDay("--since", since); err != nil {
				return err
			}
			if req.Until, err = parseDay("--until", until); err != nil {
				return err
			}
			if !req.Since.IsZero() && !req.Until.IsZero() && !req.Since.Before(req.Until) {
				return cli.Usage(fmt.Errorf("--since %s is not before --until %s", since, until))
			}
			if where != "" {
				if req.Where, err = profile.ParseWhere(where); err != nil {
					return cli.Usage(fmt.Errorf("--where: %w", err))
				}
			}
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer", NoQueue: req.DryRun})
			if err != nil {
				return err
			}
			defer a.Close()
			if err := known(a, req.Profile); err != nil {
				return err
			}
			bar := live.NewProgress(env.Stderr, 0, "posts", "reanalyze")
			req.Progress = progress(bar)
			rep, err := a.Reanalyze(cmd.Context(), req)
			bar.Close()
			if err != nil {
				return err
			}
			return env.Print(rep, func(w io.Writer) error { return writeReanalysis(w, rep) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.Profile, "profile", "p", "", "the profile (required)")
	f.StringVar(&since, "since", "", "posts created on or after this day (YYYY-MM-DD) or time (RFC 3339)")
	f.StringVar(&until, "until", "", "posts created before this day or time")
	f.StringVar(&where, "where", "", "posts for which this expression holds")
	f.BoolVar(&req.DryRun, "dry-run", false, "only say how many posts and what it would cost")
	_ = cmd.MarkFlagRequired("profile") // the flag is there
	return cmd
}

func writeReanalysis(w io.Writer, rep app.ReanalysisReport) error {
	verb := "queued again"
	if rep.DryRun {
		verb = "would be queued again"
	}
	_, err := fmt.Fprintf(w, "%d posts %s under %s version %s, about %.1f s of CPU\n%d of them from history, %d left out because their images are gone, %d not found in history\n",
		rep.Posts, verb, rep.Profile, rep.Version, rep.Cost, rep.Purged, rep.NoImages, rep.Lost)
	return err
}

func parseDay(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, cli.Usage(fmt.Errorf("%s %q: write a day as 2026-01-31 or a time as 2026-01-31T12:00:00Z", flag, s))
}

func replayCommand(env *cli.Env) *cobra.Command {
	var f models.RunFilter
	var state, step string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Queue failed runs again, from the step they failed at",
		Long: `Queue ended runs again, from the step they ended at. Failed runs are documents:
choose them by profile, step and what their error says. Results that are there
already are reused.`,
		Example: `  enqueuer replay --dry-run
  enqueuer replay --profile catalog --step index --error "connection refused"
  enqueuer replay --state dropped --profile quality`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.State, f.Step = models.State(state), models.Step(step)
			if f.State != models.Failed && f.State != models.Dropped {
				return cli.Usage(fmt.Errorf("--state %q: allowed are failed and dropped", state))
			}
			if step != "" && f.Step.Position() < 0 {
				return cli.Usage(fmt.Errorf("--step %q: allowed are %v", step, models.Steps()))
			}
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer", NoQueue: dryRun})
			if err != nil {
				return err
			}
			defer a.Close()
			rep, err := a.Replay(cmd.Context(), f, dryRun)
			if err != nil {
				return err
			}
			return env.Print(rep, func(w io.Writer) error {
				if dryRun {
					_, err := fmt.Fprintf(w, "%d runs would be queued again\n", rep.Runs)
					return err
				}
				_, err := fmt.Fprintf(w, "%d of %d runs queued again\n", rep.Moved, rep.Runs)
				return err
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.Profile, "profile", "p", "", "only of this profile")
	fl.StringVar(&state, "state", "failed", "failed or dropped")
	fl.StringVar(&step, "step", "", "only those that ended at this step")
	fl.StringVar(&f.Error, "error", "", "only those whose error holds this text")
	fl.BoolVar(&dryRun, "dry-run", false, "only count them")
	return cmd
}

func reconcileCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "reconcile",
		Short: "Bring queue and documents together once",
		Long: `Look once at every run whose task should have been seen by now, and enqueue what
was lost: after Redis was emptied, or a worker died. Workers do the same all the
time; this is for impatient operators, and for scripts.`,
		Example: "  enqueuer reconcile --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer"})
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Reconciler().Pass(cmd.Context())
			if err != nil {
				return err
			}
			return env.Print(s, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%d overdue runs: %d enqueued, %d got a new task, %d woken; %d enqueued because Redis was emptied\n",
					s.Looked, s.Enqueued, s.Replaced, s.Woken, s.Epoch)
				return err
			})
		},
	}
}

func statusCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show where everything stands",
		Long:    "Show how many posts stand where, counted from the documents, and how deep the queues are.",
		Example: "  enqueuer status\n  enqueuer status --json | jq .states",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Status(cmd.Context())
			if err != nil {
				return err
			}
			return env.Print(s, s.WriteText)
		},
	}
}

func postCommand(env *cli.Env) *cobra.Command {
	post := &cobra.Command{Use: "post", Short: "Look at single posts"}
	post.AddCommand(&cobra.Command{
		Use:     "show ID",
		Short:   "Show a post's journey: where it went, and why",
		Example: "  enqueuer post show file.0042\n  enqueuer post show file.0042 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			j, err := a.Journey(cmd.Context(), args[0])
			if errors.Is(err, models.ErrNotFound) {
				return fmt.Errorf("no post %q; ids look like file.0042: the source, a dot, the source's own id", args[0])
			}
			if err != nil {
				return err
			}
			return env.Print(j, j.WriteText)
		},
	})
	return post
}
