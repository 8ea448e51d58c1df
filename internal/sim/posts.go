package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Names of the attributes whose truth is known.
const (
	AttrCategory = "category" // the coarse class of the garment
	AttrGarment  = "garment"
	AttrColor    = "color"
	AttrBrand    = "brand"
	AttrMaterial = "material"
	AttrStyle    = "style"
)

// Attributes returns those names in the order they are shown.
func Attributes() []string {
	return []string{AttrCategory, AttrGarment, AttrColor, AttrBrand, AttrMaterial, AttrStyle}
}

// Post is a made-up post with what is true of it.
type Post struct {
	Record  Record `json:"record"`
	Profile string `json:"profile"`
	// Truth holds category, garment and colours, which the picture shows, and
	// brand, material and style where the caption tells them.
	Truth    map[string][]string `json:"truth"`
	Broken   string              `json:"broken,omitempty"` // why no image of the post can be used; empty if one can
	Pictures []Picture           `json:"-"`
}

// Record is a line of an import file.
type Record struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	Text      string    `json:"text"`
	Language  string    `json:"language,omitempty"`
	Hashtags  []string  `json:"hashtags,omitempty"`
	Author    Author    `json:"author"`
	Likes     int64     `json:"likes"`
	Comments  int64     `json:"comments"`
	Images    []string  `json:"images"`
}

// Author is the author in a Record.
type Author struct {
	ID        string   `json:"id"`
	Handle    string   `json:"handle"`
	Name      string   `json:"name"`
	Followers int64    `json:"followers"`
	Location  Location `json:"location"`
}

// Location is the author's place in a Record.
type Location struct {
	Raw     string `json:"raw,omitempty"`
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Region  string `json:"region,omitempty"`  // ISO 3166-2
	City    string `json:"city,omitempty"`
}

// Picture says how to make one image file, or where it lies already.
type Picture struct {
	Name    string
	Garment Garment
	Seed    uint64
	Broken  string // one of Breakages, or empty
	From    string // an existing photo instead of a rendered one
}

// Profiles returns the profiles that posts are made for.
func Profiles() []string { return []string{"quality", "tendencies", "catalog"} }

// repostEvery is how often somebody posts another's picture again: the same
// bytes, so the models' results are reused.
const repostEvery = 33

// Posts makes n posts of the 60 days before now. One in 16 is broken; a
// quarter goes to quality, where a person answers for each.
func Posts(seed uint64, n int, now time.Time) []Post {
	rng := rand.New(rand.NewPCG(seed, 0x706f_7374))
	people := authors(rng)
	posts := make([]Post, 0, n)
	for i := range n {
		p := Post{Profile: profileOf(i)}
		p.Record.ID = fmt.Sprintf("demo-%05d", i+1)
		back := time.Duration(rng.Float64() * float64(60*24*time.Hour))
		p.Record.CreatedAt = now.UTC().Add(-back).Truncate(time.Second)
		g := garment(rng)
		if i%16 == int(seed%16) {
			kinds := Breakages()
			p.Broken = kinds[i/16%len(kinds)]
			p.Pictures = []Picture{p.picture(0, g, rng)}
		} else if from := sound(posts); i%repostEvery == repostEvery-1 && from != nil {
			p.Pictures, g = from.Pictures, from.Pictures[0].Garment
		} else {
			for k := range 1 + rng.IntN(10)/7 + rng.IntN(10)/9 {
				p.Pictures = append(p.Pictures, p.picture(k, g, rng))
				g.Backdrop = backdrop(rng)
			}
		}
		p.Truth = truthOf(g)
		who := people[rng.IntN(len(people))]
		p.write(who, g, rng)
		posts = append(posts, p)
	}
	return posts
}

// profileOf deals the posts out: 5 of 20 to quality, 9 to tendencies, 6 to catalog.
func profileOf(i int) string {
	const deal = "tqctctqtctqtctqtctqt"
	switch deal[(i+i/len(deal))%len(deal)] {
	case 'q':
		return "quality"
	case 'c':
		return "catalog"
	default:
		return "tendencies"
	}
}

// sound returns a recent post with good pictures, nil if there is none.
func sound(posts []Post) *Post {
	for i := len(posts) - 5; i >= 0; i-- {
		if posts[i].Broken == "" {
			return &posts[i]
		}
	}
	return nil
}

func (p *Post) picture(k int, g Garment, rng *rand.Rand) Picture {
	suffix := ".jpg"
	if p.Broken == BombHeader {
		suffix = ".png"
	}
	return Picture{
		Name:    fmt.Sprintf("images/%s-%d%s", p.Record.ID, k+1, suffix),
		Garment: g, Seed: rng.Uint64(), Broken: p.Broken,
	}
}

// truthOf is what the picture shows.
func truthOf(g Garment) map[string][]string {
	t := map[string][]string{AttrCategory: {categoryOf(g.Kind)}, AttrGarment: {termOf(g)}, AttrColor: {g.Color}}
	if g.Second != "" && g.Second != g.Color {
		t[AttrColor] = append(t[AttrColor], g.Second)
	}
	return t
}

// categoryOf returns the coarse class that a kind belongs to.
func categoryOf(kind string) string {
	if kind == "coat" {
		return "outwear"
	}
	return kind
}

// termOf returns the finer word for what is drawn.
func termOf(g Garment) string {
	switch {
	case g.Kind == "shoes":
		return "sneakers"
	case g.Kind == "bag":
		return "handbag"
	case g.Kind == "pants" && g.Material == "denim":
		return "jeans"
	default:
		return g.Kind
	}
}

// garment picks what a photo shows. Two colours and busy backgrounds are what
// makes the cheap colour model unsure.
func garment(rng *rand.Rand) Garment {
	kinds, colors := Kinds(), Colors()
	g := Garment{Kind: kinds[rng.IntN(len(kinds))], Color: colors[rng.IntN(len(colors))], Backdrop: backdrop(rng)}
	fits := materialsOf(g.Kind)
	g.Material = fits[rng.IntN(len(fits))]
	if g.Material == "denim" {
		g.Color = []string{"blue", "navy", "light-blue", "black"}[rng.IntN(4)]
	}
	g.Pattern = "plain"
	if d := rng.Float64(); d < 0.16 {
		g.Pattern = "two-tone"
	} else if d < 0.3 {
		g.Pattern = "striped"
	}
	if g.Pattern != "plain" {
		g.Second = partner(g.Color, rng)
	}
	return g
}

// partner picks a second colour that can be told from the first.
func partner(first string, rng *rand.Rand) string {
	all := swatches()
	at := all[slices.IndexFunc(all, func(s swatch) bool { return s.name == first })].at
	for {
		s := all[rng.IntN(len(all))]
		l, a, b := s.at.L-at.L, s.at.A-at.A, s.at.B-at.B
		if l*l+a*a+b*b > 40*40 {
			return s.name
		}
	}
}

func backdrop(rng *rand.Rand) string {
	all := Backdrops()
	if rng.IntN(8) == 0 {
		return all[len(all)-1]
	}
	return all[rng.IntN(len(all)-1)]
}

func materialsOf(kind string) []string {
	switch kind {
	case "t-shirt":
		return []string{"cotton", "linen"}
	case "shirt":
		return []string{"cotton", "linen", "silk", "denim"}
	case "dress":
		return []string{"silk", "cotton", "linen", "wool"}
	case "pants":
		return []string{"denim", "denim", "wool", "linen", "cotton"}
	case "shorts":
		return []string{"denim", "linen", "cotton"}
	case "skirt":
		return []string{"denim", "leather", "silk", "wool"}
	case "coat":
		return []string{"wool", "wool", "leather", "cotton"}
	case "hat":
		return []string{"wool", "cotton"}
	default:
		return []string{"leather"}
	}
}
