// Package gazetteer turns what people write about where they are into ISO
// country and region codes, offline. What can't be known stays unknown.
//
// It knows every country, its regions of the first level and the cities of more
// than 15,000 people, in some forty languages. It looks names up, it doesn't
// search in prose: "Paris, France" is read, "somewhere over the rainbow" is not,
// and a wrong place costs more than a missing one.
//
// # What a confidence means
//
// Confidence is how likely the text means the place that is given, all its
// fields together. It doesn't say whether the text is true. The values are
// rules of thumb, meant for thresholds and not measured on labelled profiles:
//
//	0.95  two parts agree ("Paris, France"), or a network's own code or IP region
//	0.9   one name that only one place has ("Düsseldorf", "Japan")
//	0.8   a flag alone
//	0.6   a country's two or three letters alone ("FR")
//
// That is multiplied by the place's share of the people of all places of the
// name ("Portland": 0.8 for Oregon's), by 0.85 for each part that says nothing
// ("she/her, Paris"), by 0.8 when several places of one country are named, and
// by 0.5 when they lie in several ("Paris | London" is Paris, with 0.4). A
// country, region or city with less than 0.6 of the people of its name is left
// out: "Springfield" is in the United States, and no more is known. Under 0.3
// nothing is said.
package gazetteer

import (
	"strings"

	"weft/models"
)

// Kinds of location, as models.Location has them.
const (
	kindProfile = "profile"
	kindIP      = "ip"
	kindNone    = "none"
)

const (
	agreed   = 0.95
	alone    = 0.9
	byFlag   = 0.8
	byCode   = 0.6
	besides  = 0.85 // a part that says nothing
	sameLand = 0.8  // several places of one country
	manyLand = 0.5  // places of several countries
	least    = 0.3  // below it nothing is said
	majority = 0.6  // of the people of all places of a name
	inside   = 0.2  // of a region's people, for a city of its name to be meant: New York yes, Québec no
)

// longest bounds the text that is kept and read, in characters: the networks
// allow at most 100.
const longest = 300

// Gazetteer knows places. It is safe for concurrent use.
type Gazetteer struct{ table *table }

// New loads the data that is built in: 30 to 60 ms and 7 MB, so one is enough
// for a process.
func New() (*Gazetteer, error) {
	t, err := load()
	if err != nil {
		return nil, err
	}
	return &Gazetteer{table: t}, nil
}

// bounded cuts a text that nobody wrote into a form field.
func bounded(raw string) string {
	raw = strings.ToValidUTF8(strings.TrimSpace(raw), "\uFFFD")
	if len(raw) <= longest {
		return raw
	}
	if r := []rune(raw); len(r) > longest {
		return string(r[:longest])
	}
	return raw
}

// located fills a location from an answer; under the least confidence it stays
// unknown.
func located(raw, kind string, a answer) models.Location {
	loc := models.Location{Raw: raw, Kind: kind}
	if a.country == "" || a.confidence < least {
		if raw == "" {
			loc.Kind = kindNone
		}
		return loc
	}
	loc.Country, loc.Region, loc.City = a.country, a.region, a.city
	if municipality := municipalities()[a.region]; a.city != "" && municipality != "" {
		loc.City = municipality // not its district
	}
	loc.Confidence = float64(int(a.confidence*100+0.5)) / 100
	return loc
}
