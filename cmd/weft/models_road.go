package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"weft/analysis/zoo"
	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/compare"
	"weft/internal/config"
	"weft/internal/live"
)

func compareCommand(env *cli.Env) *cobra.Command {
	var req app.Comparison
	var d days
	var out string
	cmd := &cobra.Command{
		Use:   "compare --shadow NAME",
		Short: "Compare a shadow with the model that it runs beside",
		Long: `Compare what a shadow (a declaration with stage: shadow) and the active model said
of the same images or texts, and what people say: agreement with its 95 % interval,
what was taken for what, wins and losses on labelled posts with McNemar's exact test,
mean confidence, and CPU an input. Nothing is computed: it reads the results that are kept.

--out writes an HTML page with examples as pictures; it is one file that needs nothing
else. It holds images of posts: treat it as you treat those.`,
		Example: `  weft models compare --shadow garment-l-2 --out report.html
  weft models compare --active garment-l --shadow garment-l-2 --from 2026-03-01 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.check(); err != nil {
				return err
			}
			req.From, req.To = d.span()
			return compareModels(cmd.Context(), env, req, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Shadow, "shadow", "", "the shadow (required)")
	f.StringVar(&req.Active, "active", "", "the model that profiles name (default that of the shadow's of:)")
	f.StringVar(&out, "out", "", "file for the HTML page")
	d.flags(cmd)
	_ = cmd.MarkFlagRequired("shadow") // the flag is there
	return cmd
}

// span is from the begin of the first day to the end of the last.
func (d *days) span() (from, to time.Time) {
	from, _ = time.Parse(time.DateOnly, d.from) // checked, or empty
	if to, _ = time.Parse(time.DateOnly, d.to); !to.IsZero() {
		to = to.AddDate(0, 0, 1)
	}
	return from, to
}

func compareModels(ctx context.Context, env *cli.Env, req app.Comparison, out string) (err error) {
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-compare", NoQueue: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	stages := live.NewStages(env.Stderr, "posts")
	req.Progress = func(n int) { stages.Tell("compare", int64(n), int64(n)) }
	r, err := a.Compare(ctx, req)
	stages.Close()
	if errors.Is(err, app.ErrNoShadow) {
		return cli.Usage(err)
	}
	if err != nil {
		return err
	}
	if out != "" {
		if err := writePage(ctx, out, r, a); err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "page: %s\n", out)
	}
	return env.Print(r, r.WriteText)
}

func writePage(ctx context.Context, path string, r compare.Report, a *app.App) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // posts' images
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return errors.Join(r.WritePage(ctx, f, a.Blobs), f.Close())
}

func promoteCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "promote NAME",
		Short: "Make a shadow the active version of its model",
		Long: `Change the stage of a declaration from shadow to active, in its file, and print the
change. It then stands for the model that its of: names: profiles go on naming that one.
A version that was promoted before becomes a shadow. Everything is checked before a file
is replaced, whole or not at all; comments and layout stay.

Workers read declarations at their start: start them again. Old posts keep what they
were told until enqueuer reanalyze; what the shadow said already is not computed again.`,
		Example: "  weft models promote garment-l-2 --dry-run\n  weft models promote garment-l-2",
		Args:    cobra.ExactArgs(1),
	}
	return switchCommand(env, cmd, app.Promote)
}

func rollbackCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Make a promoted version a shadow again",
		Long: `Undo a promotion: the version that was promoted becomes a shadow, and the declaration
that bears the model's own name is active again. NAME is either. Start the workers again
after it; enqueuer reanalyze then brings back what the old version said, out of the
results that are kept.`,
		Example: "  weft models rollback garment-l",
		Args:    cobra.ExactArgs(1),
	}
	return switchCommand(env, cmd, app.Rollback)
}

func switchCommand(env *cli.Env, cmd *cobra.Command, do func(config.Analysis, string, bool) (app.Switch, error)) *cobra.Command {
	var dryRun bool
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print the change")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		s, err := do(cfg.Analysis, args[0], dryRun)
		var wrong zoo.Errors
		if errors.Is(err, app.ErrStage) || errors.As(err, &wrong) {
			return cli.Usage(err)
		}
		if err != nil {
			return err
		}
		return env.Print(s, func(w io.Writer) error { return writeSwitch(w, s) })
	}
	return cmd
}

func writeSwitch(w io.Writer, s app.Switch) error {
	for _, e := range s.Edits {
		if _, err := io.WriteString(w, e.Diff); err != nil {
			return err
		}
	}
	if s.DryRun {
		_, err := fmt.Fprintf(w, "\n%s would be %s, version %s (it is %s)\n", s.Model, s.Active, s.Version, s.Was)
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s is %s now, version %s (it was %s). Next: start the workers again, then for each profile that names %s\n  enqueuer reanalyze --profile PROFILE\n",
		s.Model, s.Active, s.Version, s.Was, s.Model)
	return err
}
