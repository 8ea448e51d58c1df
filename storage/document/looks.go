package document

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"

	"weft/models"
)

// Perceptual hashes are found by bands: of two hashes that differ in d bits,
// one of their four bands of 16 bits differs in at most d/4. So each image is
// kept under its four bands, and a search looks up every value that is so near
// to the hash's own: one per band up to a distance of 3, 17 up to 7, 137 up to
// 11, 697 up to 15. Of a million images a band's value holds some 15.
const (
	Bands        = 4
	bandBits     = 64 / Bands
	mostDistance = 15
	// MostAlike bounds what one search holds in memory: an image that everybody
	// passes on, or a plain white one, may be there a hundred thousand times.
	MostAlike = 10_000
)

// Look is the perceptual hash of one image of a post.
type Look struct {
	Image int
	Hash  uint64
}

// LooksOf lists the hashes of a post's usable images.
func LooksOf(p *models.Post) []Look {
	var out []Look
	for i, m := range p.Media {
		if hash, err := parseHash(m.PHash); err == nil && m.State == models.MediaOK {
			out = append(out, Look{i, hash})
		}
	}
	return out
}

func parseHash(s string) (uint64, error) {
	hash, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, models.Faultf(models.Permanent, "perceptual hash %.40q is not 16 hex digits", s)
	}
	return hash, nil
}

// Bucket is where an image is kept for one of its bands.
func Bucket(band int, hash uint64) int64 {
	return int64(band)<<bandBits | int64(hash>>(band*bandBits)&(1<<bandBits-1))
}

// Around reads a perceptual hash, and lists the buckets that hold every image
// whose hash differs from it in at most distance bits (at most 15), and others.
func Around(phash string, distance int) (hash uint64, buckets []int64, err error) {
	hash, err = parseHash(phash)
	if err != nil {
		return 0, nil, err
	}
	if distance < 0 || distance > mostDistance {
		return 0, nil, models.Faultf(models.Permanent, "a distance of %d is not between 0 and %d", distance, mostDistance)
	}
	for band := range Bands {
		for mask := range uint64(1 << bandBits) {
			if bits.OnesCount64(mask) <= distance/Bands {
				buckets = append(buckets, Bucket(band, hash^mask<<(band*bandBits)))
			}
		}
	}
	return hash, buckets, nil
}

// SortNear puts the nearest first, then goes by posts and images.
func SortNear(found []models.Near) {
	slices.SortFunc(found, func(a, b models.Near) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Image, b.Image))
	})
}
