package image

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"
	"iter"

	"golang.org/x/image/webp"
)

// golang.org/x/image decodes stills only. Of an animation the first frame is
// lifted out: it is a still in all but its wrapping.

// webpFrame is a still, and where it lies on its canvas.
type webpFrame struct {
	data         []byte // a file of its own
	at           image.Point
	width        int // of the canvas
	height       int
	lossy, alpha bool
}

// riffChunk is one chunk's name, content, and all of its bytes.
type riffChunk struct {
	kind      string
	body, all []byte
}

// riffChunks yields the whole chunks in data.
func riffChunks(data []byte) iter.Seq[riffChunk] {
	return func(yield func(riffChunk) bool) {
		for len(data) >= 8 {
			size := uint64(binary.LittleEndian.Uint32(data[4:]))
			if size > uint64(len(data)-8) {
				return
			}
			end := min(len(data), 8+int(size+size&1))
			if !yield(riffChunk{string(data[:4]), data[8 : 8+size], data[:end]}) {
				return
			}
			data = data[end:]
		}
	}
}

// webpStill finds the picture that is decoded.
func webpStill(data []byte) (webpFrame, error) {
	f := webpFrame{data: data}
	if len(data) < 12 {
		return f, io.ErrUnexpectedEOF
	}
	animated := false
	for c := range riffChunks(data[12:]) {
		switch c.kind {
		case "VP8X":
			if len(c.body) < 10 {
				return f, errWebP
			}
			animated = c.body[0]&2 != 0
			f.width, f.height = 1+uint24(c.body[4:]), 1+uint24(c.body[7:])
		case "ANMF":
			if animated {
				return f.lift(c.body)
			}
		case "ALPH":
			f.alpha = true
		case "VP8 ":
			f.lossy = true
		}
	}
	if animated {
		return f, io.ErrUnexpectedEOF // the frame didn't come, or not all of it
	}
	return f, nil
}

// lift makes a file of an animation's frame.
func (f webpFrame) lift(frame []byte) (webpFrame, error) {
	const head = 16
	if len(frame) < head {
		return f, errWebP
	}
	f.at = image.Pt(2*uint24(frame), 2*uint24(frame[3:]))
	w, h := 1+uint24(frame[6:]), 1+uint24(frame[9:])
	if !image.Rect(0, 0, w, h).Add(f.at).In(image.Rect(0, 0, f.width, f.height)) {
		return f, errWebP
	}
	var picture []byte
	for c := range riffChunks(frame[head:]) {
		switch c.kind {
		case "ALPH":
			f.alpha = true
			picture = append(picture, c.all...)
		case "VP8 ", "VP8L":
			f.lossy = c.kind == "VP8 "
			picture = append(picture, c.all...)
		}
	}
	flags := byte(0)
	if f.alpha {
		flags = 1 << 4
	}
	out := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00")
	out = append(out, flags, 0, 0, 0)
	out = append(out, frame[6:12]...)
	out = append(out, picture...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	f.data = out
	return f, nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// webpConfig tells the size of the canvas.
func webpConfig(r io.Reader) (image.Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return image.Config{}, err
	}
	f, err := webpStill(data)
	if err != nil {
		return image.Config{}, err
	}
	cfg, err := webp.DecodeConfig(bytes.NewReader(f.data))
	if f.width > 0 {
		cfg.Width, cfg.Height = f.width, f.height
	}
	return cfg, err
}

// decodeWebP returns the first frame where it lies on its canvas.
func decodeWebP(r io.Reader) (image.Image, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f, err := webpStill(data)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(f.data))
	if err != nil {
		return nil, err
	}
	switch img := img.(type) { // offsets are even, so chroma goes with its pixels
	case *image.YCbCr:
		img.Rect = img.Rect.Add(f.at)
	case *image.NYCbCrA:
		img.Rect = img.Rect.Add(f.at)
	case *image.NRGBA:
		img.Rect = img.Rect.Add(f.at)
	}
	return img, nil
}
