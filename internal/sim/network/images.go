package network

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"strconv"
	"strings"
)

// Image makes image n: the same bytes for the same number.
func (w *World) Image(n int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 96, 128))
	seed := w.Opt.Seed*31 + uint64(n)*2654435761
	a := color.RGBA{byte(seed), byte(seed >> 8), byte(seed >> 16), 255}
	for y := range 128 {
		for x := range 96 {
			c := a
			if (x/(8+n%7)+y/16)%2 == 0 {
				c = color.RGBA{255 - a.R, a.G, byte(y * 2), 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil
	}
	return b.Bytes()
}

// Images serves /<any path>/<n>.jpg, whatever stands in the query.
func (w *World) Images() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".jpg"))
		if err != nil || n < 0 || n >= w.Opt.Images {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "image/jpeg")
		_, _ = rw.Write(w.Image(n))
	})
}
