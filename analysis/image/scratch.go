package image

import (
	"image"
	"sync"
)

// scratch lends pixels for the time that one image is worked on. Renditions are
// made thousands of times over, each by way of the same three or four buffers.
type scratch struct {
	pool *sync.Pool // of *[]byte; nil: nothing is reused
	lent []*[]byte
}

// largestKept keeps single huge photos from staying in memory: most buffers are
// below, a side being at most twice that of a rendition.
const largestKept = 8 << 20

// rgba returns an image of that size whose pixels may be anything.
func (s *scratch) rgba(w, h int) *image.RGBA {
	r := image.Rect(0, 0, w, h)
	if s == nil || s.pool == nil {
		return image.NewRGBA(r)
	}
	n := 4 * w * h
	buf, ok := s.pool.Get().(*[]byte)
	if !ok || cap(*buf) < n {
		fresh := make([]byte, n)
		buf = &fresh
	}
	s.lent = append(s.lent, buf)
	return &image.RGBA{Pix: (*buf)[:n:n], Stride: 4 * w, Rect: r}
}

// release takes back everything that was lent. Nobody may look at it any more.
func (s *scratch) release() {
	for _, buf := range s.lent {
		if cap(*buf) <= largestKept {
			s.pool.Put(buf)
		}
	}
	s.lent = nil
}
