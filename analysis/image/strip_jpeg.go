package image

import (
	"bytes"
	"encoding/binary"
)

// JPEG's markers, as far as they are told apart.
const (
	markSOI  = 0xD8
	markEOI  = 0xD9
	markSOS  = 0xDA
	markAPP1 = 0xE1
)

// stripJPEG keeps what the pixels need. It walks as tolerantly as Go's decoder:
// bytes between segments that belong to none are left out.
func stripJPEG(data []byte) []byte {
	c := &cutter{data: data}
	turned := false // the first EXIF segment was seen: only that one counts
	for at := 2; at < len(data); {
		if data[at] != 0xFF {
			next := bytes.IndexByte(data[at:], 0xFF)
			if next < 0 {
				c.rest(at)
				break
			}
			c.drop(at, at+next)
			at += next
			continue
		}
		if at+1 == len(data) {
			break
		}
		marker := data[at+1]
		switch {
		case marker == 0xFF: // a fill byte
			at++
			continue
		case marker == 0, marker == 1, marker == markSOI, marker >= 0xD0 && marker <= 0xD7: // without content
			if marker == 0 || marker == markSOI {
				c.drop(at, at+2)
			}
			at += 2
			continue
		case marker == markEOI:
			c.rest(at + 2)
			return c.result()
		}
		end := segmentEnd(data, at)
		keep := jpegSegment(marker, data[min(at+4, len(data)):])
		if end < 0 {
			if !keep {
				c.rest(at)
			}
			break
		}
		exif := marker == markAPP1 && bytes.HasPrefix(data[at+4:end], []byte("Exif\x00\x00"))
		switch {
		case exif && !turned:
			turned = true
			c.replace(at, end, orientationSegment(tiffOrientation(data[at+10:end])))
		case !keep:
			c.drop(at, end)
		}
		at = end
		if marker == markSOS {
			at = scanEnd(data, end)
		}
	}
	return c.result()
}

// segmentEnd returns where the segment at the marker ends, -1 if it is cut off.
func segmentEnd(data []byte, at int) int {
	if at+4 > len(data) {
		return -1
	}
	size := int(binary.BigEndian.Uint16(data[at+2:]))
	if size < 2 || at+2+size > len(data) {
		return -1
	}
	return at + 2 + size
}

// scanEnd returns where the next marker stands behind the pixels of a scan.
func scanEnd(data []byte, at int) int {
	for at+1 < len(data) {
		i := bytes.IndexByte(data[at:], 0xFF)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		at += i
		if m := data[at+1]; m != 0 && m != 0xFF && (m < 0xD0 || m > 0xD7) {
			return at
		}
		at++
	}
	return len(data)
}

// jpegSegment says whether a segment stays: frames, tables and scans, JFIF's
// header, the colour profile, and Adobe's word on what the channels mean.
func jpegSegment(marker byte, body []byte) bool {
	switch {
	case marker >= 0xC0 && marker <= 0xCF, marker >= markSOS && marker <= 0xDF:
		return true
	case marker == 0xE0:
		return bytes.HasPrefix(body, []byte("JFIF\x00"))
	case marker == 0xE2:
		return bytes.HasPrefix(body, []byte("ICC_PROFILE\x00"))
	case marker == 0xEE:
		return bytes.HasPrefix(body, []byte("Adobe"))
	}
	return false
}

// orientationSegment is an EXIF segment that holds the orientation and nothing
// else; none for a photo that stands upright.
func orientationSegment(o orientation) []byte {
	if o == upright {
		return nil
	}
	b := []byte("\xFF\xE1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08" +
		"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	b[29] = byte(o)
	return b
}
