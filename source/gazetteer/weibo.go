package gazetteer

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"weft/models"
)

// provinces are Weibo's codes, the first two digits of GB/T 2260, as ISO has
// them. ISO 3166-1 gives 71, 81 and 82 country codes of their own, which are
// used here, and so does the free text.
func provinces() map[string]string {
	return map[string]string{
		"11": "CN-BJ", "12": "CN-TJ", "13": "CN-HE", "14": "CN-SX", "15": "CN-NM", "21": "CN-LN", "22": "CN-JL", "23": "CN-HL",
		"31": "CN-SH", "32": "CN-JS", "33": "CN-ZJ", "34": "CN-AH", "35": "CN-FJ", "36": "CN-JX", "37": "CN-SD", "41": "CN-HA",
		"42": "CN-HB", "43": "CN-HN", "44": "CN-GD", "45": "CN-GX", "46": "CN-HI", "50": "CN-CQ", "51": "CN-SC", "52": "CN-GZ",
		"53": "CN-YN", "54": "CN-XZ", "61": "CN-SN", "62": "CN-GS", "63": "CN-QH", "64": "CN-NX", "65": "CN-XJ",
		"71": "TW", "81": "HK", "82": "MO",
	}
}

// overseas are the city codes of province 400, which are countries.
func overseas() map[string]string {
	return map[string]string{
		"1": "US", "2": "GB", "3": "FR", "4": "RU", "5": "CA", "6": "BR", "7": "AU", "8": "ID", "9": "TH", "10": "MY",
		"11": "SG", "12": "PH", "13": "VN", "14": "IN", "15": "JP",
	}
}

// municipalities are provinces that are cities; the second word is a district.
func municipalities() map[string]string {
	return map[string]string{"CN-BJ": "Beijing", "CN-TJ": "Tianjin", "CN-SH": "Shanghai", "CN-CQ": "Chongqing", "HK": "Hong Kong", "MO": "Macau"}
}

// Weibo reads the codes and the text of a Weibo profile: province "44", city
// "1", raw "广东 广州". The code gives the region, the text the city, in the
// table's spelling where it has the city and as written where not. Without a
// code that tells, the text is read by itself.
func (g *Gazetteer) Weibo(province, cityCode, raw string) models.Location {
	raw = bounded(raw)
	code := provinces()[strings.TrimSpace(province)]
	switch {
	case code != "":
		return located(raw, kindProfile, g.weiboProvince(code, strings.TrimSpace(cityCode), raw))
	case raw == "" && province != "400":
		return models.Location{Kind: kindNone}
	case strings.TrimSpace(province) == "400":
		if a := g.read(strings.TrimPrefix(raw, "海外")); a.country != "" {
			a.confidence = max(a.confidence, agreed)
			return located(raw, kindProfile, a)
		}
		return located(raw, kindProfile, answer{country: overseas()[strings.TrimSpace(cityCode)], confidence: agreed})
	default:
		if abroad, ok := strings.CutPrefix(raw, "海外"); ok && strings.TrimSpace(abroad) != "" {
			return located(raw, kindProfile, g.read(abroad))
		}
		return g.Text(raw)
	}
}

func (g *Gazetteer) weiboProvince(code, cityCode, raw string) answer {
	land, sub, _ := strings.Cut(code, "-")
	a := answer{country: land, city: municipalities()[code], confidence: agreed}
	if sub != "" {
		a.region = code
	}
	if said := g.read(raw); said.country != "" && (said.country != land || said.region != "" && a.region != "" && said.region != a.region) {
		a.confidence *= manyLand // the text is of another place than the code: an old account, or a joke
		return a
	}
	words := strings.Fields(raw)
	if a.city != "" || cityCode == "1000" || len(words) < 2 || isNothing(Fold(words[1])) {
		return a
	}
	a.city = words[1]
	here := of(g.part(words[1]).places, func(p place) bool {
		return p.country == land && (a.region == "" || p.code == a.region) && p.level == city
	})
	if i := heaviest(here); i >= 0 {
		a.city = here[i].name
	}
	return a
}

var told = regexp.MustCompile(`^\s*(?:发布于|发表于|来自于?|IP\s*属地)?\s*[:：]?\s*`)

// IP reads where Weibo says a post came from: "发布于 北京". It is a province or
// a country, as the network sees it.
func (g *Gazetteer) IP(raw string) models.Location {
	raw = bounded(raw)
	if raw == "" {
		return models.Location{Kind: kindNone}
	}
	name := told.ReplaceAllString(norm.NFKC.String(raw), "")
	if rest, ok := strings.CutPrefix(name, "中国"); ok && strings.TrimSpace(rest) != "" {
		name = rest
	}
	a, ok := choose(of(g.part(name).places, func(p place) bool { return p.level != city }))
	if !ok { // some answers add the city: "湖北武汉"
		if with := g.read(name); with.region != "" && with.confidence >= alone {
			return located(raw, kindIP, with)
		}
		return models.Location{Raw: raw, Kind: kindIP}
	}
	a.confidence = agreed
	if municipality := municipalities()[a.country]; municipality != "" {
		a.city = municipality
	} else {
		a.city = municipalities()[a.region]
	}
	return located(raw, kindIP, a)
}
