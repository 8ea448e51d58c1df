package image

import (
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// shrink draws img over a white canvas and scales the canvas so that its
// longest side is at most side; it never enlarges.
func shrink(img image.Image, canvas image.Rectangle, side int) *image.RGBA {
	w, h := fit(canvas.Dx(), canvas.Dy(), side)
	return resize(img, canvas, w, h, nil)
}

// resize works in two passes: a box filter by a whole factor, row by row, so
// that no second full-size copy is ever in memory, then a linear kernel for the
// rest, a factor under two.
func resize(img image.Image, canvas image.Rectangle, w, h int, s *scratch) *image.RGBA {
	canvas = canvas.Add(canvasOrigin(img, canvas))
	factor := max(1, max(canvas.Dx(), canvas.Dy())/max(w, h))
	boxed := box(img, canvas, factor, s)
	if b := boxed.Bounds(); b.Dx() == w && b.Dy() == h {
		return boxed
	}
	out := s.rgba(w, h)
	xdraw.BiLinear.Scale(out, out.Bounds(), boxed, boxed.Bounds(), xdraw.Src, nil)
	return out
}

// canvasOrigin is where the canvas starts. Only the first frame of an animation
// lies within a larger canvas; other decoders return the whole of it.
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
func box(img image.Image, canvas image.Rectangle, factor int, s *scratch) *image.RGBA {
	w, h := canvas.Dx(), canvas.Dy()
	ow, oh := (w+factor-1)/factor, (h+factor-1)/factor
	out := s.rgba(ow, oh)
	rows := newRows(img, canvas, s)
	sums := make([]uint32, 4*ow)
	for oy := range oh {
		n := min(factor, h-oy*factor)
		if factor == 1 {
			copy(out.Pix[oy*out.Stride:], rows.row(oy))
			continue
		}
		clear(sums)
		for y := range n {
			sumRow(sums, rows.row(oy*factor+y), factor)
		}
		line := out.Pix[oy*out.Stride:]
		for ox := range ow {
			area := uint32(n * min(factor, w-ox*factor))
			for c := range 3 {
				line[4*ox+c] = uint8((sums[4*ox+c] + area/2) / area)
			}
			line[4*ox+3] = 255
		}
	}
	return out
}

// rows reads an image row by row, over white: the memory for it doesn't grow
// with the image's height, however long and thin a sender made it.
type rows struct {
	img    image.Image
	canvas image.Rectangle
	plain  *image.RGBA // the image itself where it is nothing but opaque pixels, else nil
	line   *image.RGBA
	white  *image.Uniform
}

func newRows(img image.Image, canvas image.Rectangle, s *scratch) *rows {
	r := &rows{img: img, canvas: canvas, white: image.NewUniform(color.White)}
	if plain, ok := img.(*image.RGBA); ok && canvas.In(plain.Rect) && plain.Opaque() {
		r.plain = plain
		return r
	}
	r.line = s.rgba(canvas.Dx(), 1)
	return r
}

// row returns row y of the canvas as RGBA. It is good until the next call.
func (r *rows) row(y int) []byte {
	y += r.canvas.Min.Y
	if r.plain != nil {
		return r.plain.Pix[r.plain.PixOffset(r.canvas.Min.X, y):r.plain.PixOffset(r.canvas.Max.X, y)]
	}
	draw.Draw(r.line, r.line.Rect, r.white, image.Point{}, draw.Src)
	seen := image.Rect(r.canvas.Min.X, y, r.canvas.Max.X, y+1).Intersect(r.img.Bounds())
	draw.Draw(r.line, seen.Sub(image.Pt(r.canvas.Min.X, y)), r.img, seen.Min, draw.Over)
	return r.line.Pix
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
