package models_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

func hash(digit string) string { return strings.Repeat(digit, 64) }

// asked is an item with a question of each kind.
func asked() models.Item {
	return models.Item{ID: "i1", Wanted: 1, Questions: []models.Question{
		{Attribute: "color", Options: []string{"red", "navy"}},
		{Attribute: "size", Options: []string{"s", "l"}, Single: true},
		{Attribute: "note", Kind: models.KindText, Single: true},
		{Attribute: "bag", Kind: models.KindBox, Options: []string{"tote", "clutch"}},
		{Attribute: "garment", Kind: models.KindTree, Options: []string{"shirt", "hat", "tops"}, Groups: []models.Group{{Name: "tops", Values: []string{"shirt"}}, {Name: "head", Values: []string{"hat"}}}},
	}}
}

func fits() models.Answer {
	return models.Answer{
		Values: map[string][]string{"color": {"red", "navy"}, "size": {"s"}, "note": {"two words"}, "bag": {"tote"}, "garment": {"shirt"}},
		Boxes:  map[string][]models.Spot{"bag": {{Value: "tote", Image: hash("a"), Box: models.Box{X: .5, Y: .25, W: .5, H: .75}}}},
	}
}

func TestMisfits(t *testing.T) {
	spot := func(b models.Box) []models.Spot { return []models.Spot{{Value: "tote", Image: hash("a"), Box: b}} }
	for name, c := range map[string]struct {
		change func(it *models.Item, a *models.Answer)
		want   string // attribute, boxes, at: wrong
	}{
		"fits":    {func(*models.Item, *models.Answer) {}, ""},
		"skipped": {func(_ *models.Item, a *models.Answer) { *a = models.Answer{Skip: "not sure"} }, ""},
		"none of all": {func(_ *models.Item, a *models.Answer) {
			a.Boxes = nil
			for k := range a.Values {
				a.Values[k] = nil
			}
		}, ""},
		"not asked":           {func(_ *models.Item, a *models.Answer) { a.Values["cut"] = nil }, "cut false -1: it does not ask for \"cut\"; it asks for: color, size, note, bag, garment"},
		"boxes not asked":     {func(_ *models.Item, a *models.Answer) { a.Boxes["cut"] = nil }, "cut true -1: it does not ask for \"cut\"; it asks for: color, size, note, bag, garment"},
		"missing":             {func(_ *models.Item, a *models.Answer) { delete(a.Values, "size") }, "size false -1: it also asks for \"size\": answer it, if need be with nothing, or skip the item"},
		"two of one":          {func(_ *models.Item, a *models.Answer) { a.Values["size"] = []string{"s", "l"} }, "size false -1: \"size\" has one value at most, not 2"},
		"two texts":           {func(_ *models.Item, a *models.Answer) { a.Values["note"] = []string{"a", "b"} }, "note false -1: \"note\" has one value at most, not 2"},
		"no choice":           {func(_ *models.Item, a *models.Answer) { a.Values["color"][1] = "pink" }, "color false 1: \"pink\" is no value of \"color\"; allowed: red, navy"},
		"a text of any words": {func(it *models.Item, a *models.Answer) { it.Questions[2].Options = []string{"x"} }, ""},
		"the longest text":    {func(_ *models.Item, a *models.Answer) { a.Values["note"][0] = strings.Repeat("é", models.LongestText) }, ""},
		"too long": {func(_ *models.Item, a *models.Answer) {
			a.Values["note"][0] = strings.Repeat("é", models.LongestText+1)
		}, "note false 0: a value of \"note\" has 501 characters; allowed: 1 to 500 characters"},
		"an empty text": {func(_ *models.Item, a *models.Answer) { a.Values["note"][0] = "" }, "note false 0: a value of \"note\" has 0 characters; allowed: 1 to 500 characters"},
		"a group":       {func(_ *models.Item, a *models.Answer) { a.Values["garment"] = []string{"tops"} }, "garment false 0: \"tops\" is no value of \"garment\"; allowed: shirt, hat"},
		"a group, if partial": {func(it *models.Item, a *models.Answer) {
			it.Questions[4].Partial = true
			a.Values["garment"] = []string{"head", "tops"}
		}, ""},
		"no box":           {func(_ *models.Item, a *models.Answer) { a.Boxes = nil }, "bag true -1: \"tote\" is without a box in \"bag\""},
		"boxes elsewhere":  {func(_ *models.Item, a *models.Answer) { a.Boxes["color"] = spot(models.Box{W: 1, H: 1}) }, "color true -1: \"color\" takes no boxes"},
		"of another value": {func(_ *models.Item, a *models.Answer) { a.Values["bag"] = nil }, "bag true 0: a box of \"bag\" is of \"tote\", which is none of its values"},
		"on no image":      {func(_ *models.Item, a *models.Answer) { a.Boxes["bag"][0].Image = "a" }, "bag true 0: a box of \"bag\" names the image \"a\""},
		"beyond the image": {func(_ *models.Item, a *models.Answer) { a.Boxes["bag"] = spot(models.Box{X: .5, W: .51, H: 1}) }, "bag true 0: a box of \"bag\" is at 0.5, 0 with the size 0.51, 1"},
		"of no size":       {func(_ *models.Item, a *models.Answer) { a.Boxes["bag"] = spot(models.Box{X: .5, W: .5}) }, "bag true 0: a box of \"bag\" is at 0.5, 0 with the size 0.5, 0"},
		"no number":        {func(_ *models.Item, a *models.Answer) { a.Boxes["bag"] = spot(models.Box{X: math.NaN(), W: .5, H: 1}) }, "bag true 0: a box of \"bag\" is at NaN, 0 with the size 0.5, 1"},
		"too many boxes": {func(_ *models.Item, a *models.Answer) {
			for range models.MostBoxes {
				a.Boxes["bag"] = append(a.Boxes["bag"], a.Boxes["bag"][0])
			}
		}, "bag true -1: \"bag\" has 51 boxes; allowed: 50"},
	} {
		it, a := asked(), fits()
		c.change(&it, &a)
		var got []string
		for _, m := range it.Misfits(a) {
			got = append(got, fmt.Sprintf("%s %v %d: %s", m.Attribute, m.Boxes, m.At, m.Wrong))
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, "\n"), c.want)
		}
	}
}

// TestForm: items of before there were kinds say the same as ever.
func TestForm(t *testing.T) {
	for _, c := range []struct {
		q    models.Question
		want models.Kind
	}{
		{models.Question{}, models.KindMultiple}, {models.Question{Single: true}, models.KindSingle}, {models.Question{Single: true, Kind: models.KindBox}, models.KindBox},
	} {
		if got := c.q.Form(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.q, got, c.want)
		}
	}
}

// TestJudgeBoxes: the label has the boxes of the newest answer that said the same.
func TestJudgeBoxes(t *testing.T) {
	say := func(by string, at int64, x float64, values ...string) models.Answer {
		return models.Answer{By: by, At: time.Unix(at, 0), Values: map[string][]string{"bag": values}, Boxes: map[string][]models.Spot{"bag": {{Value: values[0], Image: hash("b"), Box: models.Box{X: x, W: .1, H: .1}}}}}
	}
	it := models.Item{Wanted: 3, Questions: []models.Question{{Attribute: "bag", Kind: models.KindBox}}, Answers: []models.Answer{say("ann", 1, .1, "tote"), say("cy", 3, .3, "clutch"), say("bob", 2, .2, "tote")}}
	verdict, labels := it.Judge()
	if verdict != models.Settled {
		t.Fatal(verdict)
	}
	want := []models.Spot{{Value: "tote", Image: hash("b"), Box: models.Box{X: .2, W: .1, H: .1}}}
	if diff := cmp.Diff(want, labels[0].Boxes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
