package image

// Mask says how sure a segmentation model is of each pixel being foreground. It
// covers the whole image, whatever its own size.
type Mask struct {
	W, H int
	P    []float32 // 0 to 1, row by row
}

// What a mask must be like to be trusted. The model was made for people before a
// camera: of a garment laid flat it takes a part, everything, or nothing.
const (
	maskCertain   = 0.5
	maskLeast     = 0.08 // of the area; less is a detail
	maskMost      = 0.75 // more is the whole picture
	maskBorder    = 0.35 // of the border, beyond which it is the background that was taken
	maskDecided   = 0.85 // of the pixels, which must be clearly one or the other
	maskUndecided = 0.25 // how near to 0 or 1 clear is
)

// trusted reports whether a mask may say what the garment is.
func (m Mask) trusted() bool {
	if m.W < 8 || m.H < 8 || len(m.P) != m.W*m.H {
		return false
	}
	area, clear, border, ring := 0, 0, 0, 0
	for i, p := range m.P {
		in := p >= maskCertain
		if in {
			area++
		}
		if p < maskUndecided || p > 1-maskUndecided {
			clear++
		}
		if x, y := i%m.W, i/m.W; x == 0 || y == 0 || x == m.W-1 || y == m.H-1 {
			ring++
			if in {
				border++
			}
		}
	}
	n := float64(len(m.P))
	share := float64(area) / n
	return share >= maskLeast && share <= maskMost && float64(border) <= maskBorder*float64(ring) && float64(clear) >= maskDecided*n
}

// at is the mask over the pixel (x, y) of an image of w×h.
func (m Mask) at(x, y, w, h int) float64 {
	return float64(m.P[min(m.H-1, y*m.H/h)*m.W+min(m.W-1, x*m.W/w)])
}

// within keeps of a foreground what the mask has too. Where hardly anything
// would be left, the two disagree and the mask is dropped.
func (m Mask) within(g grid, f foreground) foreground {
	out := foreground{weight: make([]float64, len(f.weight)), contrast: f.contrast}
	kept, total := 0.0, 0.0
	for i, w := range f.weight {
		total += w
		if p := m.at(i%g.w, i/g.w, g.w, g.h); p >= maskCertain {
			out.weight[i] = w * p
			kept += out.weight[i]
		}
	}
	if kept < 0.3*total {
		return f
	}
	return out
}
