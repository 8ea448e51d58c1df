package image

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is EXIF tag 0x0112: how a camera was held.
type orientation int

const upright orientation = 1

// swaps reports whether width and height change places.
func (o orientation) swaps() bool { return o >= 5 }

// apply returns img turned and mirrored so that it stands upright.
func (o orientation) apply(img *image.RGBA, s *scratch) *image.RGBA {
	if o == upright {
		return img
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	ow, oh := w, h
	if o.swaps() {
		ow, oh = h, w
	}
	out := s.rgba(ow, oh)
	for y := range h {
		for x := range w {
			ox, oy := o.target(x, y, w, h)
			copy(out.Pix[oy*out.Stride+4*ox:][:4], img.Pix[y*img.Stride+4*x:][:4])
		}
	}
	return out
}

// target is where the stored pixel (x, y) belongs in the upright image.
func (o orientation) target(x, y, w, h int) (int, int) {
	switch o {
	case 2: // mirrored
		return w - 1 - x, y
	case 3: // upside down
		return w - 1 - x, h - 1 - y
	case 4: // mirrored, upside down
		return x, h - 1 - y
	case 5: // mirrored along the main diagonal
		return y, x
	case 6: // to be turned right
		return h - 1 - y, x
	case 7: // mirrored along the other diagonal
		return h - 1 - y, w - 1 - x
	case 8: // to be turned left
		return y, w - 1 - x
	default:
		return x, y
	}
}

// readOrientation finds the orientation in a JPEG's EXIF segment. Anything
// missing or malformed means upright: it is never a reason to refuse a photo.
func readOrientation(data []byte) orientation {
	rest := data
	if len(rest) < 4 || rest[0] != 0xFF || rest[1] != 0xD8 {
		return upright
	}
	rest = rest[2:]
	for len(rest) >= 4 && rest[0] == 0xFF {
		marker := rest[1]
		if marker == 0xFF { // a fill byte
			rest = rest[1:]
			continue
		}
		if marker == 0xDA || marker == 0xD9 { // pixels begin, or the file ends
			return upright
		}
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if size < 2 || len(rest) < 2+size {
			return upright
		}
		segment := rest[4 : 2+size]
		if body, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xE1 {
			return tiffOrientation(body)
		}
		rest = rest[2+size:]
	}
	return upright
}

// tiffOrientation looks through the first directory of a TIFF structure.
func tiffOrientation(tiff []byte) orientation {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return upright
		}
		const tagOrientation, typeShort = 0x0112, 3
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == typeShort {
			if o := orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return upright
		}
		entries = entries[12:]
	}
	return upright
}
