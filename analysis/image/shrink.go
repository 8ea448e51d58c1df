package image

import (
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// shrink draws img over a white canvas and scales the canvas so that its
// longest side is at most side; it never enlarges. It works in two passes: a
// box filter by a whole factor, strip by strip, so that no second full-size
// copy is ever in memory, then a linear kernel for the rest, a factor under two.
func shrink(img image.Image, canvas image.Rectangle, side int) *image.RGBA {
	canvas = canvas.Add(canvasOrigin(img, canvas))
	factor := max(1, max(canvas.Dx(), canvas.Dy())/side)
	boxed := box(img, canvas, factor)
	w, h := fit(canvas.Dx(), canvas.Dy(), side)
	if b := boxed.Bounds(); b.Dx() == w && b.Dy() == h {
		return boxed
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.BiLinear.Scale(out, out.Bounds(), boxed, boxed.Bounds(), xdraw.Src, nil)
	return out
}

// canvasOrigin is where the canvas starts. Only the first frame of a GIF lies
// within a larger canvas; other decoders return the whole of it.
func canvasOrigin(img image.Image, canvas image.Rectangle) image.Point {
	if img.Bounds().In(canvas) {
		return image.Point{}
	}
	return img.Bounds().Min
}

// fit returns w and h scaled so that the longer is at most side.
func fit(w, h, side int) (int, int) {
	longest := max(w, h)
	if longest <= side {
		return w, h
	}
	scale := func(v int) int { return max(1, (v*side+longest/2)/longest) }
	return scale(w), scale(h)
}

// box averages blocks of factor×factor pixels. The last row and column of
// blocks may be smaller.
func box(img image.Image, canvas image.Rectangle, factor int) *image.RGBA {
	w, h := canvas.Dx(), canvas.Dy()
	ow, oh := (w+factor-1)/factor, (h+factor-1)/factor
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	strip := image.NewRGBA(image.Rect(0, 0, w, factor))
	white := image.NewUniform(color.White)
	sums := make([]uint32, 4*ow)
	for oy := range oh {
		rows := min(factor, h-oy*factor)
		area := image.Rect(0, 0, w, rows)
		draw.Draw(strip, area, white, image.Point{}, draw.Src)
		from := image.Rect(canvas.Min.X, canvas.Min.Y+oy*factor, canvas.Max.X, canvas.Min.Y+oy*factor+rows)
		seen := from.Intersect(img.Bounds())
		draw.Draw(strip, seen.Sub(from.Min), img, seen.Min, draw.Over)
		clear(sums)
		for y := range rows {
			sumRow(sums, strip.Pix[y*strip.Stride:y*strip.Stride+4*w], factor)
		}
		line := out.Pix[oy*out.Stride:]
		for ox := range ow {
			n := uint32(rows * min(factor, w-ox*factor))
			for c := range 3 {
				line[4*ox+c] = uint8((sums[4*ox+c] + n/2) / n)
			}
			line[4*ox+3] = 255
		}
	}
	return out
}

// sumRow adds a row of RGBA pixels to the sums of the blocks they lie in.
func sumRow(sums []uint32, row []uint8, factor int) {
	o, left := 0, factor
	for i := 0; i+3 < len(row); i += 4 {
		sums[o] += uint32(row[i])
		sums[o+1] += uint32(row[i+1])
		sums[o+2] += uint32(row[i+2])
		if left--; left == 0 {
			o, left = o+4, factor
		}
	}
}
