package image

import (
	"bytes"
	"encoding/binary"
)

// Strip returns an image's bytes without what was written beside its pixels:
// place, time, owner, camera, thumbnails, comments, and whatever is appended to
// the file. Only what is needed to show the pixels stays: structure, colour
// profile, animation, and in a JPEG how the camera was held. Pixels are not
// decoded, so they are untouched.
//
// The same bytes always give the same result, and stripping twice changes
// nothing more. Data that is no image of a known kind is returned as it is; in
// one that is malformed everything is left out from where it can't be told what
// is what. data itself is never written to.
func Strip(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xD8\xFF")):
		return stripJPEG(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1A\n")):
		return stripPNG(data)
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return stripGIF(data)
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return stripWebP(data)
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		return stripHEIF(data)
	default:
		return data
	}
}

// cutter copies data but for what is dropped; if nothing is, it copies nothing.
type cutter struct {
	data []byte
	out  []byte
	from int // what lies before was copied or dropped
	cut  bool
}

// replace puts b in the place of data[from:to]. Places come in order.
func (c *cutter) replace(from, to int, b []byte) {
	if bytes.Equal(c.data[from:to], b) {
		return
	}
	if !c.cut {
		c.out = make([]byte, 0, len(c.data)+len(b))
	}
	c.cut = true
	c.out = append(append(c.out, c.data[c.from:from]...), b...)
	c.from = to
}

func (c *cutter) drop(from, to int) { c.replace(from, to, nil) }

// rest drops everything from there on.
func (c *cutter) rest(from int) { c.drop(from, len(c.data)) }

func (c *cutter) result() []byte {
	if !c.cut {
		return c.data
	}
	return append(c.out, c.data[c.from:]...)
}

// stripPNG keeps the chunks that say how the pixels look.
func stripPNG(data []byte) []byte {
	c := &cutter{data: data}
	for at := 8; at+8 <= len(data); {
		kind := string(data[at+4 : at+8])
		keep := pngChunk(kind)
		end := uint64(at) + 12 + uint64(binary.BigEndian.Uint32(data[at:]))
		switch {
		case end > uint64(len(data)): // it is cut off; what is left of pixels is theirs
			if !keep {
				c.rest(at)
			}
			return c.result()
		case kind == "IEND":
			c.rest(int(end))
			return c.result()
		case !keep:
			c.drop(at, int(end))
		}
		at = int(end)
	}
	return c.result()
}

func pngChunk(kind string) bool {
	switch kind {
	case "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "pHYs", "hIST", "sPLT",
		"cICP", "mDCV", "cLLI", "acTL", "fcTL", "fdAT":
		return true
	}
	return false
}

// stripWebP drops EXIF, XMP and whatever is unknown, and sets the header's
// flags and size right.
func stripWebP(data []byte) []byte {
	c := &cutter{data: data}
	limit := min(uint64(len(data)), 8+uint64(binary.LittleEndian.Uint32(data[4:])))
	at := uint64(12)
	for at+8 <= limit {
		kind, size := string(data[at:at+4]), uint64(binary.LittleEndian.Uint32(data[at+4:]))
		end := at + 8 + size + size&1
		keep := webpChunk(kind)
		if end > limit { // it is cut off; what is left of pixels is theirs
			if !keep {
				limit = at
			}
			break
		}
		const exifAndXMP = 0x08 | 0x04
		switch {
		case !keep:
			c.drop(int(at), int(end))
		case kind == "VP8X" && size > 0:
			c.replace(int(at)+8, int(at)+9, []byte{data[at+8] &^ exifAndXMP})
		}
		at = end
	}
	c.rest(int(limit))
	out := c.result()
	if c.cut {
		binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	}
	return out
}

func webpChunk(kind string) bool {
	switch kind {
	case "VP8 ", "VP8L", "VP8X", "ALPH", "ICCP", "ANIM", "ANMF":
		return true
	}
	return false
}

// stripGIF drops comments and the extensions of applications, but for those
// that loop an animation or hold the colour profile.
func stripGIF(data []byte) []byte {
	c := &cutter{data: data}
	if len(data) < 13 {
		return data
	}
	at := 13 + palette(data[10])
	for at < len(data) {
		var end int
		keep := true
		switch data[at] {
		case 0x2C: // an image: descriptor, palette, code size, blocks
			if at+10 > len(data) {
				return c.result()
			}
			end = blocks(data, at+10+palette(data[at+9])+1)
		case 0x21:
			end = blocks(data, at+2)
			keep = gifExtension(data[at:])
		case 0x3B:
			c.rest(at + 1)
			return c.result()
		default:
			c.rest(at)
			return c.result()
		}
		switch {
		case end < 0 && keep: // it is cut off
			return c.result()
		case end < 0:
			c.rest(at)
			return c.result()
		case !keep:
			c.drop(at, end)
		}
		at = end
	}
	return c.result()
}

// gifExtension says whether the extension at the start of b stays.
func gifExtension(b []byte) bool {
	if len(b) < 2 {
		return true // nothing of it is there
	}
	const control, plainText, application = 0xF9, 0x01, 0xFF
	switch b[1] {
	case control, plainText:
		return true
	case application:
		if len(b) < 14 {
			return false
		}
		name := string(b[3:14])
		return name == "NETSCAPE2.0" || name == "ANIMEXTS1.0" || name == "ICCRGBG1012"
	default:
		return false
	}
}

// palette is the size of the colour table that a GIF's flags tell of.
func palette(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// blocks returns where a chain of a GIF's blocks ends, -1 if it doesn't.
func blocks(data []byte, at int) int {
	for at < len(data) {
		size := int(data[at])
		at += 1 + size
		if size == 0 {
			return at
		}
	}
	return -1
}
