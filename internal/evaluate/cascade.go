package evaluate

import (
	"fmt"
	"io"
	"regexp"
	"strconv"

	"weft/profile"
)

// Point is a cascade at one threshold: posts of which the light model is less
// sure are looked at by the heavy one too.
type Point struct {
	Threshold float64 `json:"threshold"`
	Accuracy  float64 `json:"accuracy"`
	Heavy     float64 `json:"heavy_share"`  // photos that went on
	Cost      float64 `json:"ms_per_image"` // CPU of both steps, reading and decoding included
	Inference float64 `json:"ms_per_image_inference"`
	Share     float64 `json:"cost_of_always_heavy"`           // of what asking the heavy model alone costs
	ShareInf  float64 `json:"inference_cost_of_always_heavy"` // the same of inference alone
}

// Cascade compares a chain of two models with its parts. Its JSON form is an
// interface: see `weft eval --cascade --json`.
type Cascade struct {
	Light   Report  `json:"light"`
	Heavy   Report  `json:"heavy"`
	Default Point   `json:"default"` // at the catalog's threshold, or that of --threshold
	Best    Point   `json:"best"`    // the cheapest that holds at this and every higher threshold
	Points  []Point `json:"points"`
	Pays    bool    `json:"pays"` // the default reaches heavy's accuracy less 0.01 at 0.6 of its cost or less
}

// What the chain must reach.
const (
	mayLose = 0.01
	mayCost = 0.6
)

// Chain computes what a cascade over the same photos gives.
func Chain(light, heavy Report, lightLooks, heavyLooks []Look, threshold float64) Cascade {
	c := Cascade{Light: light, Heavy: heavy, Default: at(lightLooks, heavyLooks, threshold)}
	for step := range 101 {
		c.Points = append(c.Points, at(lightLooks, heavyLooks, float64(step)/100))
	}
	c.Best = c.Points[len(c.Points)-1]
	for i := len(c.Points) - 1; i >= 0 && c.Points[i].Accuracy >= heavy.Accuracy-mayLose; i-- {
		c.Best = c.Points[i]
	}
	c.Pays = c.Default.Accuracy >= heavy.Accuracy-mayLose && c.Default.Share <= mayCost
	return c
}

// at is the cascade at one threshold: the router's "confidence < threshold".
func at(light, heavy []Look, threshold float64) Point {
	p := Point{Threshold: threshold}
	alwaysCost, alwaysInference := 0.0, 0.0
	for i, l := range light {
		h := heavy[i]
		alwaysCost += h.Whole
		alwaysInference += h.Inference
		p.Cost += l.Whole
		p.Inference += l.Inference
		last := l
		if l.Confidence < threshold {
			last = h
			p.Heavy++
			p.Cost += h.Whole
			p.Inference += h.Inference
		}
		if last.Right() {
			p.Accuracy++
		}
	}
	n := float64(len(light))
	p.Share, p.ShareInf = p.Cost/alwaysCost, p.Inference/alwaysInference
	p.Accuracy /= n
	p.Heavy /= n
	p.Cost *= 1000 / n
	p.Inference *= 1000 / n
	return p
}

var categoryRule = regexp.MustCompile(`confidence\("category"\) < ([0-9.]+)`)

// CatalogThreshold is the one that the shipped catalog profile sends posts on by.
func CatalogThreshold() (float64, error) {
	files, err := profile.Shipped()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if f.Name != "profiles/catalog.yaml" {
			continue
		}
		if m := categoryRule.FindSubmatch(f.Body); m != nil {
			return strconv.ParseFloat(string(m[1]), 64)
		}
	}
	return 0, fmt.Errorf("eval: the catalog profile has no rule of the form %s; give --threshold", categoryRule)
}

// WriteText writes the comparison for people.
func (c Cascade) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s, then %s where the first is less sure than the threshold; %d photos\n\n", c.Light.Model, c.Heavy.Model, c.Light.N)
	fmt.Fprintf(w, "threshold  accuracy  to heavy  CPU ms  of always heavy  inference ms  of always heavy\n")
	for i, p := range c.Points {
		if i%10 == 0 || p.Threshold == c.Default.Threshold || p.Threshold == c.Best.Threshold {
			mark := ""
			if p.Threshold == c.Default.Threshold {
				mark = "  <- default"
			}
			fmt.Fprintf(w, "%9.2f  %8.3f  %7.0f%%  %6.2f  %15.2f  %12.2f  %15.2f%s\n", p.Threshold, p.Accuracy, 100*p.Heavy, p.Cost, p.Share, p.Inference, p.ShareInf, mark)
		}
	}
	verdict := "does NOT reach"
	if c.Pays {
		verdict = "reaches"
	}
	_, err := fmt.Fprintf(w, `
light alone   %.3f at %.2f ms (inference alone %.2f)
always heavy  %.3f at %.2f ms (inference alone %.2f)
the chain     %.3f at %.2f ms: at the default threshold %.2f it %s heavy's accuracy less %.2f at %.1f of its cost or less
cheapest threshold that holds that accuracy here: %.2f (%.3f at %.2f of always heavy)
`, c.Light.Accuracy, c.Light.MsPerImage, c.Light.MsInference, c.Heavy.Accuracy, c.Heavy.MsPerImage, c.Heavy.MsInference,
		c.Default.Accuracy, c.Default.Cost, c.Default.Threshold, verdict, mayLose, mayCost, c.Best.Threshold, c.Best.Accuracy, c.Best.Share)
	return err
}
