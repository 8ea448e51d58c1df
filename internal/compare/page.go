package compare

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the page's template
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/image/draw"

	weftimage "weft/analysis/image"
)

//go:embed page.html
var pageText string

// thumb is the longest side of an example's picture: with 36 of them to an
// attribute, at 5 KB each, a page stays under a megabyte.
const thumb = 160

// Blobs is where renditions are.
type Blobs interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// WritePage writes the report as one HTML file that needs nothing else: pictures
// are in it. A picture that can't be had leaves its example without.
func (r Report) WritePage(ctx context.Context, w io.Writer, blobs Blobs) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
		"number":  func(v float64) string { return fmt.Sprintf("%.3f", v) },
		"p":       pValue,
		"ms":      func(v float64) string { return fmt.Sprintf("%.2f ms", 1000*v) },
		"picture": func(key string) template.URL { return picture(ctx, blobs, key) },
		"values":  func(v []string) string { return cmp.Or(strings.Join(v, ", "), Nothing) },
		"pairs":   Attribute.Pairs,
		"verdict": Attribute.Verdict,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("compare: page: %w", err)
	}
	if err := t.Execute(w, r); err != nil {
		return fmt.Errorf("compare: page: %w", err)
	}
	return nil
}

// picture is a rendition made small, as a data: URI; empty if it is gone.
func picture(ctx context.Context, blobs Blobs, key string) template.URL {
	if key == "" {
		return ""
	}
	data, err := blobs.Get(ctx, key)
	if err != nil {
		return ""
	}
	img, err := weftimage.DecodeRendition(data)
	if err != nil {
		return ""
	}
	b := img.Bounds()
	scale := min(1, float64(thumb)/float64(max(b.Dx(), b.Dy())))
	small := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(b.Dx())*scale)), max(1, int(float64(b.Dy())*scale))))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 75}); err != nil {
		return ""
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(out.Bytes())) //nolint:gosec // made here, of pixels alone
}

// Swap is how often one value of the active version stood against another of the shadow.
type Swap struct {
	Active, Shadow string
	N              int
}

// Pairs lists what the two said differently, the most frequent first.
func (a Attribute) Pairs() []Swap {
	var out []Swap
	for x, row := range a.Confusion {
		for y, n := range row {
			if x != y {
				out = append(out, Swap{x, y, n})
			}
		}
	}
	slices.SortFunc(out, func(a, b Swap) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Active, b.Active), cmp.Compare(a.Shadow, b.Shadow))
	})
	return out
}

// Verdict says in words what the labels tell.
func (a Attribute) Verdict() string {
	l := a.Labels
	switch {
	case l.N == 0:
		return "no post that both saw has a label: which of them is right, nobody knows"
	case l.P >= 0.05:
		return "the labels don't tell which is better"
	case l.Wins > l.Losses:
		return "the shadow is better on the labelled posts"
	default:
		return "the shadow is worse on the labelled posts"
	}
}

func pValue(v float64) string {
	if v < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", v)
}

// WriteText writes the report for a terminal.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "model\t%s\n", r.Model)
	fmt.Fprintf(t, "active\t%s %s\t%.2f ms CPU an input\n", r.Active.Name, r.Active.Version, 1000*r.Active.Cost)
	fmt.Fprintf(t, "shadow\t%s %s\t%.2f ms CPU an input\n", r.Shadow.Name, r.Shadow.Version, 1000*r.Shadow.Cost)
	fmt.Fprintf(t, "posts\t%d of %d were seen by both, %d inputs\n", r.Both, r.Posts, r.Inputs)
	for _, a := range r.Attributes {
		l := a.Labels
		fmt.Fprintf(t, "\n%s\n", a.Name)
		fmt.Fprintf(t, "  agreement\t%.1f %% (95 %%: %.1f to %.1f), kappa %.3f, n %d\n", 100*a.Agreement, 100*a.Interval[0], 100*a.Interval[1], a.Kappa, a.N)
		fmt.Fprintf(t, "  mean confidence\t%.3f active, %.3f shadow\n", a.Confidence.Active, a.Confidence.Shadow)
		fmt.Fprintf(t, "  on labels\t%d posts (%d of the sample): accuracy %.3f active, %.3f shadow\n", l.N, l.Sample, l.Accuracy.Active, l.Accuracy.Shadow)
		fmt.Fprintf(t, "  shadow\t%d wins, %d losses, p %s: %s\n", l.Wins, l.Losses, pValue(l.P), a.Verdict())
		for _, s := range a.Pairs()[:min(5, len(a.Pairs()))] {
			fmt.Fprintf(t, "  %d×\t%s became %s\n", s.N, s.Active, s.Shadow)
		}
	}
	return t.Flush()
}
