package image

import (
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
	"iter"
	"slices"
)

// AVIF and HEIC are both HEIF files: boxes within boxes, of which "meta" names
// items (pictures, tiles, EXIF) and says where in the file their bytes lie. What
// is read here is what must be known before a decoder is let at them: how large
// the pictures are, and where the words beside them lie.

// heif is what is read of a file's meta box.
type heif struct {
	primary uint32
	items   []heifItem
	props   []heifBox           // in the order that assoc counts them, from 1
	assoc   map[uint32][]uint16 // by item
}

// heifItem is one item and where its bytes lie in the file.
type heifItem struct {
	id      uint32
	kind    string
	extents [][2]int // from, to
}

// heifBox is one box: [at, end) with its header, [body, end) without.
type heifBox struct {
	kind          string
	at, body, end int
}

// Bounds on what a hostile header may make us keep.
const (
	maxHEIFItems   = 4096
	maxHEIFExtents = 16384
	maxHEIFProps   = 4096
)

var errHEIF = errors.New("heif: no picture in it")

// boxesIn yields the boxes in data[from:to]. One that says it is longer ends
// where its parent does, as the last one of a cut off file. What is too short
// for a box is yielded as one without a kind.
func boxesIn(data []byte, from, to int) iter.Seq[heifBox] {
	return func(yield func(heifBox) bool) {
		for at := from; at < to; {
			b := heifBox{at: at, body: at + 8, end: to}
			if at+8 <= to {
				size := uint64(binary.BigEndian.Uint32(data[at:]))
				b.kind = string(data[at+4 : at+8])
				if size == 1 && at+16 <= to {
					size, b.body = binary.BigEndian.Uint64(data[at+8:]), at+16
				}
				switch {
				case size == 0: // to the end
				case size < uint64(b.body-at):
					b.kind = ""
				case size < uint64(to-at):
					b.end = at + int(size)
				}
			}
			b.body = min(b.body, b.end)
			if !yield(b) {
				return
			}
			at = b.end
		}
	}
}

// find returns the first box of a kind.
func find(data []byte, from, to int, kind string) (heifBox, bool) {
	for b := range boxesIn(data, from, to) {
		if b.kind == kind {
			return b, true
		}
	}
	return heifBox{}, false
}

// readHEIF reads the meta box. What can't be read is left out.
func readHEIF(data []byte) (heif, bool) {
	h := heif{assoc: map[uint32][]uint16{}}
	meta, ok := find(data, 0, len(data), "meta")
	if !ok || meta.body+4 > meta.end {
		return h, false
	}
	var location, idat heifBox
	for b := range boxesIn(data, meta.body+4, meta.end) {
		r := &fields{data: data[b.body:b.end]}
		switch b.kind {
		case "pitm":
			h.primary = r.sized(r.full() > 0)
		case "iinf":
			h.readItems(data, b)
		case "iloc":
			location = b
		case "idat":
			idat = b
		case "iprp":
			h.readProperties(data, b)
		}
	}
	h.readLocations(data, location, idat)
	return h, true
}

// readItems reads the ids and kinds of the items.
func (h *heif) readItems(data []byte, iinf heifBox) {
	r := &fields{data: data[iinf.body:iinf.end]}
	r.sized(r.full() > 0) // how many there are, which the boxes tell as well
	for b := range boxesIn(data, iinf.body+r.at, iinf.end) {
		if b.kind != "infe" || len(h.items) == maxHEIFItems {
			continue
		}
		r := &fields{data: data[b.body:b.end]}
		version := r.full()
		it := heifItem{id: r.sized(version > 2)}
		r.number(2) // protection
		it.kind = string(r.take(4))
		if version >= 2 && !r.short {
			h.items = append(h.items, it)
		}
	}
}

// readLocations finds where the items' bytes lie: in the file, or in idat.
func (h *heif) readLocations(data []byte, iloc, idat heifBox) {
	r := &fields{data: data[iloc.body:iloc.end]}
	version := r.full()
	sizes := r.number(2)
	offsetSize, lengthSize, baseSize, indexSize := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	byID := map[uint32]int{}
	for i, it := range h.items {
		byID[it.id] = i
	}
	left := maxHEIFExtents
	for range r.sized(version > 1) {
		id := r.sized(version > 1)
		method := uint64(0)
		if version > 0 {
			method = r.number(2) & 15
		}
		r.number(2) // data reference
		base := r.number(baseSize)
		for range r.number(2) {
			if version > 0 {
				r.number(indexSize)
			}
			offset, length := base+r.number(offsetSize), r.number(lengthSize)
			if left--; r.short || left < 0 {
				return
			}
			i, ok := byID[id]
			if !ok || method > 1 {
				continue
			}
			within := heifBox{end: len(data)}
			if method == 1 {
				within = idat
			}
			room := uint64(within.end - within.body)
			if offset > room || length > room-offset || length == 0 {
				length = room - min(offset, room) // to the end; 0 says so by itself
			}
			from := within.body + int(min(offset, room))
			h.items[i].extents = append(h.items[i].extents, [2]int{from, from + int(length)})
		}
	}
}

// readProperties reads the boxes of ipco, and which item has which of them.
func (h *heif) readProperties(data []byte, iprp heifBox) {
	for b := range boxesIn(data, iprp.body, iprp.end) {
		switch b.kind {
		case "ipco":
			for p := range boxesIn(data, b.body, b.end) {
				if len(h.props) < maxHEIFProps {
					h.props = append(h.props, p)
				}
			}
		case "ipma":
			h.readAssociations(data[b.body:b.end])
		}
	}
}

func (h *heif) readAssociations(body []byte) {
	r := &fields{data: body}
	version, wide := r.full(), len(body) >= 4 && body[3]&1 != 0
	left := maxHEIFExtents
	for range r.number(4) {
		id := r.sized(version > 0)
		for range r.number(1) {
			var index uint16
			if wide {
				index = uint16(r.number(2)) & 0x7FFF
			} else {
				index = uint16(r.number(1)) & 0x7F
			}
			if left--; r.short || left < 0 {
				return
			}
			h.assoc[id] = append(h.assoc[id], index)
		}
		if r.short {
			return
		}
	}
}

// of yields the properties of an item, in their order.
func (h *heif) of(id uint32) iter.Seq[heifBox] {
	return func(yield func(heifBox) bool) {
		for _, i := range h.assoc[id] {
			if i >= 1 && int(i) <= len(h.props) && !yield(h.props[i-1]) {
				return
			}
		}
	}
}

// size is that of the primary picture as it is stored; 0 where it isn't told.
func (h *heif) size(data []byte) (width, height int) {
	for p := range h.of(h.primary) {
		if w, h, ok := extentOf(data, p); ok {
			return w, h
		}
	}
	return 0, 0
}

// largest is the pixels of the largest picture or tile in the file.
func (h *heif) largest(data []byte) int64 {
	most := int64(0)
	for _, p := range h.props {
		if w, h, ok := extentOf(data, p); ok {
			most = max(most, int64(w)*int64(h))
		}
	}
	return most
}

// extentOf reads an ispe box. Sides are held to 2^30, so that their product fits.
func extentOf(data []byte, p heifBox) (w, h int, ok bool) {
	r := &fields{data: data[p.body:p.end]}
	r.full()
	const most = 1 << 30
	w, h = int(min(r.number(4), most)), int(min(r.number(4), most))
	return w, h, p.kind == "ispe" && !r.short
}

// turns is how the primary picture is to be turned and mirrored, in order.
func (h *heif) turns(data []byte) []orientation {
	var out []orientation
	for p := range h.of(h.primary) {
		if p.body >= p.end || len(out) == 8 {
			continue
		}
		switch v := data[p.body]; p.kind {
		case "irot": // quarters, anticlockwise
			out = append(out, []orientation{upright, 8, 3, 6}[v&3])
		case "imir": // 0 swaps top and bottom, 1 left and right
			out = append(out, []orientation{4, 2}[v&1])
		}
	}
	return out
}

// cutOff reports whether bytes of the primary picture are missing.
func (h *heif) cutOff(data []byte) bool {
	for _, it := range h.items {
		if it.id != h.primary {
			continue
		}
		for _, e := range it.extents {
			if e[0] == e[1] {
				return true
			}
		}
	}
	for b := range boxesIn(data, 0, len(data)) {
		if b.end < len(data) {
			continue
		}
		size := uint64(0)
		if b.at+8 <= len(data) {
			size = uint64(binary.BigEndian.Uint32(data[b.at:]))
		}
		if size == 1 && b.at+16 <= len(data) {
			size = binary.BigEndian.Uint64(data[b.at+8:])
		}
		return b.kind == "" || size > uint64(len(data)-b.at)
	}
	return true
}

// largestHEIF is the pixels of the largest picture or tile in a file: decoders
// decode parts before they cut them.
func largestHEIF(data []byte) int64 {
	h, _ := readHEIF(data)
	return h.largest(data)
}

// opaqueHEIF reports whether a still has no second picture for its transparency.
func opaqueHEIF(data []byte) bool {
	h, _ := readHEIF(data)
	_, sequence := find(data, 0, len(data), "moov")
	return !sequence && !slices.ContainsFunc(h.props, func(p heifBox) bool { return p.kind == "auxC" })
}

// heifConfig reads the size without a decoder. turned is for decoders that turn
// pictures by themselves.
func heifConfig(r io.Reader, turned bool) (image.Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return image.Config{}, err
	}
	h, ok := readHEIF(data)
	switch {
	case !ok:
		return image.Config{}, errHEIF
	case h.cutOff(data):
		return image.Config{}, io.ErrUnexpectedEOF
	}
	w, hgt := h.size(data)
	if w <= 0 || hgt <= 0 || w > 1<<24 || hgt > 1<<24 {
		return image.Config{}, errHEIF
	}
	if turned {
		for _, o := range h.turns(data) {
			if o.swaps() {
				w, hgt = hgt, w
			}
		}
	}
	return image.Config{ColorModel: color.RGBAModel, Width: w, Height: hgt}, nil
}

// fields reads big-endian numbers one after the other; short is set at the first
// that isn't there.
type fields struct {
	data  []byte
	at    int
	short bool
}

func (r *fields) take(n int) []byte {
	if r.short || n > len(r.data)-r.at {
		r.short = true
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *fields) number(size int) uint64 {
	v := uint64(0)
	for _, b := range r.take(size) {
		v = v<<8 | uint64(b)
	}
	return v
}

// full reads the version and flags that begin many boxes, and returns the version.
func (r *fields) full() int { return int(r.number(4) >> 24) }

// sized reads 32 bits where wide, else 16.
func (r *fields) sized(wide bool) uint32 {
	if wide {
		return uint32(r.number(4))
	}
	return uint32(r.number(2))
}
