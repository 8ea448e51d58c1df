package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/live"
	"weft/models"
)

// days are the first and last day that a command looks at.
type days struct{ from, to string }

func (d *days) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.from, "from", "", "the first day of posts, as 2026-03-01")
	cmd.Flags().StringVar(&d.to, "to", "", "the last day of posts, itself included")
}

func (d *days) check() error {
	for flag, day := range map[string]string{"--from": d.from, "--to": d.to} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return cli.Usage(fmt.Errorf("%s %q: write a day as 2026-01-31", flag, day))
		}
	}
	if d.from != "" && d.to != "" && d.from > d.to {
		return cli.Usage(fmt.Errorf("--from %s is after --to %s", d.from, d.to))
	}
	return nil
}

func warehouseCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "warehouse",
		Short: "Compare the warehouse with the history's files, and repair it",
		Long: `Compare the warehouse's table (history.warehouse) with the history's files, which
are the truth, and load again what it lacks. Workers load new parts by themselves;
this is for a table that was dropped or changed by somebody else, and for a
history that is older than its warehouse.`,
		Example: `  weft warehouse check --from 2026-03-01
  weft warehouse load --dry-run
  weft warehouse load`,
	}
	cmd.AddCommand(warehouseCheckCommand(env), warehouseLoadCommand(env))
	return cmd
}

func warehouseCheckCommand(env *cli.Env) *cobra.Command {
	var d days
	cmd := &cobra.Command{
		Use:   "check",
		Short: "List the parts that the table doesn't hold as their files do",
		Long: `List the verified parts of which the table holds other rows than their files do,
by number and checksum. That reads each row's key and body in the table, and is
billed so: bound it by days. It changes nothing, and ends with 1 if a part differs.`,
		Example: "  weft warehouse check --from 2026-03-01 --to 2026-03-31 --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return checkWarehouse(cmd.Context(), env, d) },
	}
	d.flags(cmd)
	return cmd
}

func warehouseLoadCommand(env *cli.Env) *cobra.Command {
	var d days
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Load what the table lacks, or holds otherwise",
		Long: `Compare as check does, make dataset and table if they are not there, and load the
parts that differ again. The files stay, and so does what Weft's own readers see.
Parts that the workers gave up on, after five loads, are handed to them once more.
It can be interrupted and started again, while workers run.`,
		Example: "  weft warehouse load --dry-run\n  weft warehouse load --from 2026-03-01",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return checkWarehouse(cmd.Context(), env, d)
			}
			return loadWarehouse(cmd.Context(), env, d)
		},
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only compare, as check does")
	return cmd
}

func checkWarehouse(ctx context.Context, env *cli.Env, d days) error {
	rep, err := withWarehouse(ctx, env, d, app.Options{}, (*app.App).CheckWarehouse)
	if errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("%w; `weft warehouse load` makes the table", err)
	}
	if err != nil {
		return err
	}
	if err := env.Print(rep, func(w io.Writer) error { return writeDifferences(w, rep) }); err != nil {
		return err
	}
	if len(rep.Differ) > 0 {
		return cli.ErrBadInput
	}
	return nil
}

func loadWarehouse(ctx context.Context, env *cli.Env, d days) error {
	rep, err := withWarehouse(ctx, env, d, app.Options{Repairs: true}, (*app.App).LoadWarehouse)
	if err != nil {
		return err
	}
	return env.Print(rep, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d parts compared, %d differed, %d of them loaded\n", rep.Compared, len(rep.Differ), rep.Loaded)
		if left := len(rep.Differ) - rep.Loaded; left > 0 && err == nil {
			_, err = fmt.Fprintf(w, "%d were replaced, or loaded by somebody else, meanwhile: check again\n", left)
		}
		if rep.GivenUp > 0 && err == nil {
			_, err = fmt.Fprintf(w, "%d that had been given up are loaded by the workers\n", rep.GivenUp)
		}
		return err
	})
}

// withWarehouse opens Weft, and shows how far do has come.
func withWarehouse(ctx context.Context, env *cli.Env, d days, opt app.Options,
	do func(*app.App, context.Context, string, string, app.WarehouseProgress) (app.WarehouseReport, error),
) (rep app.WarehouseReport, err error) {
	if err := d.check(); err != nil {
		return rep, err
	}
	opt.Service, opt.NoQueue = "weft-warehouse", true
	a, err := env.OpenExisting(ctx, opt)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	stages := live.NewStages(env.Stderr, "parts")
	rep, err = do(a, ctx, d.from, d.to, func(what string, done, of int) { stages.Tell(what, int64(done), int64(of)) })
	stages.Close()
	if errors.Is(err, app.ErrNoWarehouse) {
		return rep, cli.Usage(err)
	}
	return rep, err
}

func writeDifferences(w io.Writer, rep app.WarehouseReport) error {
	const named = 20
	var bytes int64
	rows := 0
	for i, d := range rep.Differ {
		bytes += d.Bytes
		rows += d.Rows
		if i < named {
			how := fmt.Sprintf("%d rows in the table, %d in the file", d.Table, d.Rows)
			if d.Table == d.Rows {
				how = fmt.Sprintf("%d rows as in the file, with other content", d.Rows)
			}
			if _, err := fmt.Fprintf(w, "%s: %s\n", d.Path, how); err != nil {
				return err
			}
		}
	}
	if n := len(rep.Differ) - named; n > 0 {
		if _, err := fmt.Fprintf(w, "and %d more (--json lists all)\n", n); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d parts compared, %d differ: %d rows in %s of files to load\n", rep.Compared, len(rep.Differ), rows, humanize.IBytes(uint64(bytes)))
	return err
}
