package analysis

import (
	"context"
	"fmt"
	"image"
	"math"
	"runtime"

	weftimage "weft/analysis/image"
)

// measureRuns is how often Measure asks; the first time, caches are cold.
const measureRuns = 4

// Measure returns the CPU seconds that a model takes for one image of a
// rendition's size, decoding left out, or for one short text: the least of a few
// runs, with the defaults of its parameters.
func (r *Registry) Measure(ctx context.Context, name string) (float64, error) {
	m := r.model(name)
	if m == nil {
		return 0, fmt.Errorf("measure: there is no model %s", name)
	}
	in := Input{Text: "a navy wool coat, worn with black boots #ootd", Params: Params{}}
	for _, p := range m.Info().Params {
		in.Params[p.Name] = p.Default
	}
	if m.Info().Kind == ImageKind {
		in.Image = sample()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := math.Inf(1)
	for range measureRuns {
		started := ThreadSeconds()
		found, err := analyzeAll(ctx, m, []Input{in})
		if err != nil {
			return 0, fmt.Errorf("measure: %w", err)
		}
		least = min(least, ThreadSeconds()-started+found[0].Elsewhere)
	}
	return least, nil
}

// sample is a picture as decoders return it, with shapes and shades.
func sample() image.Image {
	img := image.NewYCbCr(image.Rect(0, 0, weftimage.RenditionSide*3/4, weftimage.RenditionSide), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		x, y := i%img.YStride, i/img.YStride
		img.Y[i] = uint8(x*y/64 + x)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(i), uint8(i/img.CStride)
	}
	return img
}
