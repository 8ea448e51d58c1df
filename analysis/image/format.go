package image

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"

	"golang.org/x/image/webp"

	"weft/models"
)

// format is one kind of file that is taken.
type format struct {
	mime, name string
	config     func(io.Reader) (image.Config, error)
	decode     func(io.Reader) (image.Image, error) // of an animation: the first frame
}

func formats() []format {
	return []format{
		{"image/jpeg", "JPEG", jpeg.DecodeConfig, jpeg.Decode},
		{"image/png", "PNG", png.DecodeConfig, png.Decode},
		{"image/gif", "GIF", gif.DecodeConfig, gif.Decode},
		{"image/webp", "WebP", webp.DecodeConfig, webp.Decode},
	}
}

// header is what is known of an image before a pixel is decoded.
type header struct {
	format        format
	width, height int
}

func (h header) pixels() int64 { return int64(h.width) * int64(h.height) }

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
	switch {
	case h.width <= 0 || h.height <= 0:
		return header{}, refuse("image has no pixels (%d×%d)", h.width, h.height)
	case h.pixels() > lim.Pixels:
		return header{}, refuse("%d×%d pixels are over the limit of %.3g MP", h.width, h.height, float64(lim.Pixels)/1e6)
	}
	return h, nil
}

// sniff tells the format by content; what the sender called it doesn't count.
func sniff(data []byte) (format, error) {
	mime, _, _ := strings.Cut(http.DetectContentType(data), ";")
	if len(data) >= 12 && string(data[4:8]) == "ftyp" { // the standard library knows no HEIF
		switch string(data[8:12]) {
		case "avif", "avis":
			mime = "image/avif"
		case "heic", "heix", "mif1", "msf1", "hevc":
			mime = "image/heic"
		}
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
		return format{}, refuse("%s is not supported; JPEG, PNG, GIF and WebP are", mime)
	}
	return format{}, refuse("not an image: %s", mime)
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
