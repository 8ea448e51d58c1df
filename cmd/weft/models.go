package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/cli"
)

func modelsCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
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
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-models", NoQueue: true, ONNX: native.ONNX})
			if err != nil {
				return err
			}
			defer func() {
				if closed := a.Close(); err == nil {
					err = closed
				}
			}()
			reports := a.DescribeModels(cmd.Context())
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
}

func writeModels(w io.Writer, reports []app.ModelReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tTIER\tTASK\tRUNTIME\tSTAGE\tCPU MS\tFINDS")
	for _, r := range reports {
		cost := "-"
		if r.Ready && r.CPUSeconds > 0 {
			cost = fmt.Sprintf("%.2f", r.CPUSeconds*1000)
		}
		finds := strings.Join(r.Attributes, ", ")
		if r.Embedding > 0 {
			finds += fmt.Sprintf(", embedding of %d", r.Embedding)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Version, r.Tier, r.Task, r.Runtime, r.Stage, cost, strings.TrimPrefix(finds, ", "))
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
