package gazetteer_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/models"
	"weft/source/gazetteer"
)

func open(t testing.TB) *gazetteer.Gazetteer {
	t.Helper()
	g, err := gazetteer.New()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestText(t *testing.T) {
	g := open(t)
	b, err := os.ReadFile("testdata/places.tsv")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for n, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			t.Fatalf("testdata/places.tsv:%d: %d fields, not 5", n+1, len(f))
		}
		confidence, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			t.Fatalf("testdata/places.tsv:%d: %v", n+1, err)
		}
		got := g.Text(f[0])
		if math.Abs(got.Confidence-confidence) > 0.06 {
			t.Errorf("%q has confidence %v, want %v", f[0], got.Confidence, confidence)
		}
		got.Confidence = 0
		want := models.Location{Raw: f[0], Kind: "profile", Country: f[1], Region: f[2], City: f[3]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", f[0], diff)
		}
		read++
	}
	if read < 120 {
		t.Errorf("the table has %d texts only", read)
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		" São  Paulo! ": "sao paulo", "ＮＹＣ": "nyc", "U.S.A.": "usa", "Côte d’Ivoire": "cote divoire", "St. Louis": "saint louis",
		"Łódź": "lodz", "İstanbul": "istanbul", "Straße": "strasse", "がっこう": "がっこう", "Αθήνα": "αθηνα", "上海·黄浦": "上海黄浦",
		"Jean-Paul": "jean paul", "दिल्ली": "दिल्ली", "\xff": "", "👗": "",
	} {
		if got := gazetteer.Fold(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
	}
}

func TestTextEmpty(t *testing.T) {
	for _, raw := range []string{"", " \n\t"} {
		if diff := cmp.Diff(models.Location{Kind: "none"}, open(t).Text(raw)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", raw, diff)
		}
	}
}

func TestWeibo(t *testing.T) {
	for _, c := range []struct {
		province, city, raw string
		want                models.Location
	}{
		{"44", "1", "广东 广州", models.Location{Country: "CN", Region: "CN-GD", City: "Guangzhou", Confidence: 0.95}},
		{"44", "1000", "广东", models.Location{Country: "CN", Region: "CN-GD", Confidence: 0.95}},
		{"44", "1", "", models.Location{Country: "CN", Region: "CN-GD", Confidence: 0.95}},
		{"11", "5", "北京 朝阳区", models.Location{Country: "CN", Region: "CN-BJ", City: "Beijing", Confidence: 0.95}},
		{"22", "2", "吉林 吉林", models.Location{Country: "CN", Region: "CN-JL", City: "Jilin", Confidence: 0.95}},
		{"46", "90", "海南 其他", models.Location{Country: "CN", Region: "CN-HI", Confidence: 0.95}},
		{"44", "99", "广东 某某市", models.Location{Country: "CN", Region: "CN-GD", City: "某某市", Confidence: 0.95}},
		{"44", "1", "北京 海淀区", models.Location{Country: "CN", Region: "CN-GD", Confidence: 0.48}},
		{"71", "1", "台湾 台北", models.Location{Country: "TW", City: "Taipei", Confidence: 0.95}},
		{"81", "1", "香港 香港", models.Location{Country: "HK", City: "Hong Kong", Confidence: 0.95}},
		{"82", "1", "澳门", models.Location{Country: "MO", City: "Macau", Confidence: 0.95}},
		{"400", "1", "海外 美国", models.Location{Country: "US", Confidence: 0.95}},
		{"400", "3", "", models.Location{Country: "FR", Confidence: 0.95}},
		{"400", "16", "海外 其他", models.Location{}},
		{"400", "1000", "海外", models.Location{}},
		{"100", "1000", "其他", models.Location{}},
		{"", "", "上海 黄浦区", models.Location{Country: "CN", Region: "CN-SH", City: "Shanghai", Confidence: 0.95}},
		{"x", "y", "?", models.Location{}},
		{"", "", "", models.Location{Kind: "none"}},
		{"100", "", "", models.Location{Kind: "none"}},
	} {
		if c.want.Raw = c.raw; c.want.Kind == "" {
			c.want.Kind = "profile"
		}
		if diff := cmp.Diff(c.want, open(t).Weibo(c.province, c.city, c.raw)); diff != "" {
			t.Errorf("%q %q %q (-want +got)\n%s", c.province, c.city, c.raw, diff)
		}
	}
}

func TestIP(t *testing.T) {
	g := open(t)
	for raw, want := range map[string]models.Location{
		"发布于 北京":    {Kind: "ip", Country: "CN", Region: "CN-BJ", City: "Beijing", Confidence: 0.95},
		"发布于 广东":    {Kind: "ip", Country: "CN", Region: "CN-GD", Confidence: 0.95},
		"来自吉林":      {Kind: "ip", Country: "CN", Region: "CN-JL", Confidence: 0.95},
		"IP属地：内蒙古":  {Kind: "ip", Country: "CN", Region: "CN-NM", Confidence: 0.95},
		"新疆":        {Kind: "ip", Country: "CN", Region: "CN-XJ", Confidence: 0.95},
		"发布于 美国":    {Kind: "ip", Country: "US", Confidence: 0.95},
		"发布于 中国香港":  {Kind: "ip", Country: "HK", City: "Hong Kong", Confidence: 0.95},
		"发布于 中国台湾":  {Kind: "ip", Country: "TW", Confidence: 0.95},
		"发布于 日本":    {Kind: "ip", Country: "JP", Confidence: 0.95},
		"发布于 阿联酋":   {Kind: "ip", Country: "AE", Confidence: 0.95},
		"来自湖北武汉":    {Kind: "ip", Country: "CN", Region: "CN-HB", City: "Wuhan", Confidence: 0.95},
		"发布于 广东 深圳": {Kind: "ip", Country: "CN", Region: "CN-GD", City: "Shenzhen", Confidence: 0.95},
		"发布于 其他":    {Kind: "ip"},
		"发布于 海外":    {Kind: "ip"},
		"未知":        {Kind: "ip"},
		"来自iPhone":  {Kind: "ip"},
		"":          {Kind: "none"},
	} {
		want.Raw = raw
		if diff := cmp.Diff(want, g.IP(raw)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", raw, diff)
		}
	}
}

// TestWeiboRegions reads every region that Weibo's own search offers.
func TestWeiboRegions(t *testing.T) {
	shared := os.Getenv("WEFT_SHARED")
	for dir, _ := os.Getwd(); shared == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "fixtures")); err == nil {
			shared = filepath.Join(dir, "shared")
		}
	}
	b, err := os.ReadFile(filepath.Join(shared, "fixtures", "weibo", "search_region_codes.json"))
	if err != nil {
		t.Skip("the recorded answers are not beside this repository:", err)
	}
	var regions map[string]struct {
		Code int
		City map[string]int
	}
	if err := json.Unmarshal(b, &regions); err != nil {
		t.Fatal(err)
	}
	g := open(t)
	cities, spelled := 0, 0
	for name, r := range regions {
		for city, code := range r.City {
			loc := g.Weibo(strconv.Itoa(r.Code), strconv.Itoa(code), name+" "+city)
			known := name != "其他" && (name != "海外" || city != "其他")
			if known != (loc.Country != "") || r.Code < 70 && (loc.Country != "CN" || loc.Region == "") {
				t.Errorf("%s %s is %+v", name, city, loc)
			}
			if alone := g.Weibo(strconv.Itoa(r.Code), strconv.Itoa(code), ""); alone.Country != loc.Country || alone.Region != loc.Region {
				t.Errorf("%s %s is %+v by its codes", name, city, alone)
			}
			if text := g.Text(name + " " + city); r.Code < 70 && text.Region != loc.Region {
				t.Errorf("%s %s is %+v as free text", name, city, text)
			}
			if r.Code < 70 && city != "其他" {
				if cities++; loc.City != city && loc.City != "" {
					spelled++
				}
			}
		}
	}
	t.Logf("%d of %d Chinese cities have the table's spelling", spelled, cities)
	if spelled*10 < cities*7 {
		t.Errorf("%d of %d Chinese cities have the table's spelling", spelled, cities)
	}
}

// TestNewIsCheap keeps loading under 30 MB, and far under a second on a slow
// machine; see the package's doc for what it takes.
func TestNewIsCheap(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	g := open(t)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	t.Logf("loaded in %v, keeps %d MB", took, kept)
	if took > time.Second || kept >= 30 {
		t.Errorf("loaded in %v, keeps %d MB", took, kept)
	}
	runtime.KeepAlive(g)
}

// TestAnyText: whatever people write, the answer is one that makes sense.
func TestAnyText(t *testing.T) {
	g := open(t)
	words := rapid.SampledFrom([]string{"Paris", "France", "London", "UK", "CA", "上海", "黄浦区", "🇫🇷", "she/her", "NY", "Nowhere", "Georgia"})
	seps := rapid.SampledFrom([]string{" ", ", ", " | ", "/", "，", "", " & "})
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.String().Draw(t, "noise")
		for range rapid.IntRange(0, 8).Draw(t, "words") {
			raw += words.Draw(t, "word") + seps.Draw(t, "separator")
		}
		for _, loc := range []models.Location{g.Text(raw), g.Weibo(words.Draw(t, "code"), "1", raw), g.IP(raw)} {
			sane(t, loc)
		}
		if diff := cmp.Diff(g.Text(raw), g.Text(raw)); diff != "" {
			t.Fatalf("read twice: %s", diff)
		}
	})
}

type failer interface{ Fatalf(string, ...any) }

func sane(t failer, loc models.Location) {
	switch {
	case loc.Country == "" && (loc.Region != "" || loc.City != "" || loc.Confidence != 0),
		loc.Country != "" && (len(loc.Country) != 2 || loc.Confidence < 0.3 || loc.Confidence > 1),
		loc.Region != "" && !strings.HasPrefix(loc.Region, loc.Country+"-"),
		!utf8.ValidString(loc.Raw), utf8.RuneCountInString(loc.Raw) > 300,
		(loc.Raw == "" && loc.Country == "") != (loc.Kind == "none"):
		t.Fatalf("%+v", loc)
	}
}

func FuzzText(f *testing.F) {
	g := open(f)
	for _, raw := range []string{"Paris, France", "上海市黄浦区", "🇫🇷🇬🇧 London", "発布于 北京", "\xff|,&", "NYC → LA"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		sane(t, g.Text(raw))
		sane(t, g.IP(raw))
		sane(t, g.Weibo("44", "1", raw))
		sane(t, g.Weibo("400", raw, raw))
	})
}

func BenchmarkText(b *testing.B) {
	g := open(b)
	for b.Loop() {
		g.Text("Portland, OR")
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		open(b)
	}
}
