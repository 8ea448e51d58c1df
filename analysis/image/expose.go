package image

import "image"

// expose brightens a photo until its brightest fiftieth is nearly white, as eyes
// do that adapt: indoors, phones show white cotton as a middle grey. A dark room
// is not made into a bright one, and a photo of one tone tells nothing of the
// light that it was taken in. img is changed.
func expose(img *image.RGBA) *image.RGBA {
	const (
		dropped = 50  // one of so many pixels may become whiter than white
		bright  = 245 // what the brightest of the others becomes
		most    = 1.6 // times the light
		tones   = 32  // between dark and bright, or it is one tone
	)
	var counts [256]int
	for i := 0; i+3 < len(img.Pix); i += 4 {
		counts[max(img.Pix[i], img.Pix[i+1], img.Pix[i+2])]++
	}
	at, left := 255, len(img.Pix)/4/dropped
	for at > 1 && left >= counts[at] {
		left -= counts[at]
		at--
	}
	dark := 0
	for left = len(img.Pix) / 4 / dropped; dark < at && left >= counts[dark]; dark++ {
		left -= counts[dark]
	}
	gain := min(most, bright/float64(at))
	if gain <= 1 || at-dark < tones {
		return img
	}
	var to [256]uint8
	for v := range to {
		to[v] = uint8(min(255, gain*float64(v)))
	}
	for i := 0; i+3 < len(img.Pix); i += 4 {
		img.Pix[i], img.Pix[i+1], img.Pix[i+2] = to[img.Pix[i]], to[img.Pix[i+1]], to[img.Pix[i+2]]
	}
	return img
}
