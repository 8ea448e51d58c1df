package labeling

import (
	"maps"
	"strings"

	"golang.org/x/text/unicode/norm"

	"weft/models"
)

// tidied returns an answer's values as they are kept: what people wrote
// themselves in Unicode's composed form, with single spaces and no line breaks,
// so that the same words are the same value however they were typed. A value
// that is only blank is none.
func tidied(it models.Item, values map[string][]string) map[string][]string {
	out := maps.Clone(values)
	for i := range it.Questions {
		q := &it.Questions[i]
		given, ok := values[q.Attribute]
		if !ok || !q.Open() {
			continue
		}
		kept := []string{}
		for _, v := range given {
			if v = norm.NFC.String(strings.Join(strings.Fields(v), " ")); v != "" {
				kept = append(kept, v)
			}
		}
		out[q.Attribute] = kept
	}
	return out
}

// checkGold is check of a right answer, which says nothing of places: labelers
// are held against the values.
func checkGold(it models.Item, g models.Gold) error {
	for _, m := range it.Misfits(models.Answer{Values: g.Values}) {
		if !m.Boxes {
			return misfit("labeling: item %s: %s", it.ID, m.Wrong)
		}
	}
	return nil
}
