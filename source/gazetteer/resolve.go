package gazetteer

import (
	"maps"
	"slices"
)

// compatible reports whether a and b can be the same place, or one within the
// other.
func compatible(a, b place) bool {
	return a.country == b.country && (a.code == "" || b.code == "" || a.code == b.code) &&
		(a.level != city || b.level != city || a.name == b.name)
}

// chain resolves parts that should belong together, the way "Paris",
// "Île-de-France" and "France" do. It is false when they don't, and when they
// say nothing.
func (g *Gazetteer) chain(parts []part, with []place) (answer, bool) {
	var known []part
	unknown := 0
	for _, p := range parts {
		switch {
		case len(p.places) > 0:
			known = append(known, p)
		case !p.silent:
			unknown++
		}
	}
	if len(known) == 0 {
		return answer{}, false
	}
	base := alone
	switch {
	case len(known) > 1:
		base = agreed
	case known[0].code && len(known[0].alone) == 0:
		base = byCode
	case known[0].code && with == nil:
		known[0].places = known[0].alone
	}
	if len(known) == 1 && known[0].vague {
		return answer{}, false
	}
	if with != nil {
		known, base = append(known, part{places: with}), agreed
	}
	known, dropped, ok := agree(known)
	if !ok {
		return answer{}, false
	}
	a, ok := finest(known)
	a.confidence *= base
	for range min(unknown+dropped, 4) {
		a.confidence *= besides
	}
	return a, ok
}

// rooted resolves parts that contradict each other around the one that is a
// country's or region's name: "Kent, UK" is not the Kent of Washington.
func (g *Gazetteer) rooted(parts []part, with []place) (answer, bool) {
	for i := len(parts) - 1; i > 0; i-- {
		root := parts[i]
		if a, ok := choose(root.places); root.code && len(root.alone) == 0 || !ok || a.level() == city || a.confidence < alone {
			continue
		}
		kept := []part{root}
		for _, p := range parts {
			if fit := of(p.places, func(c place) bool {
				return slices.ContainsFunc(root.places, func(r place) bool { return compatible(c, r) })
			}); len(fit) == 0 {
				kept = append(kept, part{})
			}
		}
		return g.chain(kept, with)
	}
	return answer{}, false
}

// agree keeps of each part the places that fit to all the others. Letters that
// fit to nothing are dropped: "MI" behind "Milano" is not Michigan.
func agree(parts []part) (kept []part, dropped int, ok bool) {
	for i, p := range parts {
		fit := p
		fit.places = slices.DeleteFunc(slices.Clone(p.places), func(c place) bool {
			return slices.ContainsFunc(slices.Delete(slices.Clone(parts), i, i+1), func(other part) bool {
				return !slices.ContainsFunc(other.places, func(o place) bool { return compatible(c, o) })
			})
		})
		kept = append(kept, fit)
	}
	if !slices.ContainsFunc(kept, func(p part) bool { return len(p.places) == 0 }) {
		return kept, 0, true
	}
	for i, p := range parts {
		if p.code && len(p.alone) == 0 && len(parts) > 1 {
			kept, dropped, ok = agree(slices.Delete(slices.Clone(parts), i, i+1))
			return kept, dropped + 1, ok
		}
	}
	return nil, 0, false
}

// finest answers with the part that says most.
func finest(parts []part) (best answer, ok bool) {
	for _, p := range parts {
		a, found := choose(p.places)
		if found && (!ok || a.level() > best.level() || a.level() == best.level() && a.confidence > best.confidence) {
			best, ok = a, true
		}
	}
	for _, p := range parts { // a city whose region the table lacks
		if a, found := choose(p.places); found && best.region == "" && a.country == best.country {
			best.region = a.region
		}
	}
	return best, ok
}

// choose picks among places of one name, by their people.
func choose(places []place) (answer, bool) {
	land, share := most(places, func(p place) string { return p.country })
	if share < majority {
		return answer{}, false
	}
	a := answer{country: land, confidence: share}
	places = of(places, func(p place) bool { return p.country == land })
	cities := of(places, func(p place) bool { return p.level == city })
	if lands := of(places, func(p place) bool { return p.level == country }); len(lands) > 0 {
		if i := heaviest(cities); i >= 0 && cities[i].people >= majority*lands[0].people { // Singapore, Hong Kong
			a.region, a.city = cities[i].code, cities[i].name
		}
		return a, true
	}
	code, share := most(places, func(p place) string { return p.code })
	if share < majority {
		return a, true
	}
	a.region, a.confidence = code, a.confidence*share
	cities = of(cities, func(p place) bool { return p.code == code })
	if regions := of(places, func(p place) bool { return p.level == region && p.code == code }); len(regions) > 0 {
		if i := heaviest(cities); i < 0 || cities[i].people < inside*regions[0].people {
			return a, true
		}
	}
	if name, share := most(cities, func(p place) string { return p.name }); share >= majority {
		a.city, a.confidence = name, a.confidence*share
	}
	return a, true
}

// most returns the key with the most people, and its share of them all. Within
// one key a region and its cities are the same people, counted once.
func most(places []place, key func(place) string) (string, float64) {
	people := map[string][3]float64{}
	for _, p := range places {
		sums := people[key(p)]
		sums[p.level] += p.weight
		people[key(p)] = sums
	}
	best, top, all := "", 0.0, 0.0
	for _, k := range slices.Sorted(maps.Keys(people)) {
		sums := people[k]
		n := max(sums[0], sums[1], sums[2])
		all += n
		if n > top {
			best, top = k, n
		}
	}
	if all == 0 {
		return "", 0
	}
	return best, top / all
}

func of(places []place, keep func(place) bool) []place {
	var kept []place
	for _, p := range places {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func heaviest(places []place) int {
	best := -1
	for i, p := range places {
		if best < 0 || p.people > places[best].people {
			best = i
		}
	}
	return best
}
