package learned

import (
	"cmp"
	"context"
	"image"
	"math"
	"slices"

	"weft/analysis"
	"weft/analysis/zoo"
	"weft/models"
)

// Model is a Net that finds attributes or makes embeddings.
type Model struct {
	*Net

	info analysis.Info
}

// NewModel returns a declared model for the registry. One that makes masks is
// none: it is a Net for others to use.
func NewModel(n *Net) *Model {
	d := n.Declaration()
	info := analysis.Info{
		Name: d.Name, Version: d.Version, Tier: d.Tier, Kind: analysis.ImageKind, Attributes: d.Attributes(), Side: d.Input.Side, Replaces: d.Replaces,
	}
	if d.Task == zoo.Text {
		info.Kind = analysis.TextKind
	}
	for _, o := range d.Outputs {
		if o.As == zoo.Embedding {
			info.Embedding = o.Dims
		}
		for _, v := range o.Values() {
			info.Options = append(info.Options, analysis.ValueOption{Attribute: o.Attribute, Value: v})
		}
	}
	return &Model{Net: n, info: info}
}

// Info describes the model.
func (m *Model) Info() analysis.Info { return m.info }

// Analyze is AnalyzeAll of one input; its embedding is lost.
func (m *Model) Analyze(ctx context.Context, in analysis.Input) ([]models.Attribute, error) {
	all, err := m.AnalyzeAll(ctx, []analysis.Input{in})
	if err != nil {
		return nil, err
	}
	return all[0].Attributes, nil
}

// AnalyzeAll asks about several inputs in one batch.
func (m *Model) AnalyzeAll(ctx context.Context, in []analysis.Input) ([]analysis.Finding, error) {
	answers, elsewhere, err := m.ask(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]analysis.Finding, len(in))
	for i, a := range answers {
		out[i].Elsewhere = elsewhere / float64(len(in))
		for _, o := range m.decl.Outputs {
			switch o.As {
			case zoo.Attribute:
				out[i].Attributes = append(out[i].Attributes, m.attributes(o, a[o.Name].Data)...)
			case zoo.Embedding:
				out[i].Embedding = models.PackVector(a[o.Name].Data)
			default:
			}
		}
	}
	return out, nil
}

func (m *Model) ask(ctx context.Context, in []analysis.Input) ([]Answer, float64, error) {
	if m.info.Kind == analysis.TextKind {
		texts := make([]string, len(in))
		for i := range in {
			texts[i] = in[i].Text
		}
		return m.Texts(ctx, texts)
	}
	images := make([]image.Image, len(in))
	for i := range in {
		images[i] = in[i].Image
	}
	return m.Images(ctx, images)
}

func (m *Model) attributes(o zoo.Output, numbers []float32) []models.Attribute {
	evidence := models.FromImage
	if m.info.Kind == analysis.TextKind {
		evidence = models.FromText
	}
	var out []models.Attribute
	for _, s := range Scores(o, numbers) {
		if s.Value == "" || s.Confidence < o.Threshold || len(out) == o.Top {
			continue
		}
		out = append(out, models.Attribute{Name: o.Attribute, Value: s.Value, Confidence: math.Round(s.Confidence*1000) / 1000, Evidence: evidence})
	}
	return out
}

// Score is how sure a model is of a value.
type Score struct {
	Value      string
	Confidence float64
}

// Scores turns the numbers of an attribute's output into confidences, the surest
// first. Classes that have one value are one: with softmax they add up.
func Scores(o zoo.Output, numbers []float32) []Score {
	confidence := activate(o, numbers)
	byValue := map[string]int{}
	var scores []Score
	for i, c := range o.Classes {
		at, ok := byValue[c.Value]
		switch {
		case !ok:
			byValue[c.Value] = len(scores)
			scores = append(scores, Score{c.Value, confidence[i]})
		case o.Activation == zoo.Softmax:
			scores[at].Confidence += confidence[i]
		default:
			scores[at].Confidence = max(scores[at].Confidence, confidence[i])
		}
	}
	slices.SortStableFunc(scores, func(a, b Score) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return scores
}

// activate applies temperature and activation. What is no number is no confidence.
func activate(o zoo.Output, numbers []float32) []float64 {
	out := make([]float64, len(numbers))
	highest := math.Inf(-1)
	for i, v := range numbers {
		out[i] = float64(v) / o.Temperature
		highest = max(highest, out[i])
	}
	sum := 0.0
	for i, z := range out {
		switch o.Activation {
		case zoo.Softmax:
			out[i] = math.Exp(z - highest)
			sum += out[i]
		case zoo.Sigmoid:
			out[i] = 1 / (1 + math.Exp(-z))
		default:
		}
	}
	for i := range out {
		if o.Activation == zoo.Softmax {
			out[i] /= sum
		}
		if math.IsNaN(out[i]) {
			out[i] = 0
		}
		out[i] = min(max(out[i], 0), 1)
	}
	return out
}
