package evaluate

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// WritePlot draws accuracy against cost over the threshold, as PNG: an SVG would
// want fonts that readers may not have.
func (c Cascade) WritePlot(w io.Writer) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, then %s: %d photos", c.Light.Model, c.Heavy.Model, c.Light.N)
	p.X.Label.Text = fmt.Sprintf("CPU, reading and decoding included, as a share of always asking %s", c.Heavy.Model)
	p.Y.Label.Text = "accuracy"
	points := make(plotter.XYs, len(c.Points))
	for i, q := range c.Points {
		points[i].X, points[i].Y = q.Share, q.Accuracy
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	line.Color = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	p.Add(plotter.NewGrid(), line)
	p.Legend.Add("threshold 0 to 1", line)
	marks := []struct {
		name string
		x, y float64
		how  draw.GlyphDrawer
	}{
		{"light alone", c.Light.MsPerImage / c.Heavy.MsPerImage, c.Light.Accuracy, draw.TriangleGlyph{}},
		{"always heavy", 1, c.Heavy.Accuracy, draw.SquareGlyph{}},
		{fmt.Sprintf("default, %.2f", c.Default.Threshold), c.Default.Share, c.Default.Accuracy, draw.CircleGlyph{}},
	}
	for _, m := range marks {
		s, err := plotter.NewScatter(plotter.XYs{{X: m.x, Y: m.y}})
		if err != nil {
			return fmt.Errorf("plot: %w", err)
		}
		s.Shape, s.Radius = m.how, vg.Points(4)
		p.Add(s)
		p.Legend.Add(m.name, s)
	}
	bound := plotter.NewFunction(func(float64) float64 { return c.Heavy.Accuracy - mayLose })
	bound.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(bound)
	p.Legend.Add(fmt.Sprintf("heavy less %.2f", mayLose), bound)
	p.Legend.XOffs, p.Legend.YOffs = -vg.Centimeter, vg.Centimeter/2
	canvas := vgimg.NewWith(vgimg.UseWH(18*vg.Centimeter, 11*vg.Centimeter), vgimg.UseDPI(120))
	p.Draw(draw.New(canvas))
	_, err = vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
	return err
}
