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
	"golang.org/x/image/webp"

	"weft/models"
)

// format is one kind of file that is taken.
type format struct {
	mime, name string
	config     func(io.Reader) (image.Config, error)
	decode     func(io.Reader) (image.Image, error) // of an animation: the first frame
	turns      func(data []byte) []orientation      // what is left to do to the decoded pixels; nil: nothing
	cost       int64                                // memory per pixel, in that of a JPEG's
}

func formats() []format {
	return []format{
		{"image/jpeg", "JPEG", jpeg.DecodeConfig, jpeg.Decode, jpegTurns, 1},
		{"image/png", "PNG", png.DecodeConfig, png.Decode, nil, 1},
		{"image/gif", "GIF", gif.DecodeConfig, gif.Decode, nil, 1},
		{"image/webp", "WebP", webp.DecodeConfig, webp.Decode, nil, 1},
		// Both come as WebAssembly, whose memory is a copy of its own: 8 to 16 bytes a pixel in all.
		{"image/avif", "AVIF", avifConfig, decodeAVIF, avifTurns, 4},
		{"image/heic", "HEIC", heicConfig, decodeHEIC, nil, 4}, // libheif turns by itself
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
	largest       int64 // pixels of the largest part of a HEIF, which may be larger than the whole
}

func (h header) pixels() int64 { return max(h.largest, int64(h.width)*int64(h.height)) }

// weight is what decoding it counts for among all that is decoded at one time.
func (h header) weight() int64 { return h.pixels() * h.format.cost }

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
	if f.cost > 1 {
		h.largest = largestHEIF(data)
	}
	switch {
	case h.width <= 0 || h.height <= 0:
		return header{}, refuse("image has no pixels (%d×%d)", h.width, h.height)
	case int64(h.width)*int64(h.height) > lim.Pixels:
		return header{}, refuse("%d×%d pixels are over the limit of %.3g MP", h.width, h.height, float64(lim.Pixels)/1e6)
	case h.largest > lim.Pixels:
		return header{}, refuse("a part of %.3g MP is over the limit of %.3g MP", float64(h.largest)/1e6, float64(lim.Pixels)/1e6)
	}
	return h, nil
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
		// The flag of an animation in an extended WebP header: golang.org/x/image reads stills only.
		if mime == "image/webp" && len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&2 != 0 {
			return format{}, refuse("animated WebP is not supported")
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

func (f format) decodeSafely(data []byte) (img image.Image, err error) {
	defer f.recoverTo(&err)
	img, err = f.decode(bytes.NewReader(data))
	if err := f.explain(err); err != nil {
		return nil, err
	}
	if img.Bounds().Empty() {
		return nil, refuse("image has no pixels")
	}
	return img, nil
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
