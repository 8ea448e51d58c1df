package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"

	"github.com/gen2brain/avif"
	"github.com/gen2brain/heic"
	"weft/models"
)

// format is one kind of file that is taken.
type format struct {
	mime, name string
	config     func(io.Reader) (image.Config, error)
	decode     func(io.Reader) (image.Image, error) // of an animation: the first frame
	turns      func(data []byte) []orientation      // what is left to do to the decoded pixels; nil: nothing
	memory     func(data []byte, h header) int64    // what decoding takes, in bytes
	parts      bool                                 // made of parts, each of which may be larger than the whole
}

func formats() []format {
	return []format{
		{mime: "image/jpeg", name: "JPEG", config: jpeg.DecodeConfig, decode: jpeg.Decode, turns: jpegTurns, memory: jpegMemory},
		{mime: "image/png", name: "PNG", config: png.DecodeConfig, decode: png.Decode, memory: pngMemory},
		{mime: "image/gif", name: "GIF", config: gif.DecodeConfig, decode: gif.Decode, memory: gifMemory},
		{mime: "image/webp", name: "WebP", config: webpConfig, decode: decodeWebP, memory: webpMemory},
		{mime: "image/avif", name: "AVIF", config: avifConfig, decode: decodeAVIF, turns: avifTurns, memory: heifMemory, parts: true},
		{mime: "image/heic", name: "HEIC", config: heicConfig, decode: decodeHEIC, memory: heifMemory, parts: true}, // libheif turns by itself
	}
}

func jpegTurns(data []byte) []orientation { return []orientation{readOrientation(data)} }

func avifTurns(data []byte) []orientation {
	h, _ := readHEIF(data)
	return h.turns(data)
}

func avifConfig(r io.Reader) (image.Config, error) { return heifConfig(r, false) }
func heicConfig(r io.Reader) (image.Config, error) { return heifConfig(r, true) }

// errNative: the decoders' packages prefer a library of the machine, if it has
// one, to their own WebAssembly. That would let strangers' bytes at C code
// outside of the sandbox, in whatever version there is. Programs built with the
// tag nodynamic never look for one.
var errNative = errors.New("decoder outside of the sandbox")

var (
	errElsewhere = errors.New("to be judged by another decoder")
	errWebP      = errors.New("webp: frame is malformed")
)

func decodeAVIF(r io.Reader) (image.Image, error) {
	if avif.Dynamic() == nil {
		return nil, errNative
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	img, err := avif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if !drawn(img, opaqueHEIF(data)) {
		return nil, io.ErrUnexpectedEOF
	}
	return img, nil
}

// drawn tells whether an AVIF's pixels were decoded: data that can't be comes
// back without an error, and with memory that nobody wrote to. A picture without
// transparency is known by its alpha, which is then full everywhere.
func drawn(img image.Image, opaque bool) bool {
	var pix []uint8
	step := 4
	switch img := img.(type) {
	case *image.RGBA:
		pix = img.Pix
	case *image.RGBA64:
		pix, step = img.Pix, 8
	default:
		return true
	}
	for at := step - 1; at < len(pix); at += step {
		switch {
		case opaque && pix[at] != 255:
			return false
		case !opaque && pix[at] != 0:
			return true
		}
	}
	return opaque
}

func decodeHEIC(r io.Reader) (image.Image, error) {
	if heic.Dynamic() == nil {
		return nil, errNative
	}
	return heic.Decode(r)
}

// header is what is known of an image before a pixel is decoded.
type header struct {
	format        format
	width, height int
	largest       int64     // pixels of the largest part of a HEIF, which may be larger than the whole
	memory        int64     // what decoding takes, in bytes
	frame         jpegFrame // of a JPEG
}

func (h header) pixels() int64 { return max(h.largest, int64(h.width)*int64(h.height)) }

// weight is how many pixels decoding counts for among all that is decoded at one
// time: one of four bytes each, so that the sum bounds memory.
func (h header) weight() int64 { return max(h.pixels(), h.memory/4) }

// readHeader refuses what must not be decoded: it looks at the first bytes only.
func readHeader(data []byte, lim Limits) (header, error) {
	if len(data) == 0 {
		return header{}, refuse("image is empty")
	}
	if int64(len(data)) > lim.Bytes {
		return header{}, refuse("image of %.1f MB is over the limit of %.0f MB", float64(len(data))/(1<<20), float64(lim.Bytes)/(1<<20))
	}
	f, err := sniff(data)
	if err != nil {
		return header{}, err
	}
	cfg, err := f.configSafely(data)
	if err != nil {
		return header{}, err
	}
	h := header{format: f, width: cfg.Width, height: cfg.Height}
	if f.parts {
		h.largest = largestHEIF(data)
	}
	if f.mime == "image/jpeg" {
		h.frame = readFrame(data, h.width, h.height)
		h.frame.scans = countScans(data)
	}
	h.memory = f.memory(data, h)
	return h, h.check(data, lim)
}

// Bounds that no photo comes near. The first is JPEG's own; the second keeps a
// small file from being gone through for minutes.
const (
	mostSide  = 65_535
	mostScans = 256 // of a JPEG; progressive ones have ten
)

// check refuses what would cost too much.
func (h header) check(data []byte, lim Limits) error {
	const mb = 1 << 20
	switch {
	case h.width <= 0 || h.height <= 0:
		return refuse("image has no pixels (%d×%d)", h.width, h.height)
	case int64(h.width)*int64(h.height) > lim.Pixels:
		return refuse("%d×%d pixels are over the limit of %.3g MP", h.width, h.height, float64(lim.Pixels)/1e6)
	case h.largest > lim.Pixels:
		return refuse("a part of %.3g MP is over the limit of %.3g MP", float64(h.largest)/1e6, float64(lim.Pixels)/1e6)
	case max(h.width, h.height) > mostSide:
		return refuse("%d×%d pixels: a side is over the limit of %d", h.width, h.height, mostSide)
	case h.memory > lim.Memory:
		return refuse("%s of %d×%d pixels takes about %d MB to decode, over the limit of %d MB", h.format.name, h.width, h.height, h.memory/mb, lim.Memory/mb)
	case h.frame.scans > mostScans:
		return refuse("JPEG comes in more than %d scans", mostScans)
	}
	return nil
}

// sniff tells the format by content; what the sender called it doesn't count.
func sniff(data []byte) (format, error) {
	mime, _, _ := strings.Cut(http.DetectContentType(data), ";")
	if kind := heifBrand(data); kind != "" { // the standard library knows no HEIF
		mime = kind
	}
	for _, f := range formats() {
		if f.mime != mime {
			continue
		}
		return f, nil
	}
	if strings.HasPrefix(mime, "image/") {
		return format{}, refuse("%s is not supported; JPEG, PNG, GIF, WebP, AVIF and HEIC are", mime)
	}
	return format{}, refuse("not an image: %s", mime)
}

// heifBrand tells AVIF from HEIC by the brands that the file claims; "" for neither.
func heifBrand(data []byte) string {
	if len(data) < 16 || string(data[4:8]) != "ftyp" {
		return ""
	}
	end := min(len(data), max(16, int(binary.BigEndian.Uint32(data))), 256)
	for at := 8; at+4 <= end; at += 4 {
		switch string(data[at : at+4]) {
		case "avif", "avis":
			return "image/avif"
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return "image/heic"
		}
	}
	return ""
}

func (f format) configSafely(data []byte) (cfg image.Config, err error) {
	defer f.recoverTo(&err)
	cfg, err = f.config(bytes.NewReader(data))
	return cfg, f.explain(err)
}

// decodeSafely decodes to 1/denom of the size. Only JPEGs leave out work for
// that; the others come whole, and denom is told to be 1.
func (h header) decodeSafely(data []byte, denom int, s *scratch) (img image.Image, done int, err error) {
	f := h.format
	defer f.recoverTo(&err)
	if f.mime == "image/jpeg" {
		img, err = h.decodeJPEG(data, denom, s)
	} else {
		denom = 1
		img, err = f.decode(bytes.NewReader(data))
	}
	if err := f.explain(err); err != nil {
		return nil, denom, err
	}
	if img.Bounds().Empty() {
		return nil, denom, refuse("image has no pixels")
	}
	return img, denom, nil
}

// decodeJPEG asks one scaler after the other.
func (h header) decodeJPEG(data []byte, denom int, s *scratch) (image.Image, error) {
	for _, sc := range scalers() {
		if img, err := sc.decode(data, h, denom, s); !errors.Is(err, errElsewhere) {
			return img, err
		}
	}
	return nil, errElsewhere
}

// recoverTo turns a decoder's panic into an error: the input is the network's,
// and one post must not stop a worker.
func (f format) recoverTo(err *error) {
	if recover() != nil {
		*err = refuse("%s is malformed", f.name)
	}
}

// explain keeps a decoder's own words out of reasons: some of them quote bytes.
func (f format) explain(err error) error {
	var unsupported jpeg.UnsupportedError
	var unsupportedPNG png.UnsupportedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse("image is truncated")
	case errors.Is(err, errNative):
		return refuse("%s is not decoded by a program that may use the machine's own decoder; build it with -tags nodynamic", f.name)
	case errors.As(err, &unsupported), errors.As(err, &unsupportedPNG):
		return refuse("%s uses a feature that is not supported", f.name)
	case strings.Contains(err.Error(), "unexpected EOF"), strings.Contains(err.Error(), "short Huffman data"),
		strings.Contains(err.Error(), "not enough pixel data"):
		return refuse("image is truncated") // gif, jpeg and png say it in words, once they are among the pixels
	default:
		return refuse("%s is malformed", f.name)
	}
}

func refuse(format string, args ...any) error {
	return models.Faultf(models.Permanent, format, args...)
}
