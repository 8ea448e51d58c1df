package image

import (
	"image"
	"image/color"
	"testing"
)

// squareMask is sure of the pixels from (x0, y0) to (x1, y1) of 32×32.
func squareMask(x0, y0, x1, y1 int, in, out float32) Mask {
	m := Mask{W: 32, H: 32, P: make([]float32, 32*32)}
	for i := range m.P {
		m.P[i] = out
		if x, y := i%32, i/32; x >= x0 && x < x1 && y >= y0 && y < y1 {
			m.P[i] = in
		}
	}
	return m
}

func TestMaskIsTrusted(t *testing.T) {
	for name, tc := range map[string]struct {
		mask Mask
		want bool
	}{
		"a garment":         {squareMask(8, 4, 24, 28, 0.95, 0.02), true},
		"nothing":           {squareMask(0, 0, 0, 0, 1, 0.01), false},
		"a button":          {squareMask(15, 15, 18, 18, 0.99, 0.01), false},
		"everything":        {squareMask(0, 0, 32, 32, 0.99, 0), false},
		"the background":    {squareMask(0, 0, 32, 15, 0.99, 0.01), false},
		"undecided":         {squareMask(8, 4, 24, 28, 0.6, 0.4), false},
		"of another length": {Mask{W: 32, H: 32, P: make([]float32, 5)}, false},
		"empty":             {Mask{}, false},
	} {
		if got := tc.mask.trusted(); got != tc.want {
			t.Errorf("%s: trusted %v, want %v", name, got, tc.want)
		}
	}
}

// TestMaskNarrowsTheGarment: a red garment before a table with a blue cloth on
// it that isn't reached from the border.
func TestMaskNarrowsTheGarment(t *testing.T) {
	c := newTestColors(t)
	img := image.NewRGBA(image.Rect(0, 0, 128, 128))
	for y := range 128 {
		for x := range 128 {
			img.SetRGBA(x, y, color.RGBA{235, 235, 235, 255})
			switch {
			case x >= 36 && x < 92 && y >= 64 && y < 118:
				img.SetRGBA(x, y, color.RGBA{200, 20, 30, 255})
			case x >= 24 && x < 104 && y >= 10 && y < 64:
				img.SetRGBA(x, y, color.RGBA{31, 95, 196, 255})
			}
		}
	}
	mask := squareMask(9, 16, 23, 29, 0.98, 0.01)
	if got := c.Regions(img, 4, 1, nil); len(got) < 3 {
		t.Fatalf("without a mask only %v is found: the picture doesn't test it", got)
	}
	for _, a := range c.Regions(img, 4, 1, &mask) {
		if a.Name == AttrColor && a.Value != "red" {
			t.Errorf("with the mask %s is found: %+v", a.Value, a)
		}
	}
	nowhere := squareMask(0, 0, 0, 0, 1, 0)
	if with, without := c.Regions(img, 4, 1, &nowhere), c.Regions(img, 4, 1, nil); len(with) != len(without) {
		t.Errorf("a mask that isn't trusted changed %v to %v", without, with)
	}
}

func TestExpose(t *testing.T) {
	for _, c := range []struct {
		what             string
		tone, dark, want uint8
	}{
		{"a white wall, dim", 180, 20, 245},
		{"a dark room", 50, 10, 80},
		{"a light photo", 250, 20, 250},
		{"one dim tone, which may be the garment's", 100, 90, 100},
	} {
		img := image.NewRGBA(image.Rect(0, 0, 20, 20))
		for i := range img.Pix {
			img.Pix[i] = c.tone
			if i < len(img.Pix)/5 {
				img.Pix[i] = c.dark
			}
		}
		expose(img)
		if got := img.Pix[len(img.Pix)-4]; got != c.want {
			t.Errorf("%s: %d became %d, want %d", c.what, c.tone, got, c.want)
		}
	}
}
