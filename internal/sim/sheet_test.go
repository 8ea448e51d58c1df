package sim

import (
	"image"
	"image/draw"
	"image/png"
	"os"
	"testing"

	xdraw "golang.org/x/image/draw"
)

func TestContactSheet(t *testing.T) {
	out := os.Getenv("SHEET")
	if out == "" {
		t.Skip("set SHEET")
	}
	const cw, ch, cols, rows = 280, 350, 7, 4
	dst := image.NewRGBA(image.Rect(0, 0, cw*cols, ch*rows))
	cs := Colors()
	mats := []string{"", "denim", "wool", "silk", "leather", "linen"}
	for i := range cols * rows {
		k := Kinds()[(i*3)%10]
		g := Garment{Kind: k, Color: cs[(i*7+i/10)%16], Second: cs[(i*5+3)%16], Backdrop: Backdrops()[(i*5+i/10)%6], Material: mats[(i+i/10)%6]}
		switch i / 10 % 3 {
		case 1:
			g.Pattern = "striped"
		case 2:
			g.Pattern = "two-tone"
		}
		img := Render(g, uint64(i+1))
		r := image.Rect(0, 0, cw, ch).Add(image.Pt(i%cols*cw, i/cols*ch))
		xdraw.ApproxBiLinear.Scale(dst, r, img, img.Bounds(), draw.Src, nil)
	}
	f, _ := os.Create(out)
	defer f.Close()
	if err := png.Encode(f, dst); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkJPEG(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		g := Garment{Kind: Kinds()[(i*3)%10], Color: "red", Second: "navy", Pattern: []string{"plain", "striped"}[i%2], Backdrop: Backdrops()[i%6], Material: "wool"}
		if _, err := JPEG(g, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
}
