package image

import (
	"image"
	"math"
	"sort"

	"weft/analysis/taxonomy"
	"weft/models"
)

// ColorsVersion names the code of the colour models. Raise it with any change
// that alters results: they are kept for ever under the version they had.
const ColorsVersion = "3"

// Attributes that the colour models find.
const (
	AttrColor  = "color"
	AttrFamily = "color_family"
)

// What counts as one of a garment's colours.
const (
	leastShare = 0.15
	mostColors = 3
	lightSide  = 64
)

// Colors finds the colours of the garment in the middle of a photo. It is safe
// for concurrent use.
//
// Confidence is that of the name, not of the garment being one: a logistic
// function of the margin between the nearest two names, of the colour's share
// and of the contrast with the background, fitted to labelled
// photos. It says "of findings like this, so many carry the right name".
type Colors struct {
	taxonomy *taxonomy.Colors
	convert  *converter
	anchors  []anchor
}

type anchor struct {
	lab
	name, family string
}

// NewColors returns the colour model for a taxonomy.
func NewColors(t *taxonomy.Colors) *Colors {
	c := &Colors{taxonomy: t, convert: newConverter()}
	for _, color := range t.Colors {
		for _, a := range color.Anchors {
			c.anchors = append(c.anchors, anchor{c.convert.lab(a.R, a.G, a.B), color.Name, color.Family})
		}
	}
	return c
}

// Light looks at a copy of 64 pixels' side in k clusters: 2 to 4 ms, most of
// them for scaling down.
func (c *Colors) Light(img image.Image, k int) []models.Attribute {
	s := c.look(img, lightSide, 6, k)
	return c.attributes(s, []band{s.whole()})
}

// Regions looks at every pixel of the rendition, allows a cluttered background
// and tells up to regions parts from top to bottom, with a box each: 60 to 90 ms.
// A mask that can be trusted narrows the garment down; without one, or with
// another, it is told from the background by its colours alone.
func (c *Colors) Regions(img image.Image, k, regions int, mask *Mask) []models.Attribute {
	g := c.convert.grid(expose(shrink(img, img.Bounds(), RenditionSide)))
	f := findForeground(g, 8)
	if mask != nil && mask.trusted() {
		f = mask.within(g, f)
	}
	s := c.cluster(g, f, k)
	return c.attributes(s, s.split(regions))
}

// scene is a photo after clustering.
type scene struct {
	grid
	foreground
	clusters []cluster
	member   []int // cluster of each pixel, -1 for background
}

func (c *Colors) look(img image.Image, side, modes, k int) scene {
	g := c.convert.grid(expose(shrink(img, img.Bounds(), side)))
	return c.cluster(g, findForeground(g, modes), k)
}

// cluster groups the colours of a foreground.
func (c *Colors) cluster(g grid, f foreground, k int) scene {
	s := scene{grid: g, foreground: f, member: make([]int, len(g.lab))}
	samples, at := make([]sample, 0, len(g.lab)), make([]int, 0, len(g.lab))
	for i, p := range g.lab {
		s.member[i] = -1
		if s.weight[i] > 0 {
			samples, at = append(samples, sample{p, s.weight[i]}), append(at, i)
		}
	}
	clusters, member := kmeans(samples, k)
	var into []int
	s.clusters, into = merge(clusters)
	for i, m := range member {
		s.member[at[i]] = into[m]
	}
	return s
}

// found is a colour name with what speaks for it.
type found struct {
	name, family         string
	margin, familyMargin float64
	share                float64
	box                  *models.Box
}

// attributes names the clusters of every band and joins what has one name.
func (c *Colors) attributes(s scene, bands []band) []models.Attribute {
	byName := map[string]*found{}
	for _, b := range bands {
		for name, f := range c.name(s, b) {
			if f.share < leastShare*b.share {
				continue
			}
			if len(bands) > 1 {
				box := b.box
				f.box = &box
			}
			if old, ok := byName[name]; ok {
				old.share += f.share
				old.margin, old.familyMargin = max(old.margin, f.margin), max(old.familyMargin, f.familyMargin)
				old.box = union(old.box, f.box)
			} else {
				byName[name] = f
			}
		}
	}
	colors := make([]*found, 0, len(byName))
	for _, f := range byName {
		colors = append(colors, f)
	}
	sort.Slice(colors, func(i, j int) bool {
		if colors[i].share != colors[j].share {
			return colors[i].share > colors[j].share
		}
		return colors[i].name < colors[j].name
	})
	if most := mostColors * len(bands); len(colors) > most {
		colors = colors[:most]
	}
	return s.describe(colors)
}

// name gives every cluster of a band its name and sums the shares by name. The
// margins are those of the largest cluster of the name.
func (c *Colors) name(s scene, b band) map[string]*found {
	out, largest := map[string]*found{}, map[string]float64{}
	for i, share := range b.shares {
		if share == 0 {
			continue
		}
		f := c.nearest(s.clusters[i].center)
		old, ok := out[f.name]
		if !ok {
			old = &f
			out[f.name] = old
		} else if share > largest[f.name] {
			old.margin, old.familyMargin = f.margin, f.familyMargin
		}
		old.share += share
		largest[f.name] = max(largest[f.name], share)
	}
	return out
}

// nearest names a colour. A margin is 0 on the line between two names and
// near 1 on an anchor.
func (c *Colors) nearest(p lab) found {
	best := anchor{}
	d1 := math.MaxFloat64
	for _, a := range c.anchors {
		if d := nameDistance(p, a.lab); d < d1 {
			best, d1 = a, d
		}
	}
	d2, d2Family := math.MaxFloat64, math.MaxFloat64
	for _, a := range c.anchors {
		if a.name != best.name {
			d2 = min(d2, nameDistance(p, a.lab))
		}
		if a.family != best.family {
			d2Family = min(d2Family, nameDistance(p, a.lab))
		}
	}
	margin := func(d2 float64) float64 { return (d2 - d1) / (d1 + d2 + 4) }
	return found{name: best.name, family: best.family, margin: margin(d2), familyMargin: margin(d2Family)}
}

// nameDistance weighs lightness more than clustering does (navy is dark blue),
// and chroma less where both are vivid, as eyes do.
func nameDistance(p, q lab) float64 {
	dl := 0.8 * (p.l - q.l)
	cp, cq := p.chroma(), q.chroma()
	dc := cp - cq
	dh2 := max(0, (p.a-q.a)*(p.a-q.a)+(p.b-q.b)*(p.b-q.b)-dc*dc)
	mean := math.Sqrt(cp * cq)
	sc, sh := 1+0.045*mean, 1+0.015*mean // as in CIE94
	return math.Sqrt(dl*dl + dc*dc/(sc*sc) + dh2/(sh*sh))
}

// describe turns colours into attributes, and adds the family of the dominant.
func (s scene) describe(colors []*found) []models.Attribute {
	var out []models.Attribute
	families, margins := map[string]float64{}, map[string]float64{}
	top := ""
	for _, f := range colors {
		out = append(out, models.Attribute{
			Name: AttrColor, Value: f.name, Confidence: nameConfidence(f.margin, f.share, s.contrast),
			Share: round(f.share), Evidence: models.FromImage, Box: f.box,
		})
		families[f.family] += f.share
		margins[f.family] = max(margins[f.family], f.familyMargin)
		if top == "" || families[f.family] > families[top] {
			top = f.family
		}
	}
	if top == "" {
		return out
	}
	return append(out, models.Attribute{
		Name: AttrFamily, Value: top, Confidence: familyConfidence(margins[top], families[top], s.contrast),
		Share: round(families[top]), Evidence: models.FromImage,
	})
}

// nameConfidence and familyConfidence tell how likely it is that a person would
// say the same, by how far the colour is from the next one, its share of the
// garment, and how far the garment stands out from the background, all 0 to 1.
// They were fitted to photos that a person had labelled, and
// TestColorsOfLabelledPhotos fits them again. For easier photos, such as recoloured
// ones, they are too modest.
func nameConfidence(margin, share, contrast float64) float64 {
	return logistic(-1.56 + 1.81*margin + 1.27*share + 0.43*contrast)
}

func familyConfidence(margin, share, contrast float64) float64 {
	return logistic(-1.56 + 1.74*margin + 1.04*share + 0.97*contrast)
}

func logistic(z float64) float64 { return round(1 / (1 + math.Exp(-z))) }

// round keeps three digits: more would only suggest a precision there isn't.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }
