package text

// The words that captions of the corpus are made of, written for the test from
// what people write, not from the lexicons: inflected, with and without accents.

// noun is a garment: one and many of it, and whether it is feminine.
type noun struct {
	value, one, many string
	fem              bool
}

// shade is a colour with its four forms; English and Chinese have one.
type shade struct{ value, m, f, mp, fp string }

// word is a value and the ways it is written in one language.
type word struct {
	value string
	ways  []string
}

// tongue is one language of the corpus.
type tongue struct {
	nouns                               []noun
	shades                              []shade
	materials, styles, occasions, reads []word
	noise                               []string // says nothing of what is worn, and holds words that could
	tags                                []string // tags that name nothing
	templates                           []string
}

func w(value string, ways ...string) word { return word{value, ways} }

func english() tongue {
	return tongue{
		nouns: []noun{
			{"dress", "dress", "dresses", false}, {"skirt", "skirt", "skirts", false}, {"trench-coat", "trench coat", "trench coats", false},
			{"sneakers", "pair of sneakers", "sneakers", false}, {"boots", "pair of ankle boots", "boots", false}, {"blazer", "blazer", "blazers", false},
			{"t-shirt", "T-shirt", "tees", false}, {"shirt", "button-down", "shirts", false}, {"sweater", "jumper", "sweaters", false},
			{"hoodie", "hoodie", "hoodies", false}, {"jumpsuit", "jumpsuit", "jumpsuits", false}, {"scarf", "scarf", "scarves", false},
			{"coat", "overcoat", "coats", false}, {"pants", "pair of trousers", "trousers", false}, {"handbag", "tote bag", "handbags", false},
			{"beanie", "beanie", "beanies", false}, {"cardigan", "cardigan", "cardigans", false}, {"loafers", "pair of loafers", "loafers", false},
		},
		shades: []shade{
			{value: "red", m: "red"}, {value: "navy", m: "navy blue"}, {value: "black", m: "Black"}, {value: "beige", m: "camel"}, {value: "olive", m: "khaki"},
			{value: "light-blue", m: "baby blue"}, {value: "burgundy", m: "burgundy"}, {value: "cream", m: "ivory"}, {value: "grey", m: "charcoal gray"}, {value: "lavender", m: "lilac"},
		},
		materials: []word{w("silk", "silk"), w("wool", "merino wool", "woolen"), w("linen", "linen"), w("velvet", "velvet"), w("faux-leather", "vegan leather", "faux-leather"), w("corduroy", "corduroy"), w("cashmere", "cashmere"), w("satin", "satin")},
		styles:    []word{w("streetwear", "streetstyle", "street style"), w("vintage", "vintage"), w("minimalist", "minimalist"), w("bohemian", "boho"), w("old-money", "old money"), w("y2k", "Y2K"), w("elegant", "elegant"), w("preppy", "preppy")},
		occasions: []word{w("wedding", "a wedding"), w("beach", "the beach"), w("birthday", "my birthday"), w("work", "the office"), w("date-night", "date night"), w("festival", "a festival"), w("gym", "the gym")},
		noise: []string{
			"Mind the gap between us.", "Out of the blue, it rained.", "Black Friday is coming!", "In theory I should sleep now.", "A cup of green tea first ☕", "Red wine and good friends 🍷",
			"Coach says rest day.", "Long story short, I love it.", "White House on TV, again.", "can't wait 😍", "Link in bio 👉 https://shop.example/red/silk-dress", "The jacketed potato was great.",
			"Who else is tired?", "See you there @someone_else!", "Orange juice for breakfast 🍊", "Size M, DM me to buy.", "Rate it 1-10 ⬇️⬇️",
		},
		tags: []string{"#ootd", "#love", "#instagood", "#fashionblogger", "#capsule", "#hatersgonnahate", "#blackfriday", "#monday", "#photooftheday", "#nofilter"},
		templates: []string{
			"Loving my new {NP} by {B} {e} {t} #{s}", "This {MN} is everything. Wearing it to {o}!", "No {x} for me, just this {NP}. {n}", "{B} x {B2}: which {G} do you like? {t}",
			"{n} OOTD: {NPM} {t} #{s}look", "That is not {xm}, it is {M}. Still a great {G}", "Finally got the {G} that I wanted from {B} for {o} #{Bt}ootd", "{n} I found a {NP} at the market.",
			"ISO {x} {e} wearing a {NP} until then", "A {x} dupe that works: this {MN} {t}", "inspired by {x}, sewn by me: {NP}", "{Ns} and {Ns2}, that's the mood {e} {t}", "{S} day in {Ns}. {n}",
			"#not{xt} but my {NP} is fine {t}", "Tagging {x} for exposure. The {G} is {B}.", "never wore {x} or {x2}, always {B} {t}", "my {NP} from @{Bm} {e}{e}", "{n} {t}", "Thrift haul?? nope. Brand new {MN} {t}", "{n} {e} {t} {t}",
		},
	}
}

func french() tongue {
	return tongue{
		nouns: []noun{
			{"dress", "robe", "robes", true}, {"skirt", "jupe", "jupes", true}, {"sneakers", "paire de baskets", "baskets", true}, {"boots", "paire de bottines", "bottes", true},
			{"sweater", "pull", "pulls", false}, {"shirt", "chemise", "chemises", true}, {"coat", "manteau", "manteaux", false}, {"jacket", "veste", "vestes", true},
			{"handbag", "sac à main", "sacs à main", false}, {"hat", "chapeau", "chapeaux", false}, {"pants", "pantalon", "pantalons", false}, {"scarf", "écharpe", "écharpes", true},
			{"beanie", "bonnet", "bonnets", false}, {"jumpsuit", "combinaison", "combinaisons", true}, {"heels", "paire d'escarpins", "escarpins", false}, {"sunglasses", "paire de lunettes de soleil", "lunettes de soleil", true},
		},
		shades: []shade{
			{"black", "noir", "noire", "noirs", "noires"}, {"white", "blanc", "blanche", "blancs", "blanches"}, {"green", "vert", "verte", "verts", "vertes"}, {"red", "rouge", "rouge", "rouges", "rouges"},
			{"navy", "bleu marine", "bleu marine", "bleu marine", "bleu marine"}, {"grey", "gris", "grise", "gris", "grises"}, {"burgundy", "bordeaux", "bordeaux", "bordeaux", "bordeaux"},
			{"pink", "rose", "rose", "roses", "roses"}, {"beige", "beige", "beige", "beiges", "beiges"}, {"light-blue", "bleu ciel", "bleu ciel", "bleu ciel", "bleu ciel"},
		},
		materials: []word{w("silk", "soie"), w("wool", "laine", "laine mérinos"), w("velvet", "velours"), w("faux-leather", "simili cuir", "similicuir"), w("cotton", "coton", "coton bio"), w("cashmere", "cachemire"), w("leather", "cuir"), w("lace", "dentelle")},
		styles:    []word{w("vintage", "vintage"), w("minimalist", "minimaliste"), w("bohemian", "bohème", "boheme"), w("elegant", "élégante", "elegante"), w("retro", "rétro"), w("romantic", "romantique"), w("streetwear", "streetwear")},
		occasions: []word{w("wedding", "le mariage de ma sœur", "un mariage"), w("birthday", "mon anniversaire"), w("beach", "la plage"), w("christmas", "Noël"), w("work", "le bureau"), w("vacation", "les vacances")},
		noise: []string{
			"Un verre de vin rouge et au lit 🍷", "Week-end à Bordeaux avec les copines.", "Carte blanche ce soir !", "Il est temps de dormir, pas vrai ?", "Un thé vert et ça repart.", "Qui vient avec nous ?",
			"Sans doute le plus beau jour de l'année.", "Lien en bio 👉 https://boutique.example/robe-rouge", "Pas mal, non ?", "Merci à @photographe pour la photo", "Jus d'orange et croissants 🥐", "Une nuit blanche de plus…", "Vous en pensez quoi ?",
		},
		tags: []string{"#mode", "#tenuedujour", "#paris", "#lookdujour", "#inspo", "#instamode", "#bonheur", "#citation", "#weekend"},
		templates: []string{
			"Ma tenue : {NP} {B}, je l'adore {e} #{s}", "Je porte une {MN} pour {o}. {n}", "Pas de {x} aujourd'hui, juste {NP}", "Le look {B} est arrivé ! #{s} {t}", "Mon look du jour : {NP}, {MN2}. {t} #{Bt}",
			"Ce n'est pas du {xm} mais du {M}, et la tenue est très belle. {n}", "{n} Aujourd'hui : {NPM} {t}", "Inspirée de {x}, cousue par moi : {NP} {e}", "{Ns} et {Ns2}, c'est tout ce que j'aime {t}",
			"{n} {t} {t}", "Une {x} dupe ? Oui, et la {NP} est à moi", "Je cherche {x} depuis des mois. En attendant : {NP} {e}", "#pas{xt} {t} mais j'adore ma {NP}", "Trop contente de ma {MN} {B} {e}{e} {t}", "ni {x} ni {x2}, que du {B} pour moi", "{S} pour {o} : {NP} {t}", "merci @{Bm} pour cette {MN} !",
		},
	}
}

func spanish() tongue {
	return tongue{
		nouns: []noun{
			{"dress", "vestido", "vestidos", false}, {"skirt", "falda", "faldas", true}, {"t-shirt", "camiseta", "camisetas", true}, {"shirt", "camisa", "camisas", true}, {"sneakers", "par de zapatillas", "zapatillas", true},
			{"boots", "par de botines", "botas", true}, {"coat", "abrigo", "abrigos", false}, {"jacket", "chaqueta", "chaquetas", true}, {"pants", "pantalón", "pantalones", false}, {"sweatshirt", "sudadera", "sudaderas", true},
			{"trench-coat", "gabardina", "gabardinas", true}, {"hat", "sombrero", "sombreros", false}, {"cap", "gorra", "gorras", true}, {"blouse", "blusa", "blusas", true}, {"heels", "par de tacones", "tacones", false}, {"scarf", "bufanda", "bufandas", true},
			{"suit", "traje", "trajes", false}, {"bag", "bolso", "bolsos", false},
		},
		shades: []shade{
			{"red", "rojo", "roja", "rojos", "rojas"}, {"black", "negro", "negra", "negros", "negras"}, {"white", "blanco", "blanca", "blancos", "blancas"}, {"blue", "azul", "azul", "azules", "azules"},
			{"navy", "azul marino", "azul marino", "azul marino", "azul marino"}, {"green", "verde", "verde", "verdes", "verdes"}, {"brown", "marrón", "marrón", "marrones", "marrones"}, {"purple", "morado", "morada", "morados", "moradas"},
			{"yellow", "amarillo", "amarilla", "amarillos", "amarillas"}, {"burgundy", "burdeos", "burdeos", "burdeos", "burdeos"},
		},
		materials: []word{w("silk", "seda"), w("wool", "lana"), w("cotton", "algodón", "algodon"), w("linen", "lino"), w("leather", "cuero"), w("faux-leather", "cuero sintético", "polipiel"), w("velvet", "terciopelo"), w("lace", "encaje")},
		styles:    []word{w("vintage", "vintage"), w("minimalist", "minimalista"), w("bohemian", "bohemio"), w("elegant", "elegante"), w("romantic", "romántico", "romantico"), w("casual", "casual")},
		occasions: []word{w("wedding", "la boda de mi prima", "una boda"), w("beach", "la playa"), w("birthday", "mi cumpleaños"), w("party", "la fiesta"), w("work", "la oficina"), w("vacation", "las vacaciones"), w("graduation", "mi graduación")},
		noise: []string{
			"Una copa de vino tinto y a dormir 🍷", "Sin duda el mejor día del año.", "¿Quién se viene?", "Zumo de naranja y café ☕", "La Casa Blanca en la tele otra vez.", "Un té verde y seguimos.", "Enlace en bio 👉 https://tienda.example/vestido-rojo",
			"No me canso de este sitio.", "Gracias a @fotografo por la foto", "¿Qué os parece?", "Desde mi punto de vista, perfecto.", "Luz verde para el finde 🚦", "Talla M, escríbeme por privado.",
		},
		tags: []string{"#moda", "#lookdeldia", "#outfitdeldia", "#madrid", "#finde", "#amor", "#fotodeldia", "#tendencias", "#lunes"},
		templates: []string{
			"Mi nuevo look: {NP} de {B} {e} #{s}", "Llevo {MN} para {o}. {n}", "Nada de {x} hoy, solo {NP}", "¡Por fin llegó {B}! #{s} {t}", "Look del día: {NP} y {MN2}. {t} #{Bt}", "No es {xm}, es {M}, y me encanta. {n}",
			"{n} Hoy toca {NPM} {t}", "Inspirado en {x}, hecho por mí: {NP} {e}", "{Ns} y {Ns2}, no necesito más {t}", "{n} {t} {t}", "Busco {x} desde hace meses. Mientras tanto: {NP} {e}", "#no{xt} {t} pero adoro mi {NP}",
			"Muy feliz con {MN} de {B} {e}{e} {t}", "ni {x} ni {x2}, siempre {B} para mí", "Un toque {S} para {o}: {NP} {t}", "gracias @{Bm} por {MN} !", "un {x} dupe perfecto: {NP}", "Etiqueto a {x} para alcance. {n}",
		},
	}
}

func chinese() tongue {
	return tongue{
		nouns: []noun{
			{value: "dress", one: "连衣裙"}, {value: "trench-coat", one: "风衣"}, {value: "skirt", one: "半身裙"}, {value: "sneakers", one: "运动鞋"}, {value: "handbag", one: "手提包"}, {value: "sweater", one: "毛衣"}, {value: "boots", one: "短靴"},
			{value: "blazer", one: "西装外套"}, {value: "shirt", one: "衬衫"}, {value: "scarf", one: "围巾"}, {value: "coat", one: "大衣"}, {value: "jumpsuit", one: "连体裤"}, {value: "pleated-skirt", one: "百褶裙"}, {value: "hat", one: "帽子"}, {value: "hoodie", one: "连帽衫"}, {value: "jeans", one: "牛仔裤"},
		},
		shades: []shade{
			{value: "red", m: "红色"}, {value: "navy", m: "藏青色"}, {value: "black", m: "黑色"}, {value: "beige", m: "米色"}, {value: "light-blue", m: "浅蓝色"}, {value: "green", m: "绿色"}, {value: "burgundy", m: "酒红色"}, {value: "pink", m: "粉色"}, {value: "white", m: "白"}, {value: "grey", m: "灰色"},
		},
		materials: []word{w("silk", "真丝"), w("wool", "羊毛"), w("cashmere", "羊绒"), w("linen", "亚麻"), w("velvet", "丝绒"), w("faux-leather", "人造革"), w("cotton", "纯棉"), w("lace", "蕾丝")},
		styles:    []word{w("streetwear", "街拍"), w("vintage", "复古"), w("minimalist", "极简"), w("old-money", "老钱风"), w("y2k", "千禧风"), w("elegant", "优雅"), w("french-chic", "法式")},
		occasions: []word{w("wedding", "婚礼"), w("beach", "海边"), w("birthday", "生日"), w("work", "上班"), w("date-night", "约会"), w("christmas", "圣诞节"), w("graduation", "毕业典礼")},
		noise: []string{
			"在小红书上看到的，", "口红是新买的💄", "周末喝了绿茶和红酒🍷", "网红店打卡～", "白天太热了！", "非常开心，", "大家觉得怎么样？", "链接https://shop.example/red/dress在评论区", "谢谢@摄影师小王 ", "无论如何都要出门。", "今天心情不错✨",
		},
		tags: []string{"#每日穿搭", "#今日份快乐", "#分享", "#日常", "#周末去哪儿#", "#打卡", "#生活记录"},
		templates: []string{
			"今天穿了{B}的{NP}，太好看了 #{s}穿搭#", "{MN}，{o}穿正好{e}", "这不是{x}，就是一条{NP}", "{n}{NP}，喜欢 {t} #{s}", "#{s}穿搭# {B}和{B2}的{G}哪个好", "{NPM}配{B}", "没有穿{x}，穿的是{B}的{NP}", "{x}平替！{NP}真香 {t}",
			"仿{x}的别买，{B}的{MN}更值", "{n} {t}", "求购{x}。现在穿的是{NP}", "不只是{B}，还有{B2}的{G}{e}", "{n}{S}风格，{o}穿{NP} {t}", "不是{xm}，是{M}的{G}", "拒绝{x}，{B}的{G}就够了", "{n}一件{NP}搞定{o} {t}",
		},
	}
}

// brands are written alike in the three languages of Latin script.
func corpusBrands() []struct {
	value string
	latin []string
	zh    string
} {
	type b = struct {
		value string
		latin []string
		zh    string
	}
	return []b{
		{"Gucci", []string{"Gucci", "gucci", "GUCCI"}, "古驰"}, {"Nike", []string{"Nike", "nike"}, "耐克"}, {"Uniqlo", []string{"Uniqlo", "UNIQLO"}, "优衣库"}, {"Hermès", []string{"Hermès", "Hermes"}, "爱马仕"},
		{"Louis Vuitton", []string{"Louis Vuitton", "louis vuitton"}, "路易威登"}, {"Levi's", []string{"Levi's", "Levi’s", "Levis"}, "李维斯"}, {"H&M", []string{"H&M", "h&m"}, "H&M"}, {"The North Face", []string{"The North Face", "the north face"}, "北面"},
		{"Zara", []string{"Zara", "ZARA", "zara"}, "ZARA"}, {"Saint Laurent", []string{"Saint Laurent", "YSL"}, "圣罗兰"}, {"New Balance", []string{"New Balance", "new balance"}, "新百伦"}, {"Balenciaga", []string{"Balenciaga", "BALENCIAGA"}, "巴黎世家"},
		{"Adidas", []string{"adidas", "Adidas"}, "阿迪达斯"}, {"Max Mara", []string{"Max Mara", "MaxMara"}, "麦丝玛拉"}, {"Dr. Martens", []string{"Dr. Martens", "Doc Martens"}, "马丁博士"}, {"Muji", []string{"Muji", "MUJI"}, "无印良品"},
		{"Prada", []string{"Prada", "prada"}, "普拉达"}, {"Moncler", []string{"Moncler"}, "盟可睐"}, {"Stüssy", []string{"Stüssy", "Stussy"}, "斯图西"}, {"Burberry", []string{"Burberry", "burberry"}, "博柏利"},
	}
}
