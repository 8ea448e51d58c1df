package learned

import (
	"image"

	weftimage "weft/analysis/image"
	"weft/analysis/zoo"
)

// Tensor scales images into one batch, as an input wants them.
func Tensor(images []image.Image, in zoo.Input) zoo.Tensor {
	side := in.Side
	each := 3 * side * side
	t := zoo.Tensor{Shape: []int64{int64(len(images)), 3, int64(side), int64(side)}, Floats: make([]float32, each*len(images))}
	if in.Layout == zoo.NHWC {
		t.Shape = []int64{int64(len(images)), int64(side), int64(side), 3}
	}
	for i, img := range images {
		fill(t.Floats[i*each:(i+1)*each], weftimage.Square(img, side), in)
	}
	return t
}

// fill writes an image's pixels as the input wants them. A table for each
// channel takes the place of a division for each value.
func fill(to []float32, img *image.RGBA, in zoo.Input) {
	var table [3][256]float32
	for c := range table {
		for v := range table[c] {
			table[c][v] = float32((float64(v) - in.Mean[c]) / in.Std[c])
		}
	}
	channel := [3]int{0, 1, 2} // where each channel of the tensor is in a pixel
	if in.Colors == zoo.BGR {
		channel = [3]int{2, 1, 0}
	}
	plane, step := in.Side*in.Side, 1
	if in.Layout == zoo.NHWC {
		plane, step = 1, 3
	}
	for c := range 3 {
		values := &table[c]
		from := channel[c]
		for p := range in.Side * in.Side {
			to[c*plane+p*step] = values[img.Pix[4*p+from]]
		}
	}
}
