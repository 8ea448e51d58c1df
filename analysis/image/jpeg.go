package image

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
)

// scaler decodes JPEGs to a fraction of their size, denom being 1, 2, 4 or 8.
// Every build has the standard library's (goJPEG), which decodes all of it and
// averages; one with the tag turbojpeg has libjpeg-turbo's too, which leaves out
// the work. Both give the same sizes, and pixels that differ by rounding: what
// is found in a photo must not depend on how a program was built.
type scaler interface {
	// decode returns errElsewhere for what another scaler has to judge.
	decode(data []byte, h header, denom int, s *scratch) (image.Image, error)
}

// scaled is the size of a side after decoding to 1/denom: rounded up, as
// libjpeg does.
func scaled(side, denom int) int { return (side + denom - 1) / denom }

// denominator is the strongest scaling that leaves side at least the wanted
// size; 1 where no size is wanted.
func denominator(side, wanted int) int {
	if wanted <= 0 {
		return 1
	}
	for _, denom := range []int{8, 4, 2} {
		if scaled(side, denom) >= wanted {
			return denom
		}
	}
	return 1
}

// goJPEG is image/jpeg and a box filter.
type goJPEG struct{}

func (goJPEG) decode(data []byte, h header, denom int, s *scratch) (image.Image, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil || denom == 1 {
		return img, err
	}
	return box(img, image.Rect(0, 0, h.width, h.height), denom, s), nil
}

// jpegFrame is what a JPEG's segments say of its pixels.
type jpegFrame struct {
	progressive bool
	parts       int  // components: 1 grey, 3 colour, 4 CMYK
	converted   bool // stored as CMYK or RGB, from which image/jpeg makes a copy
	samples     int64
	scans       int
}

// countScans counts the marks that scans begin with, which coded pixels never
// hold by chance.
func countScans(data []byte) int { return bytes.Count(data, []byte{0xFF, markSOS}) }

// readFrame looks for the frame header. Where there is none to be found, it
// answers with the worst there can be: image/jpeg decides what is readable.
func readFrame(data []byte, w, h int) jpegFrame {
	worst := jpegFrame{progressive: true, parts: 4, converted: true, samples: 4 * int64(w) * int64(h)}
	rgb := false
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker := data[at+1]
		if marker == 0xFF { // a fill byte
			at++
			continue
		}
		end := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == markSOS || end > len(data) || end < at+4 {
			return worst
		}
		body := data[at+4 : end]
		switch {
		case marker == 0xEE && len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")):
			rgb = body[11] == 0
		case marker >= 0xC0 && marker <= 0xC2 && len(body) >= 6 && len(body) >= 6+3*int(body[5]):
			f := jpegFrame{progressive: marker == 0xC2, parts: int(body[5])}
			f.converted = f.parts == 4 || f.parts == 3 && (rgb || body[6] == 'R' && body[9] == 'G' && body[12] == 'B')
			f.samples = countSamples(body[6:6+3*f.parts], w, h)
			return f
		}
		at = end
	}
	return worst
}

// countSamples adds up the components' planes, which may be sampled at
// different rates.
func countSamples(parts []byte, w, h int) int64 {
	most, sum := int64(1), int64(0)
	for i := 1; i < len(parts); i += 3 {
		rate := int64(parts[i]>>4) * int64(parts[i]&15)
		most = max(most, rate)
		sum += rate
	}
	return int64(w) * int64(h) * sum / most
}
