package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"weft/internal/cli"
	"weft/internal/evaluate"
)

func preprocessCommand(env *cli.Env) *cobra.Command {
	var data, out string
	var side int
	cmd := &cobra.Command{
		Use:   "preprocess",
		Short: "Export photos as the very pixels that models are asked with",
		Long: `Export a folder of photos (a sub-folder per class) as NumPy arrays, through the
same decoding, rendition and scaling that analysis uses. Train on these: another
library's resize costs a model one to two points when it is served.

It writes pixels.npy (uint8, photos × side × side × 3, red first) and photos.csv
(row, class, path).`,
		Example: "  weft preprocess --photos ~/clothing/train --side 224 --out pixels/train",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if side < 16 || side > 1024 {
				return cli.Usage(fmt.Errorf("--side %d: 16 to 1024 are possible", side))
			}
			return evaluate.Preprocess(data, out, side, func(done, of int) {
				if done%500 == 0 || done == of {
					fmt.Fprintf(env.Stderr, "%d of %d photos\n", done, of)
				}
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "photos", "", "folder of photos, a sub-folder per class")
	f.StringVar(&out, "out", "", "folder to write into")
	f.IntVar(&side, "side", 224, "pixels per side")
	for _, name := range []string{"photos", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return cmd
}
