package analysis

import (
	"context"
	"fmt"
	"image"

	weftimage "weft/analysis/image"
	"weft/analysis/taxonomy"
	"weft/analysis/text"
	"weft/models"
)

// Default returns a registry of the models that need no weights: color and
// caption for every post, color-regions for the heavy tier. It takes some
// milliseconds: make one and keep it.
func Default() (*Registry, error) {
	colors, err := taxonomy.LoadColors()
	if err != nil {
		return nil, fmt.Errorf("build registry: %w", err)
	}
	caption, err := text.NewCaption(colors)
	if err != nil {
		return nil, fmt.Errorf("build registry: %w", err)
	}
	r, err := NewRegistry(lightColor(colors), heavyColor(colors, nil), captionModel(colors, caption))
	if err != nil {
		return nil, err
	}
	r.AddOptions(weftimage.AttrColor, colors.Names())
	r.AddOptions(weftimage.AttrFamily, colors.Families())
	for _, name := range captionAttributes() {
		if name != text.AttrColor {
			r.AddOptions(name, caption.Values(name))
		}
	}
	return r, nil
}

// builtin is a model made of a function.
type builtin struct {
	info    Info
	analyze func(Input) []models.Attribute
}

func (b builtin) Info() Info { return b.info }

func (b builtin) Analyze(_ context.Context, in Input) ([]models.Attribute, error) {
	return b.analyze(in), nil
}

func lightColor(t *taxonomy.Colors) Model {
	c := weftimage.NewColors(t)
	return builtin{
		info: Info{
			Name: "color", Version: weftimage.ColorsVersion + "." + t.Hash(), Tier: models.AnalyzeLight, Kind: ImageKind,
			Attributes: []string{weftimage.AttrColor, weftimage.AttrFamily},
			Params:     []Param{{Name: "k", Type: Int, Min: 2, Max: 8, Default: 4}},
		},
		analyze: func(in Input) []models.Attribute { return c.Light(in.Image, in.Params.Int("k")) },
	}
}

// Segmenter tells foreground from background.
type Segmenter interface {
	Version() string
	Mask(ctx context.Context, img image.Image) (weftimage.Mask, error)
}

// UseSegmenter lets the heavy colour model look through a segmentation model.
// Its version says so: what it found without stays what it was.
func (r *Registry) UseSegmenter(s Segmenter) error {
	colors, err := taxonomy.LoadColors()
	if err != nil {
		return fmt.Errorf("use segmenter: %w", err)
	}
	m := heavyColor(colors, s)
	for i := range r.models {
		if r.models[i].Info().Name == m.Info().Name {
			r.models[i] = m
		}
	}
	return nil
}

// segmented is the heavy colour model with a segmenter.
type segmented struct {
	builtin

	colors    *weftimage.Colors
	segmenter Segmenter
}

func (s segmented) Analyze(ctx context.Context, in Input) ([]models.Attribute, error) {
	mask, err := s.segmenter.Mask(ctx, in.Image)
	if err != nil {
		return nil, err
	}
	return s.colors.Regions(in.Image, in.Params.Int("k"), in.Params.Int("regions"), &mask), nil
}

func heavyColor(t *taxonomy.Colors, s Segmenter) Model {
	c := weftimage.NewColors(t)
	m := builtin{
		info: Info{
			Name: "color-regions", Version: weftimage.ColorsVersion + "." + t.Hash(), Tier: models.AnalyzeHeavy, Kind: ImageKind,
			Attributes: []string{weftimage.AttrColor, weftimage.AttrFamily}, Replaces: []string{"color"},
			Params: []Param{
				{Name: "k", Type: Int, Min: 2, Max: 12, Default: 6},
				{Name: "regions", Type: Int, Min: 1, Max: 4, Default: 2},
			},
		},
		analyze: func(in Input) []models.Attribute {
			return c.Regions(in.Image, in.Params.Int("k"), in.Params.Int("regions"), nil)
		},
	}
	if s == nil {
		return m
	}
	m.info.Version += "." + s.Version()
	return segmented{builtin: m, colors: c, segmenter: s}
}

func captionModel(t *taxonomy.Colors, c *text.Caption) Model {
	return builtin{
		info: Info{
			Name: "caption", Version: text.CaptionVersion + "." + taxonomy.Hash([]byte(c.Hash()), []byte(t.Hash())),
			Tier: models.AnalyzeLight, Kind: TextKind, Attributes: captionAttributes(),
		},
		analyze: func(in Input) []models.Attribute { return c.Analyze(in.Text) },
	}
}

func captionAttributes() []string {
	return []string{
		text.AttrBrand, text.AttrGarment, text.AttrCategory, text.AttrMaterial, text.AttrStyle, text.AttrOccasion, text.AttrColor,
	}
}
