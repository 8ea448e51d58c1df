package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/evaluate"
	"weft/internal/live"
)

// evalFlags are what `weft eval` is told.
type evalFlags struct {
	model, light, heavy, photos, models, out string
	cascade                                  bool
	threshold                                float64
}

func evalCommand(env *cli.Env) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure a model, or a cascade of two, on labelled photos",
		Long: `Show a model photos of known class, a folder per class (names as the model's
values, in any case), through the same rendition, decoding and scaling that posts go
through, and count. The surest class counts even below the model's threshold.

It prints accuracy with a 95 % interval, accuracy per class, what was taken for what,
the expected calibration error over 15 bins, and CPU milliseconds per image: with
reading and decoding the rendition, and for the model alone.

With --cascade it computes what the chain of a light and a heavy model gives at every
threshold, against always asking the heavy one, and draws it into --out.

--json prints accuracy, accuracy_per_class, confusion, ece, ms_per_image,
ms_per_image_inference, n, interval_95; of a cascade light, heavy, default, best, points, pays.`,
		Example: `  weft eval --model garment-l --data ~/clothing/validation --json
  weft eval --cascade --data ~/clothing/validation --out cascade.png
  weft eval --models my-models.yaml --model my-hats --data ~/hats`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.cascade == (f.model != "") {
				return cli.Usage(errors.New("give one of --model NAME and --cascade"))
			}
			return eval(cmd.Context(), env, f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.model, "model", "", "the model to measure")
	fs.BoolVar(&f.cascade, "cascade", false, "measure the chain of --light and --heavy")
	fs.StringVar(&f.light, "light", "garment-s", "the cascade's first model")
	fs.StringVar(&f.heavy, "heavy", "garment-l", "the cascade's second model")
	fs.StringVar(&f.photos, "data", "", "folder of photos, a sub-folder per class")
	fs.StringVar(&f.models, "models", "", "a file of declarations, beside those of the configuration")
	fs.StringVar(&f.out, "out", "", "file for the cascade's plot (PNG)")
	fs.Float64Var(&f.threshold, "threshold", 0, "the cascade's default threshold (default that of the catalog profile)")
	if err := cmd.MarkFlagRequired("data"); err != nil {
		panic(err) // the flag is declared above
	}
	return cmd
}

func eval(ctx context.Context, env *cli.Env, f evalFlags) (err error) {
	all, err := openModels(env, f.models)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, all.Declared.Close()) }()
	if !f.cascade {
		r, _, err := measure(ctx, env, all, f.model, f.photos)
		if err != nil {
			return err
		}
		return env.Print(r, r.WriteText)
	}
	if f.threshold == 0 {
		if f.threshold, err = evaluate.CatalogThreshold(); err != nil {
			return cli.Usage(err)
		}
	}
	light, lightLooks, err := measure(ctx, env, all, f.light, f.photos)
	if err != nil {
		return err
	}
	heavy, heavyLooks, err := measure(ctx, env, all, f.heavy, f.photos)
	if err != nil {
		return err
	}
	c := evaluate.Chain(light, heavy, lightLooks, heavyLooks, f.threshold)
	if f.out != "" {
		if err := writePlot(f.out, c); err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "plot: %s\n", f.out)
	}
	return env.Print(c, c.WriteText)
}

// measure shows one model all photos.
func measure(ctx context.Context, env *cli.Env, all *app.Models, name, photos string) (evaluate.Report, []evaluate.Look, error) {
	n, ok := all.Declared.Net(name)
	if !ok {
		return evaluate.Report{}, nil, cli.Usage(fmt.Errorf("there is no learned model %q; allowed: %v", name, all.Declared.Names()))
	}
	stages := live.NewStages(env.Stderr, "photos")
	looks, err := evaluate.Looks(ctx, n, photos, func(done, of int) { stages.Tell(name, int64(done), int64(of)) })
	stages.Close()
	if err != nil {
		return evaluate.Report{}, nil, err
	}
	return evaluate.Summarize(name, n.Declaration().Version, looks), looks, nil
}

func writePlot(path string, c evaluate.Cascade) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	return errors.Join(c.WritePlot(f), f.Close())
}
