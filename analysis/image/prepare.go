package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"sync"

	"github.com/corona10/goimagehash"
	"golang.org/x/sync/semaphore"

	"weft/models"
)

// Rendition is what analysis works on: small enough that decoding it is cheap
// (2 ms against 17 for a phone's photo), large enough for every model so far.
const (
	RenditionSide    = 512
	RenditionQuality = 90
)

// Limits bound what Prepare takes. A zero field means its default.
type Limits struct {
	Bytes  int64 // default 20 MB
	Pixels int64 // default 50,000,000
	Memory int64 // what decoding may take, default 160 MB
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 20 << 20
	}
	if l.Pixels <= 0 {
		l.Pixels = 50_000_000
	}
	if l.Memory <= 0 {
		l.Memory = 160 << 20
	}
	return l
}

// Prepared is what is kept of an original.
type Prepared struct {
	SHA256    string // of the original's bytes, hex
	PHash     string // perceptual hash of the rendition, 16 hex digits
	Type      string // image/jpeg, image/png, image/gif, image/webp, image/avif or image/heic
	Size      int64  // of the original, in bytes
	Original  []byte // what is stored: the bytes that came, stripped of place and owner (see Strip)
	Width     int    // of the original, upright
	Height    int
	Rendition []byte // JPEG, upright, longest side at most RenditionSide
}

// Preparer runs Prepare with bounded memory: however many callers there are,
// only so many pixels are being decoded at one time. A pixel counts as four
// bytes, so one of a progressive JPEG or of an AVIF counts for several.
type Preparer struct {
	pixels  int64
	sem     *semaphore.Weighted
	buffers sync.Pool
}

// NewPreparer returns a Preparer that decodes at most maxPixels at one time,
// but always one image.
func NewPreparer(maxPixels int64) *Preparer {
	maxPixels = max(maxPixels, 1)
	return &Preparer{pixels: maxPixels, sem: semaphore.NewWeighted(maxPixels)}
}

// Prepare is the function Prepare with default limits, after waiting for its
// share of memory.
func (p *Preparer) Prepare(ctx context.Context, data []byte) (Prepared, error) {
	return p.PrepareWithin(ctx, data, Limits{})
}

// PrepareWithin is Prepare with other limits than the default ones.
func (p *Preparer) PrepareWithin(ctx context.Context, data []byte, lim Limits) (Prepared, error) {
	data, h, err := receive(data, lim)
	if err != nil {
		return Prepared{}, err
	}
	weight := min(h.weight(), p.pixels)
	if err := p.sem.Acquire(ctx, weight); err != nil {
		return Prepared{}, fmt.Errorf("prepare image: wait for memory: %w", err)
	}
	defer p.sem.Release(weight)
	s := &scratch{pool: &p.buffers}
	defer s.release()
	return prepare(data, h, s)
}

// Prepare decodes an original once and makes its rendition. Its errors are
// permanent faults whose text may be shown to anybody: it names the reason and
// holds nothing of the content.
func Prepare(data []byte, lim Limits) (Prepared, error) {
	data, h, err := receive(data, lim)
	if err != nil {
		return Prepared{}, err
	}
	return prepare(data, h, nil)
}

// receive strips an original before anything else looks at it, so that what is
// checked, decoded, hashed and stored are the same bytes.
func receive(data []byte, lim Limits) ([]byte, header, error) {
	lim = lim.withDefaults()
	if int64(len(data)) <= lim.Bytes {
		data = Strip(data)
	}
	h, err := readHeader(data, lim)
	return data, h, err
}

func prepare(data []byte, h header, s *scratch) (Prepared, error) {
	small, h, err := render(data, h, s)
	if err != nil {
		return Prepared{}, err
	}
	width, height := h.width, h.height
	if h.format.turns != nil {
		for _, o := range h.format.turns(data) {
			small = o.apply(small, s)
			if o.swaps() {
				width, height = height, width
			}
		}
	}

	var out bytes.Buffer
	if err := encodeRendition(&out, small); err != nil {
		return Prepared{}, models.Faultf(models.Permanent, "rendition cannot be encoded: %w", err)
	}
	hash, err := goimagehash.PerceptionHash(small)
	if err != nil {
		return Prepared{}, models.Faultf(models.Permanent, "image cannot be hashed: %w", err)
	}
	sum := sha256.Sum256(data)
	return Prepared{
		SHA256: hex.EncodeToString(sum[:]), PHash: fmt.Sprintf("%016x", hash.GetHash()), Type: h.format.mime,
		Size: int64(len(data)), Original: data, Width: width, Height: height, Rendition: out.Bytes(),
	}, nil
}

// render decodes no more than a rendition needs, and scales down what comes.
func render(data []byte, h header, s *scratch) (*image.RGBA, header, error) {
	img, denom, err := h.decodeSafely(data, denominator(max(h.width, h.height), RenditionSide), s)
	if err != nil {
		return nil, h, err
	}
	if h, err = h.settle(img); err != nil {
		return nil, h, err
	}
	w, hgt := fit(h.width, h.height, RenditionSide)
	canvas := image.Rect(0, 0, scaled(h.width, denom), scaled(h.height, denom))
	return resize(img, canvas, w, hgt, s), h, nil
}

// settle takes the size of a decoded HEIF, which may be cropped; one that is
// larger than its header said is refused. Of the others the header is right:
// it is that of the canvas.
func (h header) settle(img image.Image) (header, error) {
	if !h.format.parts {
		return h, nil
	}
	w, hgt := img.Bounds().Dx(), img.Bounds().Dy()
	if w > h.width || hgt > h.height {
		return h, refuse("%s is malformed", h.format.name)
	}
	h.width, h.height = w, hgt
	return h, nil
}

func encodeRendition(w io.Writer, img image.Image) error {
	return jpeg.Encode(w, img, &jpeg.Options{Quality: RenditionQuality})
}

// DecodeRendition reads back what Prepare made. A blob that is anything else
// is refused like any hostile image.
func DecodeRendition(data []byte) (image.Image, error) { return DecodeRenditionAt(data, 0) }

// DecodeRenditionAt decodes a rendition to the smallest of its half, quarter and
// eighth whose shorter side is still side or more, and whole where none is or
// side is 0. With libjpeg-turbo (build tag turbojpeg) the rest is never decoded;
// without, it is averaged away.
func DecodeRenditionAt(data []byte, side int) (image.Image, error) {
	return new(Loan).DecodeAt(data, side)
}

// Pixels lends what renditions are decoded into. A worker decodes many a second,
// and to clear new memory for each takes a twelfth of that time. The zero value
// is ready; many may borrow at the same time.
type Pixels struct{ buffers sync.Pool }

// Loan is the pixels that one task has. The zero value's are its own for ever.
type Loan struct{ scratch scratch }

// Borrow begins a loan, for one goroutine.
func (p *Pixels) Borrow() *Loan { return &Loan{scratch{pool: &p.buffers}} }

// DecodeAt is DecodeRenditionAt. The image is gone with Release.
func (l *Loan) DecodeAt(data []byte, side int) (image.Image, error) {
	h, err := readHeader(data, Limits{Bytes: 4 << 20, Pixels: RenditionSide * RenditionSide}.withDefaults())
	if err != nil {
		return nil, err
	}
	denom := denominator(min(h.width, h.height), side)
	img, done, err := h.decodeSafely(data, denom, &l.scratch)
	if err != nil || done == denom {
		return img, err
	}
	return box(img, image.Rect(0, 0, h.width, h.height), denom, &l.scratch), nil
}

// Release gives back all images of the loan: nobody may look at them any more.
func (l *Loan) Release() { l.scratch.release() }
