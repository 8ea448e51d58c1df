package sim

import "strings"

// noun is a garment's word in a language and the form that goes with it: m, f,
// mp or fp (masculine, feminine, plural), or s and p where there is no gender.
type noun struct{ word, form string }

// words is what captions of one language are made of.
type words struct {
	code, space, stop, home string
	garments                map[string][]noun
	jeans                   noun
	this, my                map[string]string
	colors                  map[string]string
	agree                   func(color, form string) string
	materials, styles       map[string]string
	cities                  map[string]string
	sentences               []string // tell the garment, more or less
	vague                   []string // don't
	fabric                  []string
	negations               []string
	noise                   []string
	hashtags                []string
}

func (w words) color(name, form string) string {
	c := w.colors[name]
	if w.agree != nil {
		return w.agree(c, form)
	}
	return c
}

func lexicon(language string) words {
	switch language {
	case "fr":
		return french()
	case "zh":
		return chinese()
	case "es":
		return spanish()
	case "ja":
		return japanese()
	default:
		return english()
	}
}

// brand is a brand as the lexicon of captions knows it. Kinds are the garments
// it is likely for; none means all.
type brand struct {
	name, zh string
	kinds    []string
}

func brands() []brand {
	return []brand{
		{"Uniqlo", "优衣库", []string{"t-shirt", "shirt", "pants", "shorts", "skirt", "coat", "dress"}},
		{"Muji", "无印良品", []string{"t-shirt", "shirt", "pants", "coat", "dress"}},
		{"Zara", "", nil},
		{"H&M", "", nil},
		{"Nike", "耐克", []string{"shoes", "t-shirt", "shorts", "hat"}},
		{"Adidas", "阿迪达斯", []string{"shoes", "t-shirt", "shorts", "hat"}},
		{"New Balance", "新百伦", []string{"shoes"}},
		{"Li-Ning", "李宁", []string{"shoes", "t-shirt", "shorts"}},
		{"Converse", "匡威", []string{"shoes"}},
		{"Levi's", "李维斯", []string{"pants", "shirt", "shorts", "skirt"}},
		{"Lacoste", "", []string{"t-shirt", "shirt", "shoes", "hat"}},
		{"Gucci", "古驰", []string{"bag", "shoes", "hat", "dress", "coat"}},
		{"Prada", "普拉达", []string{"bag", "shoes", "hat", "skirt"}},
		{"Chanel", "香奈儿", []string{"bag", "dress", "skirt", "coat"}},
		{"Burberry", "博柏利", []string{"coat", "bag", "shirt"}},
		{"Max Mara", "", []string{"coat", "skirt", "dress"}},
		{"Hermès", "爱马仕", []string{"bag"}},
		{"Louis Vuitton", "路易威登", []string{"bag", "shoes"}},
	}
}

// styles are the styles that captions name in a hashtag.
func styles() []string {
	return []string{"streetwear", "vintage", "minimalist", "casual", "formal", "bohemian"}
}

func english() words {
	return words{
		code: "en", space: " ", stop: ".", home: "town",
		garments: map[string][]noun{
			"t-shirt": {{"t-shirt", "s"}, {"tee", "s"}}, "shirt": {{"shirt", "s"}, {"button-down", "s"}},
			"dress": {{"dress", "s"}}, "pants": {{"trousers", "p"}, {"pants", "p"}}, "shorts": {{"shorts", "p"}},
			"skirt": {{"skirt", "s"}}, "coat": {{"coat", "s"}, {"overcoat", "s"}}, "hat": {{"hat", "s"}},
			"shoes": {{"sneakers", "p"}, {"trainers", "p"}}, "bag": {{"handbag", "s"}, {"tote bag", "s"}}, "longsleeve": {{"long sleeve tee", "s"}},
		},
		jeans: noun{"jeans", "p"},
		this:  map[string]string{"s": "this", "p": "these"}, my: map[string]string{"s": "my", "p": "my"},
		colors: map[string]string{
			"black": "black", "white": "white", "grey": "grey", "navy": "navy", "blue": "blue", "light-blue": "light blue",
			"green": "green", "olive": "olive", "yellow": "yellow", "orange": "orange", "red": "red", "burgundy": "burgundy",
			"pink": "pink", "purple": "purple", "brown": "brown", "beige": "beige",
		},
		materials: map[string]string{"cotton": "cotton", "linen": "linen", "silk": "silk", "denim": "denim", "wool": "wool", "leather": "leather"},
		sentences: []string{
			"Finally wearing {this} {color} {garment} from {brand}", "Obsessed with {this} {garment}. {brand} does it again",
			"{this} {color} {material} {garment} 😮‍💨 {city} weather finally allows it", "New in: {color} {garment}, {price}€ at {brand}!!",
			"Found {this} {garment} at the flea market for {price} bucks, can you believe", "Sunday in {city}, {my} {color} {garment} and nothing planned",
			"can't stop wearing {this} {garment}", "Fit check: {brand} {garment}, coffee in hand", "Selling {this} {material} {garment}, worn twice, DM me",
			"{color} {garment} szn is here", "ootd w/ {my} favourite {garment}… {material}, so comfy",
		},
		vague: []string{"Sunday mood in {city}", "Tell me this isn't perfect??", "new drop, link in bio", "which one would you pick? 1 or 2", "I know, I know. {brand} again.", "no caption needed"},
		fabric: []string{
			"100% {material}.", "And the {material} is so soft!", "Real {material}, btw.",
		},
		negations: []string{"No {color} {garment} today.", "Not a {garment} person at all.", "I'd never wear {color}, sorry."},
		noise:     []string{"@stylefeed pls notice me", "(gifted)", "link in bio 👉 https://example.com/x?id=42", "Day 14 of #100daysofoutfits", "use code SAVE10 for 10% off"},
		hashtags:  []string{"ootd", "fitcheck", "whatiwore", "fashion", "style", "instafashion", "outfitinspo", "wardrobe"},
	}
}

func french() words {
	return words{
		code: "fr", space: " ", stop: ".", home: "ville",
		garments: map[string][]noun{
			"t-shirt": {{"t-shirt", "m"}, {"tee-shirt", "m"}}, "shirt": {{"chemise", "f"}}, "dress": {{"robe", "f"}},
			"pants": {{"pantalon", "m"}}, "shorts": {{"short", "m"}}, "skirt": {{"jupe", "f"}}, "coat": {{"manteau", "m"}},
			"hat": {{"chapeau", "m"}}, "shoes": {{"baskets", "fp"}}, "bag": {{"sac à main", "m"}}, "longsleeve": {{"t-shirt à manches longues", "m"}},
		},
		jeans: noun{"jean", "m"},
		this:  map[string]string{"m": "ce", "f": "cette", "mp": "ces", "fp": "ces"},
		my:    map[string]string{"m": "mon", "f": "ma", "mp": "mes", "fp": "mes"},
		colors: map[string]string{
			"black": "noir", "white": "blanc", "grey": "gris", "navy": "bleu marine", "blue": "bleu", "light-blue": "bleu clair",
			"green": "vert", "olive": "kaki", "yellow": "jaune", "orange": "orange", "red": "rouge", "burgundy": "bordeaux",
			"pink": "rose", "purple": "violet", "brown": "marron", "beige": "beige",
		},
		agree:     agreeFrench,
		materials: map[string]string{"cotton": "coton", "linen": "lin", "silk": "soie", "denim": "denim", "wool": "laine", "leather": "cuir"},
		styles:    map[string]string{"minimalist": "minimaliste", "bohemian": "bohème"},
		sentences: []string{
			"Folle de {this} {garment} {color} {brand}", "{this} {garment} {color}, trouvé(e) à {city} pour {price} €",
			"Enfin reçu {my} {garment} {brand} !!", "Ma tenue du jour : {garment} {color} en {material}", "Balade à {city} avec {my} {garment} {color}",
			"Vous en pensez quoi, de {this} {garment} ?", "Je vends {this} {garment} en {material}, porté 2 fois, taille 38", "Coup de cœur chez {brand} : {this} {garment} {color}",
			"Impossible de quitter {my} {garment}… du {material} tout doux", "Retour de {my} {garment} {color} préféré",
		},
		vague:     []string{"Petit dimanche à {city}", "Nouveau look, on valide ?", "Concours en story !", "Toujours fidèle à {brand}", "Sans commentaire", "La suite en bio 👉"},
		fabric:    []string{"100 % {material}.", "Et c'est du {material} !", "Tout en {material}."},
		negations: []string{"Pas de {garment} aujourd'hui.", "Surtout pas de {color} !", "Sans {garment} cette fois."},
		noise:     []string{"(collaboration commerciale)", "merci @modeuse.du.75 ❤️", "code PROMO15", "J-3 avant les soldes", "https://example.com/fr"},
		hashtags:  []string{"ootdfr", "mode", "tenuedujour", "lookdujour", "dressing", "vinted", "modefemme", "ootd"},
	}
}

// agreeFrench bends a colour to its noun; colours named after things, and those
// of two words, stay as they are.
func agreeFrench(color, form string) string {
	feminine := map[string]string{"noir": "noire", "blanc": "blanche", "gris": "grise", "bleu": "bleue", "vert": "verte", "violet": "violette"}
	always := []string{"rouge", "jaune", "rose", "beige"}
	f, bends := feminine[color]
	if bends && strings.HasPrefix(form, "f") {
		color = f
	}
	for _, a := range always {
		bends = bends || a == color
	}
	if bends && strings.HasSuffix(form, "p") && !strings.HasSuffix(color, "s") {
		color += "s"
	}
	return color
}
