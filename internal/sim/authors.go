package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// place is a city with the language that most of its authors write in.
type place struct {
	city, region, country, language, raw string
}

func places() []place {
	return []place{
		{"Paris", "FR-IDF", "FR", "fr", "Paris 🇫🇷"},
		{"Lyon", "FR-ARA", "FR", "fr", "Lyon, France"},
		{"Marseille", "FR-PAC", "FR", "fr", "📍Marseille"},
		{"Bordeaux", "FR-NAQ", "FR", "fr", "Bordeaux"},
		{"Montréal", "CA-QC", "CA", "fr", "Montréal, Qc"},
		{"Bruxelles", "BE-BRU", "BE", "fr", "Bruxelles / Brussel"},
		{"London", "GB-LND", "GB", "en", "London, UK"},
		{"Manchester", "GB-MAN", "GB", "en", "manchester"},
		{"Dublin", "IE-D", "IE", "en", "Dublin ☘️"},
		{"New York", "US-NY", "US", "en", "NYC"},
		{"Los Angeles", "US-CA", "US", "en", "Los Angeles, CA"},
		{"Toronto", "CA-ON", "CA", "en", "Toronto, Canada"},
		{"Melbourne", "AU-VIC", "AU", "en", "Melbourne / Naarm"},
		{"Lagos", "NG-LA", "NG", "en", "Lagos, Nigeria"},
		{"Singapore", "", "SG", "en", "Singapore"},
		{"Shanghai", "CN-SH", "CN", "zh", "上海"},
		{"Beijing", "CN-BJ", "CN", "zh", "北京 朝阳区"},
		{"Guangzhou", "CN-GD", "CN", "zh", "广东 广州"},
		{"Chengdu", "CN-SC", "CN", "zh", "四川 成都"},
		{"Hangzhou", "CN-ZJ", "CN", "zh", "浙江 杭州"},
		{"Taipei", "TW-TPE", "TW", "zh", "台北"},
		{"Madrid", "ES-MD", "ES", "es", "Madrid, España"},
		{"Mexico City", "MX-CMX", "MX", "es", "CDMX 🇲🇽"},
		{"Buenos Aires", "AR-C", "AR", "es", "Buenos Aires"},
		{"Tokyo", "JP-13", "JP", "ja", "東京"},
		{"Osaka", "JP-27", "JP", "ja", "大阪府"},
	}
}

// person is an author and the language they write in.
type person struct {
	Author
	language string
}

// authors makes the people who post: three times as many in the cities where
// English, French or Chinese is spoken. A few don't say where they are.
func authors(rng *rand.Rand) []person {
	first := map[string][]string{
		"fr": {"Camille", "Léa", "Hugo", "Inès", "Manon", "Théo", "Chloé", "Malik"},
		"en": {"Maya", "Jordan", "Ruby", "Owen", "Amara", "Zoe", "Sam", "Priya"},
		"zh": {"小雨", "阿杰", "晓琳", "子涵", "梦瑶", "大卫", "思思", "佳怡"},
		"es": {"Lucía", "Mateo", "Valentina", "Diego"},
		"ja": {"さくら", "ゆうと", "美咲", "陽菜"},
	}
	handles := []string{"closet", "wears", "thread", "looks", "daily", "atelier", "fits", "wardrobe", "lin", "studio"}
	var out []person
	for _, at := range places() {
		n := 3
		if at.language == "es" || at.language == "ja" {
			n = 1
		}
		for range n {
			names := first[at.language]
			id := len(out) + 1
			p := person{language: at.language, Author: Author{
				ID: fmt.Sprintf("a%03d", id), Name: names[rng.IntN(len(names))],
				Handle:    fmt.Sprintf("%s_%s%d", handles[rng.IntN(len(handles))], handles[rng.IntN(len(handles))], id),
				Followers: int64(math.Exp(5 + 2*rng.NormFloat64())),
				Location:  Location{Raw: at.raw, Country: at.country, Region: at.region, City: at.city},
			}}
			switch rng.IntN(16) {
			case 0:
				p.Location = Location{}
			case 1:
				p.Location = Location{Raw: "somewhere between two trains"}
			}
			if at.language != "en" && rng.IntN(9) == 0 {
				p.language = "en"
			}
			out = append(out, p)
		}
	}
	return out
}
