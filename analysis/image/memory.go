package image

// What decoding takes, in bytes, told from the header alone. The factors of
// WebP, AVIF and HEIC were measured (TestHostileImagesStaySmall holds them): the
// latter two come as WebAssembly, whose memory is copied whenever it grows.
const (
	heifBytes     = 64 // a pixel
	losslessBytes = 8
	lossyBytes    = 3
)

// jpegMemory holds for both decoders, the more of the two.
func jpegMemory(_ []byte, h header) int64 {
	f := h.frame
	bytes := f.samples
	switch {
	case f.progressive:
		bytes *= 5 // image/jpeg keeps coefficients of 32 bits beside the samples
	case f.scans > 1:
		bytes *= 2 // libjpeg-turbo keeps coefficients of 16 bits
	}
	if f.converted {
		bytes += 5 * h.pixels()
	}
	return bytes
}

func pngMemory(data []byte, h header) int64 {
	const depth, kind, interlace = 24, 25, 28 // offsets in IHDR, which comes first
	bytes := int64(h.width) * int64(h.height)
	if len(data) <= interlace {
		return 16 * bytes
	}
	switch {
	case data[kind] == 3: // a palette
	case data[depth] == 16:
		bytes *= 8
	default:
		bytes *= 4
	}
	if data[interlace] != 0 {
		bytes *= 2 // every pass is an image of its own
	}
	return bytes
}

func gifMemory(_ []byte, h header) int64 { return int64(h.width) * int64(h.height) }

func webpMemory(data []byte, h header) int64 {
	pixels := int64(h.width) * int64(h.height)
	if f, err := webpStill(data); err == nil && f.lossy && !f.alpha {
		return lossyBytes * pixels
	}
	return losslessBytes * pixels
}

func heifMemory(_ []byte, h header) int64 { return heifBytes * h.pixels() }
