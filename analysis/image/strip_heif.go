package image

import (
	"bytes"
	"encoding/binary"
)

// stripHEIF overwrites in place what is not picture, since every offset in the
// file counts from its start: boxes that hold none become "free", EXIF becomes
// empty, XMP blank.
func stripHEIF(data []byte) []byte {
	out := bytes.Clone(data)
	var content []heifBox
	for b := range boxesIn(data, 0, len(data)) {
		switch b.kind {
		case "mdat":
			content = append(content, b)
		case "ftyp", "styp", "moof", "sidx", "mfra":
		case "meta":
			content = append(content, freeInMeta(data, out, b)...)
		case "moov":
			freeWithin(data, out, b, 0)
		default:
			free(out, b)
		}
	}
	h, _ := readHEIF(data)
	e := eraser{out: out, within: content[:min(len(content), 64)], left: 4 * len(data)}
	for _, it := range h.items {
		switch it.kind {
		case "hvc1", "hev1", "av01", "grid", "iovl", "iden", "jpeg", "avc1", "tmap", "vvc1", "j2k1", "unci":
		case "Exif":
			e.blank(it.extents, []byte("\x00\x00\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"), 0)
		case "mime":
			e.blank(it.extents, nil, ' ')
		default:
			e.blank(it.extents, nil, 0)
		}
	}
	if bytes.Equal(out, data) {
		return data
	}
	return out
}

// freeInMeta empties what describes no picture, and returns the boxes of data.
func freeInMeta(data, out []byte, meta heifBox) (content []heifBox) {
	for b := range boxesIn(data, min(meta.body+4, meta.end), meta.end) {
		switch b.kind {
		case "idat":
			content = append(content, b)
		case "iprp":
			freeNotes(data, out, b)
		case "hdlr", "dinf", "pitm", "iinf", "iloc", "grpl", "iref":
		default:
			free(out, b)
		}
	}
	return content
}

// freeNotes empties descriptions among the properties; their places are counted.
func freeNotes(data, out []byte, iprp heifBox) {
	for b := range boxesIn(data, iprp.body, iprp.end) {
		if b.kind != "ipco" {
			continue
		}
		for p := range boxesIn(data, b.body, b.end) {
			if p.kind == "udes" || p.kind == "uuid" || p.kind == "altt" || p.kind == "" {
				free(out, p)
			}
		}
	}
}

// freeWithin empties what users and cameras wrote into an image sequence.
func freeWithin(data, out []byte, parent heifBox, depth int) {
	for b := range boxesIn(data, parent.body, parent.end) {
		switch b.kind {
		case "udta", "meta", "uuid", "free", "skip", "":
			free(out, b)
		case "trak", "mdia", "minf", "stbl", "edts", "dinf":
			if depth < 4 {
				freeWithin(data, out, b, depth+1)
			}
		}
	}
}

// free makes a box one that is skipped, without content.
func free(out []byte, b heifBox) {
	if b.kind == "" { // no box at all: it becomes one
		clear(out[b.at:b.end])
		if b.end-b.at < 8 {
			return
		}
		binary.BigEndian.PutUint32(out[b.at:], uint32(b.end-b.at))
	} else {
		clear(out[b.body:b.end])
	}
	copy(out[b.at+4:], "free")
}

// eraser overwrites items. Only what lies in boxes of data is touched: an item
// that claims to lie in the header is a lie. left bounds the work that a header
// can make, whose items may all claim the same bytes.
type eraser struct {
	out    []byte
	within []heifBox
	left   int
}

// blank overwrites extents with fill, and with head at the start if it fits there.
func (e *eraser) blank(extents [][2]int, head []byte, fill byte) {
	for i, x := range extents {
		for _, b := range e.within {
			from, to := max(x[0], b.body), min(x[1], b.end)
			if from >= to || to-from > e.left {
				continue
			}
			e.left -= to - from
			for at := from; at < to; at++ {
				e.out[at] = fill
			}
			if i == 0 && from == x[0] && to-from >= len(head) {
				copy(e.out[from:], head)
			}
		}
	}
}
