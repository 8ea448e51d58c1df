//go:build turbojpeg && cgo

package image

// #cgo pkg-config: libturbojpeg
// #include <turbojpeg.h>
import "C"

import (
	"image"
	"unsafe"
)

// scalers are tried in order.
func scalers() []scaler { return []scaler{turboJPEG{}, goJPEG{}} }

// turboJPEG is libjpeg-turbo. It only ever takes what it decodes without a
// word: at an error or a warning, and for CMYK, image/jpeg has its say, so that
// both builds refuse the same files for the same reasons.
type turboJPEG struct{}

func (turboJPEG) decode(data []byte, h header, denom int, s *scratch) (image.Image, error) {
	if h.frame.parts == 4 {
		return nil, errElsewhere
	}
	handle := C.tjInitDecompress()
	if handle == nil {
		return nil, errElsewhere
	}
	defer C.tjDestroy(handle)
	src, size := (*C.uchar)(unsafe.Pointer(unsafe.SliceData(data))), C.ulong(len(data))
	var w, hgt, sampling, space C.int
	if C.tjDecompressHeader3(handle, src, size, &w, &hgt, &sampling, &space) != 0 || int(w) != h.width || int(hgt) != h.height {
		return nil, errElsewhere
	}
	out := s.rgba(scaled(h.width, denom), scaled(h.height, denom))
	b := out.Bounds()
	const flags = C.TJFLAG_STOPONWARNING | C.TJFLAG_LIMITSCANS
	dst := (*C.uchar)(unsafe.Pointer(unsafe.SliceData(out.Pix)))
	if C.tjDecompress2(handle, src, size, dst, C.int(b.Dx()), C.int(out.Stride), C.int(b.Dy()), C.TJPF_RGBA, flags) != 0 {
		return nil, errElsewhere
	}
	return out, nil
}
