package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// bins is how finely confidences are compared with accuracy.
const bins = 15

// Report says how good a model is on labelled photos. Its JSON form is an
// interface: see `weft eval --json`.
type Report struct {
	Model            string                    `json:"model"`
	Version          string                    `json:"version"`
	N                int                       `json:"n"`
	Accuracy         float64                   `json:"accuracy"`
	Interval         [2]float64                `json:"interval_95"` // Wilson's, of the accuracy
	AccuracyPerClass map[string]float64        `json:"accuracy_per_class"`
	PerClass         map[string]int            `json:"n_per_class"`
	Confusion        map[string]map[string]int `json:"confusion"`    // truth, then what was said
	ECE              float64                   `json:"ece"`          // expected calibration error, 15 bins of equal width
	MeanConfidence   float64                   `json:"confidence"`   // above the accuracy: it promises too much
	MsPerImage       float64                   `json:"ms_per_image"` // CPU: read and decode the rendition, scale, infer
	MsInference      float64                   `json:"ms_per_image_inference"`
}

// Summarize counts looks.
func Summarize(model, version string, looks []Look) Report {
	r := Report{
		Model: model, Version: version, N: len(looks), AccuracyPerClass: map[string]float64{}, PerClass: map[string]int{}, Confusion: map[string]map[string]int{},
	}
	if len(looks) == 0 {
		return r
	}
	right := 0
	for _, l := range looks {
		r.PerClass[l.Truth]++
		if r.Confusion[l.Truth] == nil {
			r.Confusion[l.Truth] = map[string]int{}
		}
		r.Confusion[l.Truth][cmp.Or(l.Value, "nothing")]++
		if l.Right() {
			right++
			r.AccuracyPerClass[l.Truth]++
		}
		r.MeanConfidence += l.Confidence
		r.MsInference += 1000 * l.Inference
		r.MsPerImage += 1000 * l.Whole
	}
	n := float64(len(looks))
	for class, of := range r.PerClass {
		r.AccuracyPerClass[class] /= float64(of)
	}
	r.Accuracy = float64(right) / n
	r.Interval = wilson(right, len(looks))
	r.ECE = calibrationError(looks)
	r.MeanConfidence /= n
	r.MsInference /= n
	r.MsPerImage /= n
	return r
}

// wilson is the 95 % score interval of a share.
func wilson(right, n int) [2]float64 {
	const z = 1.959964
	p, m := float64(right)/float64(n), float64(n)
	center := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return [2]float64{center - half, center + half}
}

// calibrationError is the mean distance between confidence and accuracy over
// bins of confidence, weighed by their photos.
func calibrationError(looks []Look) float64 {
	var n, right, sure [bins]float64
	for _, l := range looks {
		b := min(int(l.Confidence*bins), bins-1)
		n[b]++
		sure[b] += l.Confidence
		if l.Right() {
			right[b]++
		}
	}
	total := 0.0
	for b := range bins {
		total += math.Abs(right[b] - sure[b])
	}
	return total / float64(len(looks))
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s %s on %d photos\n", r.Model, r.Version, r.N)
	fmt.Fprintf(w, "  accuracy      %.3f (95 %%: %.3f to %.3f)\n", r.Accuracy, r.Interval[0], r.Interval[1])
	fmt.Fprintf(w, "  ece           %.3f (15 bins; mean confidence %.3f)\n", r.ECE, r.MeanConfidence)
	fmt.Fprintf(w, "  ms_per_image  %.2f of CPU with reading and decoding; the model alone %.2f\n\n", r.MsPerImage, r.MsInference)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "class\tn\taccuracy\ttaken for")
	for _, class := range slices.Sorted(maps.Keys(r.PerClass)) {
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%s\n", class, r.PerClass[class], r.AccuracyPerClass[class], mistakes(r.Confusion[class], class))
	}
	return t.Flush()
}

// mistakes lists what a class was taken for, the most frequent first.
func mistakes(said map[string]int, class string) string {
	names := slices.SortedFunc(maps.Keys(said), func(a, b string) int {
		return cmp.Or(cmp.Compare(said[b], said[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, name := range names {
		if name != class {
			words = append(words, fmt.Sprintf("%s %d", name, said[name]))
		}
	}
	return strings.Join(words, ", ")
}
