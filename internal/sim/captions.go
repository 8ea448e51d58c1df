package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// write fills in who posted p and the caption, and adds to the truth what the
// caption tells.
func (p *Post) write(who person, g Garment, rng *rand.Rand) {
	p.writeWith(lexicon(who.language), who, g, rng)
}

func (p *Post) writeWith(l words, who person, g Garment, rng *rand.Rand) {
	p.Record.Author, p.Record.Language = who.Author, who.language
	p.Record.Likes = int64(math.Exp(0.5*math.Log(float64(who.Followers)+1) + 1 + rng.NormFloat64()))
	p.Record.Comments = p.Record.Likes / int64(8+rng.IntN(40))
	for _, pic := range p.Pictures {
		p.Record.Images = append(p.Record.Images, pic.Name)
	}
	c := caption{lang: l, g: g, city: who.Location.City, rng: rng}
	p.Record.Text = c.text()
	p.Record.Hashtags = c.tags
	for name, value := range c.told {
		p.Truth[name] = []string{value}
	}
}

// caption writes one caption.
type caption struct {
	lang words
	g    Garment
	city string
	rng  *rand.Rand
	told map[string]string
	tags []string
}

func (c *caption) pick(list []string) string { return list[c.rng.IntN(len(list))] }

func (c *caption) text() string {
	c.told = map[string]string{}
	sentence := c.pick(c.lang.sentences)
	if c.rng.IntN(5) == 0 { // says nothing of the garment
		sentence = c.pick(c.lang.vague)
	}
	out := []string{c.fillIn(sentence)}
	if len(c.lang.fabric) > 0 && c.told[AttrMaterial] == "" && c.rng.IntN(4) == 0 {
		out = append(out, c.fillIn(c.pick(c.lang.fabric)))
	}
	if len(c.lang.negations) > 0 && c.rng.IntN(6) == 0 {
		out = append(out, c.negation())
	}
	if c.rng.IntN(4) == 0 {
		out = append(out, c.pick(c.lang.noise))
	}
	text := c.join(out)
	if c.rng.IntN(3) > 0 {
		text += " " + c.pick([]string{"✨", "🤍", "🔥", "😍", "🛍️", "💫", "🫶🏽", "👀", "☕️🍂", "💃"})
	}
	if tags := c.hashtags(); tags != "" {
		text += c.pick([]string{" ", "\n\n", "\n.\n.\n"}) + tags
	}
	return text
}

// join strings sentences together, with a stop where one has no end of its own.
func (c *caption) join(sentences []string) string {
	text := sentences[0]
	for _, s := range sentences[1:] {
		if last, _ := utf8.DecodeLastRuneInString(text); !strings.ContainsRune(".!?…)。！？～）", last) {
			text += c.lang.stop
		}
		text += c.lang.space + s
	}
	return text
}

// fillIn puts words in the place of {slots} and notes what is told by them.
func (c *caption) fillIn(sentence string) string {
	l := c.lang
	var n noun
	if all := l.garments[c.g.Kind]; len(all) > 0 {
		n = all[c.rng.IntN(len(all))]
	}
	if termOf(c.g) == "jeans" {
		n = l.jeans
		c.slot(sentence, "{garment}", AttrMaterial, "denim", "") // the word tells it
	}
	r := strings.NewReplacer(
		"{garment}", n.word, "{this}", l.this[n.form], "{my}", l.my[n.form],
		"{color}", l.color(c.g.Color, n.form), "{price}", fmt.Sprint(15+5*c.rng.IntN(60)),
		"{city}", c.where(), "{brand}", c.brand(sentence), "{material}", c.slot(sentence, "{material}", AttrMaterial, c.g.Material, l.materials[c.g.Material]),
	)
	return capital(strings.TrimSpace(r.Replace(sentence)))
}

// slot returns the word for a slot, and notes the value if the sentence has it.
func (c *caption) slot(sentence, slot, attribute, value, word string) string {
	if strings.Contains(sentence, slot) {
		c.told[attribute] = value
	}
	return word
}

func (c *caption) brand(sentence string) string {
	var fits []brand
	for _, b := range brands() {
		if len(b.kinds) == 0 || slices.Contains(b.kinds, c.g.Kind) {
			fits = append(fits, b)
		}
	}
	b := fits[c.rng.IntN(len(fits))]
	name := b.name
	if c.lang.code == "zh" && b.zh != "" && c.rng.IntN(3) > 0 {
		name = b.zh
	}
	return c.slot(sentence, "{brand}", AttrBrand, b.name, name)
}

func (c *caption) where() string {
	if c.city == "" {
		return c.lang.home
	}
	if local := c.lang.cities[c.city]; local != "" {
		return local
	}
	return c.city
}

// negation names something that the picture does not show.
func (c *caption) negation() string {
	other := c.g
	for other.Kind == c.g.Kind {
		other.Kind = c.pick(Kinds())
	}
	other.Color = partner(c.g.Color, c.rng)
	for slices.Contains([]string{c.g.Color, c.g.Second}, other.Color) {
		other.Color = partner(c.g.Color, c.rng)
	}
	n := c.lang.garments[other.Kind][0]
	return capital(strings.NewReplacer(
		"{garment}", n.word, "{this}", c.lang.this[n.form], "{my}", c.lang.my[n.form], "{color}", c.lang.color(other.Color, n.form),
	).Replace(c.pick(c.lang.negations)))
}

// hashtags adds tags, one of them perhaps a style or the brand.
func (c *caption) hashtags() string {
	tags := slices.Clone(c.lang.hashtags)
	c.rng.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	tags = tags[:c.rng.IntN(4)]
	if c.rng.IntN(3) == 0 {
		s := styles()[c.rng.IntN(len(styles()))]
		c.told[AttrStyle] = s
		tag := s
		if local := c.lang.styles[s]; local != "" && c.rng.IntN(2) == 0 {
			tag = local
		}
		tags = append(tags, tag)
	}
	var out []string
	for _, t := range tags {
		c.tags = append(c.tags, strings.ToLower(t))
		out = append(out, "#"+t)
	}
	return strings.Join(out, " ")
}

// capital starts a sentence with a capital, where the script has them.
func capital(s string) string {
	for i, r := range s {
		return s[:i] + strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}
