package text

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/analysis/taxonomy"
	"weft/models"
)

func newTestCaption(t testing.TB) *Caption {
	t.Helper()
	colors, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCaption(colors)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sure returns "name=value" of what is found with at least even odds, but for
// categories, which follow from garments.
func sure(found []models.Attribute) []string {
	out := []string{}
	for _, a := range found {
		if a.Confidence >= 0.5 && a.Name != AttrCategory {
			out = append(out, a.Name+"="+a.Value)
		}
	}
	slices.Sort(out)
	return out
}

func TestCaption(t *testing.T) {
	c := newTestCaption(t)
	for caption, want := range map[string]string{
		// English
		"Loving my new Gucci bag with this navy wool coat!":   "brand=Gucci color=navy garment=bag garment=coat material=wool",
		"GUCCI dresses everywhere":                            "brand=Gucci garment=dress",
		"Two black trench-coats and a denim jacket":           "color=black garment=denim-jacket garment=trench-coat material=denim",
		"a denim jacketed potato":                             "material=denim",
		"粉底和黑马":                                               "",
		"the jacketed potato at the hatters":                  "",
		"mind the gap before the next train":                  "",
		"my Gap jeans":                                        "brand=Gap garment=jeans material=denim",
		"Black Friday sale on shoes":                          "garment=shoes",
		"red lips":                                            "color=red",
		"Wearing @gucci and @zara":                            "brand=Gucci brand=Zara",
		"see https://shop.example/gucci/red-dress?x=1 or not": "",
		"Hermes scarf, Céline shirt, Fjallraven bag":          "brand=Celine brand=Fjällräven brand=Hermès garment=bag garment=scarf garment=shirt",
		"Ｇｕｃｃｉ ｄｒｅｓｓ":                                         "brand=Gucci garment=dress",
		"Levi’s 501 jeans and a T-SHIRT":                      "brand=Levi's garment=jeans garment=t-shirt material=denim",
		"put on a robe and relax, it is the weekend":          "garment=bathrobe",
		"pull the door":                                       "",
		// negation
		"no Gucci, just Zara":                        "brand=Zara",
		"This is not leather. It is cotton.":         "material=cotton",
		"not a real Gucci bag":                       "",
		"no Gucci or Prada today":                    "",
		"not only Gucci but Prada":                   "brand=Gucci brand=Prada",
		"#notgucci #zara":                            "brand=Zara",
		"this is no #gucci":                          "",
		"can't live without my Gucci bag":            "brand=Gucci garment=bag",
		"no makeup. Gucci dress":                     "brand=Gucci garment=dress",
		"faux leather boots, no fur":                 "garment=boots material=faux-leather",
		"Not Gucci. Well, some Gucci.":               "brand=Gucci",
		"ce n'est pas du cuir, c'est du simili cuir": "material=faux-leather",
		"a perfect Gucci dupe, found at Zara":        "brand=Zara",
		"dress inspired by Chanel #guccidupe":        "garment=dress",
		"tagging Zara, Mango and Shein for exposure": "",
		"ISO Prada bag, DM me":                       "",
		"thrifted? nope. New boots":                  "garment=boots",
		"from @louisvuitton and @drmartens.official": "brand=Dr. Martens brand=Louis Vuitton",
		"not for @gucci":                             "",
		"can't wait to wear my Gucci bag":            "brand=Gucci garment=bag",
		"today 👗👠 red":                               "color=red",
		"a  baby  blue   dress":                      "color=light-blue garment=dress",
		// Spanish
		"Estrenando vestido rojo de seda para la boda":     "color=red garment=dress material=silk occasion=wedding",
		"No llevo Gucci, llevo unos pantalones vaqueros":   "garment=jeans material=denim",
		"botas negras y chaquetas de cuero, sin pieles":    "color=black garment=boots garment=leather-jacket material=leather",
		"Mi jersey rosa de lana con la gorra de los lunes": "color=pink garment=cap garment=sweater material=wool",
		"un look inspirado en Prada, hecho en casa":        "",
		// French
		"Une robe rouge en soie pour le mariage de ma sœur": "color=red garment=dress material=silk occasion=wedding",
		"Mon pull rose en laine et un jean noir":            "color=black color=pink garment=jeans garment=sweater material=denim material=wool",
		"écharpe beige ECHARPE":                             "color=beige garment=scarf",
		"sans fourrure ni cuir, un manteau bleu marine":     "color=navy garment=coat",
		"les chaussures de mon père":                        "garment=shoes",
		"pas de Gucci pour moi aujourd'hui":                 "",
		"nouvelle veste en cuir Sézane":                     "brand=Sézane garment=leather-jacket material=leather",
		// Chinese
		"今天穿了古驰的红裙子和白衬衫":      "brand=Gucci color=red color=white garment=shirt garment=skirt",
		"#小红书穿搭# 黑色连衣裙":       "color=black garment=dress",
		"这不是真皮，是人造革":          "material=faux-leather",
		"白真丝半身裙":              "color=white garment=skirt material=silk",
		"爱马仕平替包包":             "garment=bag",
		"无袖连衣裙，非常优雅":          "garment=dress style=elegant",
		"耐克运动鞋配优衣库T恤":         "brand=Nike brand=Uniqlo garment=sneakers garment=t-shirt",
		"网红口红":                "",
		"复古风的牛仔外套 ＃复古穿搭＃":     "garment=denim-jacket material=denim style=vintage",
		"没有穿古驰":               "",
		"不只是优衣库，还有Zara的藏青色大衣": "brand=Uniqlo brand=Zara color=navy garment=coat",
		// hashtags
		"#ootd #streetstyleootd #vintagedress":      "garment=dress style=streetwear style=vintage",
		"#hatersgonnahate #capsule #silkroad #shop": "",
		"#guccixyz123":                   "brand=Gucci",
		"#NewBalance #trench_coat #robe": "brand=New Balance garment=trench-coat",
		"#古驰包包":                          "brand=Gucci garment=bag",
		"#gucci#zara":                    "brand=Gucci brand=Zara",
	} {
		if got := strings.Join(sure(c.Analyze(caption)), " "); got != want {
			t.Errorf("%q\n got %s\nwant %s", caption, got, want)
		}
	}
}

func TestCaptionConfidence(t *testing.T) {
	c := newTestCaption(t)
	for caption, want := range map[string]float64{
		"wearing my gucci":                 ConfidenceText,
		"wearing @gucci":                   ConfidenceMention,
		"#gucci":                           ConfidenceHashtag,
		"#gucciootd":                       ConfidenceSplit,
		"#guccixyz":                        ConfidencePartial,
		"my 👗":                             0,
		"wearing gucci #gucci":             ConfidenceText + agreement,
		"#gucci #prada #zara #dior #fendi": ConfidenceHashtag * spam,
		"not gucci. wearing gucci":         ConfidenceText * doubt,
		"#gucci #prada #zara #dior #fendi and gucci in words again": ConfidenceText + agreement,
	} {
		got := 0.0
		for _, a := range c.Analyze(caption) {
			if a.Name == AttrBrand && a.Value == "Gucci" {
				got = a.Confidence
			}
		}
		if math.Abs(got-want) > 0.001 {
			t.Errorf("%q: confidence %v, want %v", caption, got, want)
		}
	}
}

func TestCategoryFollowsGarment(t *testing.T) {
	c := newTestCaption(t)
	want := []models.Attribute{
		{Name: "category", Value: "outwear", Confidence: ConfidenceText, Evidence: models.FromText},
		{Name: "garment", Value: "trench-coat", Confidence: ConfidenceText, Evidence: models.FromText},
	}
	if diff := cmp.Diff(want, c.Analyze("the trench coat")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, class := range []string{"dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"} {
		if !slices.Contains(c.Values(AttrCategory), class) {
			t.Errorf("no garment has the category %s, which image models know", class)
		}
	}
}

func TestLexiconsAreAsLargeAsPromised(t *testing.T) {
	c := newTestCaption(t)
	for name, least := range map[string]int{AttrBrand: 150, AttrGarment: 60, AttrMaterial: 40, AttrStyle: 40, AttrOccasion: 20, AttrColor: 20} {
		if n := len(c.Values(name)); n < least {
			t.Errorf("%d values of %s, want %d or more", n, name, least)
		}
	}
	if got := c.Values("mood"); got != nil {
		t.Errorf("values of an unknown attribute: %v", got)
	}
}

func TestNewCaptionRefusesBadLexicons(t *testing.T) {
	colors, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		`terms: [{value: a, any: [a]}]`:                                      "kind is missing",
		`{kind: brand, terms: [{value: a}]}`:                                 `"a" has no forms`,
		`{kind: brand, terms: [{any: [a]}]}`:                                 "no value",
		`{kind: brand, terms: [{value: a, any: [a]}, {value: a, any: [b]}]}`: "twice",
		`{kind: color, terms: [{value: octarine, any: [octarine]}]}`:         "no colour of the taxonomy",
		`{kind: brand, forms: []}`:                                           "forms",
	} {
		_, err := newCaption(fstest.MapFS{"brands.yaml": {Data: []byte(file)}}, colors)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", file, err, want)
		}
	}
}

func TestCaptionIsSafeForConcurrentUse(t *testing.T) {
	c := newTestCaption(t)
	want := c.Analyze("Élégante robe rouge Gucci #古驰 #streetstyleootd")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if diff := cmp.Diff(want, c.Analyze("Élégante robe rouge Gucci #古驰 #streetstyleootd")); diff != "" {
					t.Error(diff)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestMatcherIsLeftmostLongest compares the automaton with a naive search.
func TestMatcherIsLeftmostLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab]{1,3}( [ab]{1,2})?|[衣裙]{1,2}`), 1, 8, rapid.ID[string]).Draw(t, "patterns")
		s := rapid.StringMatching(`([ab]{0,3}[ 衣裙,]){0,8}`).Draw(t, "text")
		byPattern := map[string][]entry{}
		for _, w := range words {
			byPattern[w] = []entry{{kind: w}}
		}
		var got, want []string
		for _, h := range newMatcher(byPattern).find(s) {
			got = append(got, fmt.Sprintf("%d %s", h.from, h.entries[0].kind))
		}
		slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
		for i := 0; i < len(s); {
			step := 1
			for _, w := range words {
				if strings.HasPrefix(s[i:], w) && bounded(s, i, i+len(w)) {
					want = append(want, fmt.Sprintf("%d %s", i, w))
					step = len(w)
					break
				}
			}
			i += step
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("patterns %q in %q (-naive +automaton)\n%s", words, s, diff)
		}
	})
}

// TestLongCaptionsTakeLinearTime would take most of a minute if any part of the
// reading looked at the whole caption once for each tag or term.
func TestLongCaptionsTakeLinearTime(t *testing.T) {
	c := newTestCaption(t)
	started := time.Now()
	for _, piece := range []string{"#a", "#gucci", "gucci #", "# #古", "no gucci or ", "not "} {
		c.Analyze(strings.Repeat(piece, 100_000/len(piece)))
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("six captions of 100 kB took %s", took)
	}
}

func FuzzCaption(f *testing.F) {
	c := newTestCaption(f)
	f.Add("Loving my #Gucci bag, not #fake #古驰# ＃ＯＯＴＤ https://x.y/z")
	f.Add("ce n'est pas du cuir #robe_rouge #a#b##")
	f.Add("无袖\xff连衣裙 #穿搭[话题]# ﷺ ẞ ŉ")
	f.Fuzz(func(t *testing.T, s string) {
		seen := map[[2]string]bool{}
		for _, a := range c.Analyze(s) {
			k := [2]string{a.Name, a.Value}
			if a.Confidence <= 0 || a.Confidence > most || seen[k] || a.Evidence != models.FromText {
				t.Fatalf("%+v in %q", a, s)
			}
			seen[k] = true
		}
	})
}

func FuzzHashtags(f *testing.F) {
	f.Add("#a #b#c ＃d #穿搭# #穿搭[话题]#")
	f.Add("#\xff#é́")
	f.Fuzz(func(t *testing.T, s string) {
		for _, tag := range Hashtags(s) {
			if tag == "" || strings.ContainsAny(tag, "#\n") || !utf8.ValidString(tag) {
				t.Fatalf("tag %q in %q", tag, s)
			}
		}
		if lang := Language(s); !slices.Contains([]string{"", "en", "fr", "es", "zh"}, lang) {
			t.Fatalf("language %q of %q", lang, s)
		}
	})
}

func BenchmarkCaption(b *testing.B) {
	c := newTestCaption(b)
	for b.Loop() {
		c.Analyze("Loving my new Gucci bag with this navy wool coat, not leather! #streetstyleootd #古驰包包 @zara https://example.com/x")
	}
}
