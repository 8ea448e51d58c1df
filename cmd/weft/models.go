package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weft/analysis/zoo"
	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/cli"
)

func modelsCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the models, check their declarations and measure their cost",
		Long: `List every model that profiles can name: those that are built in, those that ship,
and those of the files under analysis.models. Each is opened and held against what
its graph or server really offers, and what it costs is measured: CPU seconds for one
image of a rendition's size (decoding left out), or one short text.

It ends with 1 if a declaration is wrong. How to add a model: docs/models/README.md.`,
		Example: "  weft models --set analysis.models=my-models.yaml\n  weft models --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			all, err := openModels(env, "")
			if err != nil {
				return err
			}
			defer func() { err = cmp.Or(err, all.Declared.Close()) }()
			reports := all.Describe(cmd.Context())
			if err := env.Print(reports, func(w io.Writer) error { return writeModels(w, reports) }); err != nil {
				return err
			}
			for _, r := range reports {
				if r.Wrong() {
					return cli.ErrBadInput
				}
			}
			return nil
		},
	}
	cmd.AddCommand(compareCommand(env), promoteCommand(env), rollbackCommand(env))
	return cmd
}

// openModels reads the models of the configuration, and those of one more file.
func openModels(env *cli.Env, file string) (*app.Models, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	if file != "" {
		cfg.Analysis.Models = append(cfg.Analysis.Models, file)
	}
	all, err := app.OpenModels(cfg.Analysis, native.ONNX)
	var wrong zoo.Errors
	if errors.As(err, &wrong) {
		return nil, cli.Usage(err)
	}
	return all, err
}

func writeModels(w io.Writer, reports []app.ModelReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tTIER\tTASK\tRUNTIME\tSTAGE\tCPU MS\tFINDS")
	for _, r := range reports {
		cost := "-"
		if r.Ready && r.CPUSeconds > 0 {
			cost = fmt.Sprintf("%.2f", r.CPUSeconds*1000)
		}
		stage := r.Stage
		switch {
		case r.Of != "":
			stage = fmt.Sprintf("%s of %s, %g %%", stage, r.Of, 100*r.Share)
		case r.Declared != "":
			stage += ": " + r.Declared
		}
		finds := strings.Join(r.Attributes, ", ")
		if r.Embedding > 0 {
			finds += fmt.Sprintf(", embedding of %d", r.Embedding)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Version, r.Tier, r.Task, r.Runtime, stage, cost, strings.TrimPrefix(finds, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range reports {
		if r.Problem != "" {
			if _, err := fmt.Fprintf(w, "\n%s can't run: %s\n", r.Name, r.Problem); err != nil {
				return err
			}
		}
	}
	return nil
}
