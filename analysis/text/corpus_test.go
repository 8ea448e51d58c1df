package text

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The corpus is generated: captions from templates, filled from lists that
// were written for the test, with traps that must not be found. Real labelled
// captions can't be had, so the score says that the reading works, not how
// people write.

// filling is a value and a way to write it, in three languages.
type filling struct{ value, en, fr, zh string }

func brandFillings() []filling {
	var out []filling
	for line := range strings.SplitSeq(strings.TrimSpace(`
Gucci|Gucci|gucci|古驰
Nike|nike|Nike|耐克
Uniqlo|UNIQLO|Uniqlo|优衣库
Hermès|Hermes|Hermès|爱马仕
Louis Vuitton|Louis Vuitton|louis vuitton|路易威登
Levi's|Levi’s|Levi's|李维斯
H&M|H&M|h&m|H&M
Dolce & Gabbana|Dolce & Gabbana|dolce & gabbana|杜嘉班纳
The North Face|The North Face|the north face|北面
Zara|zara|Zara|ZARA
Saint Laurent|YSL|Saint Laurent|圣罗兰
New Balance|New Balance|new balance|新百伦
Rolex|Rolex|rolex|劳力士
Sézane|Sezane|Sézane|Sézane
Muji|muji|Muji|无印良品
Balenciaga|Balenciaga|BALENCIAGA|巴黎世家
Ray-Ban|Ray-Bans|ray-ban|雷朋
Adidas|adidas|Adidas|阿迪达斯
Max Mara|MaxMara|Max Mara|麦丝玛拉
Dr. Martens|Doc Martens|Dr. Martens|马丁博士`), "\n") {
		f := strings.Split(line, "|")
		out = append(out, filling{f[0], f[1], f[2], f[3]})
	}
	return out
}

func garmentFillings() []filling {
	return []filling{
		{"dress", "dress", "robe", "连衣裙"}, {"trench-coat", "trench coat", "trench coat", "风衣"}, {"skirt", "skirts", "jupe", "半身裙"},
		{"sneakers", "sneakers", "baskets", "运动鞋"}, {"handbag", "handbag", "sac à main", "手提包"}, {"sweater", "sweater", "pull", "毛衣"},
		{"boots", "boots", "bottes", "靴子"}, {"blazer", "blazer", "blazer", "西装外套"}, {"shirt", "shirts", "chemises", "衬衫"},
		{"scarf", "scarf", "écharpe", "围巾"}, {"coat", "coat", "manteau", "大衣"}, {"jumpsuit", "jumpsuit", "combinaison", "连体裤"},
		{"pleated-skirt", "pleated skirt", "jupe plissée", "百褶裙"}, {"hat", "hat", "chapeau", "帽子"}, {"hoodie", "hoodie", "sweat à capuche", "连帽衫"},
	}
}

func colorFillings() []filling {
	return []filling{
		{"red", "red", "rouge", "红色"}, {"navy", "navy", "bleu marine", "藏青色"}, {"black", "black", "noir", "黑色"}, {"beige", "camel", "beige", "米色"},
		{"light-blue", "baby blue", "bleu clair", "浅蓝色"}, {"green", "green", "verte", "绿色"}, {"burgundy", "burgundy", "bordeaux", "酒红色"}, {"pink", "pink", "rose", "粉色"},
	}
}

func materialFillings() []filling {
	return []filling{
		{"silk", "silk", "soie", "真丝"}, {"wool", "wool", "laine", "羊毛"}, {"cashmere", "cashmere", "cachemire", "羊绒"}, {"linen", "linen", "lin", "亚麻"},
		{"velvet", "velvet", "velours", "丝绒"}, {"faux-leather", "vegan leather", "simili cuir", "人造革"}, {"cotton", "cotton", "coton", "纯棉"},
	}
}

func styleFillings() []filling {
	return []filling{
		{"streetwear", "streetstyle", "streetwear", "街拍"}, {"vintage", "vintage", "vintage", "复古"}, {"minimalist", "minimalist", "minimaliste", "极简"},
		{"old-money", "oldmoney", "oldmoney", "老钱风"}, {"y2k", "y2k", "y2k", "千禧风"}, {"elegant", "elegant", "élégante", "优雅"},
	}
}

func occasionFillings() []filling {
	return []filling{
		{"wedding", "wedding", "mariage", "婚礼"}, {"beach", "beach", "plage", "海边"}, {"birthday", "birthday", "anniversaire", "生日"}, {"christmas", "christmas", "noël", "圣诞节"},
	}
}

// templates hold slots: {b}rand, {g}arment, {c}olour, {m}aterial, {s}tyle,
// {o}ccasion. {x} is a brand that the caption turns down.
func templates() map[string][]string {
	return map[string][]string{
		"en": {
			"Loving my new {c} {g} by {b} 😍 #{s}",
			"This {m} {g} is everything. Wearing it to the {o}!",
			"No {x} for me, just this {c} {g}.",
			"{b} x {b2}: which {g} do you like?",
			"OOTD: {c} {m} {g} 👗 #ootd #{s}look @someone https://shop.example/red/dress",
			"That is not {m2}, it is {m}. Still a great {g}",
			"the gap between us is closing, out of the blue, #blackfriday {g}",
			"Finally got the {g} that I wanted from {b} for my {o} #{B}ootd",
			"I found a {c} {g} at the market and paid in cash. In theory it is {m}.",
		},
		"fr": {
			"Ma nouvelle {g} {c} {b}, je l'adore #{s}",
			"Une {g} en {m} pour le {o} de ma cousine",
			"Pas de {x} aujourd'hui, juste une {g} {c}",
			"Le {g} {b} est arrivé ! #{s} #tenuedujour",
			"Mon look du jour : {g} {c}, {g2} en {m}. #mode #{B}",
			"Ce n'est pas du {m2} mais du {m}, et la {g} est très belle",
		},
		"zh": {
			"今天穿了{b}的{c}{g}，太好看了 #{s}穿搭#",
			"{m}{g}，{o}穿正好",
			"这不是{x}，就是一条{c}的{g}",
			"小红书上看到的{c}{g}，非常喜欢 #每日穿搭 #{s}",
			"#{s}穿搭# {b}和{b2}的{g}哪个好",
			"{c}{m}{g}配{b}{g2}",
		},
	}
}

// caption fills a template and returns the truth with it.
func fill(rng *rand.Rand, lang, template string) (string, []string) {
	var truth []string
	used := map[string]bool{}
	pick := func(kind string, list []filling, counts bool) string {
		for {
			f := list[rng.IntN(len(list))]
			if used[kind+f.value] {
				continue
			}
			used[kind+f.value] = true
			if counts {
				truth = append(truth, kind+"="+f.value)
			}
			return map[string]string{"en": f.en, "fr": f.fr, "zh": f.zh}[lang]
		}
	}
	for _, slot := range []struct {
		name, kind string
		list       []filling
		counts     bool
	}{
		{"{b}", AttrBrand, brandFillings(), true}, {"{b2}", AttrBrand, brandFillings(), true}, {"{x}", AttrBrand, brandFillings(), false},
		{"{B}", AttrBrand, brandFillings(), true},
		{"{g}", AttrGarment, garmentFillings(), true}, {"{g2}", AttrGarment, garmentFillings(), true}, {"{c}", AttrColor, colorFillings(), true},
		{"{m}", AttrMaterial, materialFillings(), true}, {"{m2}", AttrMaterial, materialFillings(), false},
		{"{s}", AttrStyle, styleFillings(), true}, {"{o}", AttrOccasion, occasionFillings(), true},
	} {
		if !strings.Contains(template, slot.name) {
			continue
		}
		word := pick(slot.kind, slot.list, slot.counts)
		if slot.name == "{B}" {
			word = compact(strings.ToLower(word))
		}
		template = strings.ReplaceAll(template, slot.name, word)
	}
	slices.Sort(truth)
	return template, truth
}

func TestCorpus(t *testing.T) {
	c := newTestCaption(t)
	rng := rand.New(rand.NewPCG(11, 2))
	type counts struct{ hit, missed, wrong int }
	byKind, byLang := map[string]*counts{}, map[string]*counts{}
	at := func(m map[string]*counts, k string) *counts {
		if m[k] == nil {
			m[k] = &counts{}
		}
		return m[k]
	}
	var all counts
	shown, languages, n := 0, 0, 0
	for _, lang := range []string{"en", "fr", "zh"} {
		list := templates()[lang]
		for i := range 500 {
			caption, truth := fill(rng, lang, list[i%len(list)])
			got := sure(c.Analyze(caption))
			n++
			if Language(caption) == lang {
				languages++
			}
			for _, g := range got {
				kind, _, _ := strings.Cut(g, "=")
				for _, k := range []*counts{&all, at(byKind, kind), at(byLang, lang)} {
					if slices.Contains(truth, g) {
						k.hit++
					} else {
						k.wrong++
					}
				}
			}
			for _, w := range truth {
				if !slices.Contains(got, w) {
					kind, _, _ := strings.Cut(w, "=")
					for _, k := range []*counts{&all, at(byKind, kind), at(byLang, lang)} {
						k.missed++
					}
				}
			}
			if !slices.Equal(got, truth) && shown < 12 {
				shown++
				t.Logf("%q\n  got %v\n want %v", caption, got, truth)
			}
		}
	}
	f1 := func(k counts) float64 { return 2 * float64(k.hit) / float64(max(1, 2*k.hit+k.missed+k.wrong)) }
	line := func(name string, k counts) string {
		return fmt.Sprintf("%-10s F1 %.3f (precision %.3f, recall %.3f, %d findings)", name, f1(k),
			float64(k.hit)/float64(max(1, k.hit+k.wrong)), float64(k.hit)/float64(max(1, k.hit+k.missed)), k.hit+k.wrong)
	}
	for _, m := range []map[string]*counts{byKind, byLang} {
		for name, k := range m {
			t.Log(line(name, *k))
		}
	}
	t.Log(line("all", all))
	t.Logf("language right in %.3f of %d captions", float64(languages)/float64(n), n)
	if f1(all) < 0.95 {
		t.Errorf("F1 is %.3f, want 0.95", f1(all))
	}
	if share := float64(languages) / float64(n); share < 0.9 {
		t.Errorf("language right in %.3f, want 0.9", share)
	}
}
