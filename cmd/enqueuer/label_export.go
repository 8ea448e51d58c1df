package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/live"
)

func labelExportCommand(env *cli.Env) *cobra.Command {
	var req app.LabelExport
	cmd := &cobra.Command{
		Use:   "export --attribute NAME --out DIR",
		Short: "Export labelled photos, to train a model on",
		Long: `Write the renditions of labelled posts into a folder per value, for one attribute:
DIR/train/VALUE and DIR/validation/VALUE, which weft preprocess and weft eval take;
manifest.ndjson with post, image, value, labelers, taxonomy and split of each; and
labels.csv with those to train on, for analysis/train. Pictures on which people drew
boxes go into DIR/boxes, and the boxes into boxes-train.json and boxes-validation.json,
in COCO's form: every such picture, however many the post has.

Beside those, only posts with one image and one value are taken, since a label is of the post: of
several images nobody knows which shows it. All posts of an author are on the same side.
Posts whose author doesn't want to be found are left out. What is forgotten later stays in
the folder: export anew before you train again, and delete the old one.`,
		Example: "  enqueuer label export --attribute category --out labels\n  make train PHOTOS=~/clothing LABELS=labels/labels.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if req.Validation < 0 || req.Validation > 0.9 {
				return cli.Usage(fmt.Errorf("--validation %g: 0 to 0.9 are possible", req.Validation))
			}
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			if names := a.Registry.Attributes(); !slices.Contains(names, req.Attribute) {
				return cli.Usage(fmt.Errorf("--attribute %q: allowed are %v", req.Attribute, names))
			}
			bar := live.NewProgress(env.Stderr, 0, "posts", "export")
			tell := progress(bar)
			req.Progress = func(n int) { tell(int64(n)) }
			rep, err := a.ExportLabels(cmd.Context(), req)
			bar.Close()
			if errors.Is(err, app.ErrExport) {
				return cli.Usage(err)
			}
			if err != nil {
				return err
			}
			return env.Print(rep, func(w io.Writer) error { return writeLabelReport(w, rep) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Attribute, "attribute", "", "the attribute (required)")
	f.StringVar(&req.Out, "out", "", "folder to write into, new or empty (required)")
	f.Float64Var(&req.Validation, "validation", 0.2, "share of the authors whose photos are for validation")
	for _, name := range []string{"attribute", "out"} {
		_ = cmd.MarkFlagRequired(name) // the flag is there
	}
	return cmd
}

func writeLabelReport(w io.Writer, rep app.LabelReport) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "%s\ttrain\tvalidation\n", rep.Attribute)
	values := maps.Clone(rep.Splits["train"])
	maps.Copy(values, rep.Splits["validation"])
	for _, v := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(t, "%s\t%d\t%d\n", v, rep.Splits["train"][v], rep.Splits["validation"][v])
	}
	if rep.Boxes > 0 {
		fmt.Fprintf(t, "\nboxes:\t%d on %d pictures\n", rep.Boxes, rep.BoxPhotos)
	}
	for _, why := range slices.Sorted(maps.Keys(rep.LeftOut)) {
		fmt.Fprintf(t, "\nleft out, %s:\t%d\n", why, rep.LeftOut[why])
	}
	return t.Flush()
}
