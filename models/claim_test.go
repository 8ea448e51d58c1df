package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

// said is an answer at a minute.
func said(by string, minute int, values ...string) models.Answer {
	return models.Answer{By: by, At: time.Date(2026, 3, 2, 9, minute, 0, 0, time.UTC), Values: map[string][]string{"color": values}}
}

func skipped(by string) models.Answer { return models.Answer{By: by, Skip: "not sure"} }

func final(a models.Answer) models.Answer { a.Final = true; return a }
func checked(a models.Answer) models.Answer {
	a.Check = true
	return a
}

func colored(wanted int, answers ...models.Answer) models.Item {
	it := models.Item{State: models.ItemOpen, Wanted: wanted, Questions: []models.Question{{Attribute: "color"}}}
	for _, a := range answers {
		it = it.WithAnswer(a)
	}
	return it
}

func TestWhatAnItemWants(t *testing.T) {
	closed := colored(1)
	closed.State = models.ItemClosed
	disputed := colored(3, said("ann", 1, "red"), said("bob", 2, "navy"))
	disputed.Disputed = true
	for name, c := range map[string]struct {
		item      models.Item
		lacks     int
		contested bool
		verdict   models.Verdict
		value     string // of the label
	}{
		"nothing said":                     {colored(2), 2, false, models.Unsettled, ""},
		"one of two":                       {colored(2, said("ann", 1, "red")), 1, false, models.Unsettled, ""},
		"agreed":                           {colored(2, said("ann", 1, "red"), said("bob", 2, "red")), 0, false, models.Settled, "red"},
		"disagreed":                        {colored(2, said("ann", 1, "red"), said("bob", 2, "navy")), 1, true, models.Disagree, ""},
		"disagreed, and one more is asked": {disputed, 1, true, models.Unsettled, ""},
		"one skipped":                      {colored(1, skipped("ann")), 1, false, models.Unsettled, ""},
		"two skipped":                      {colored(1, skipped("ann"), skipped("bob")), 1, true, models.Unsettled, ""},
		"closed":                           {closed, 0, false, models.Unsettled, ""},
		"an analyst decided":               {colored(3, said("ann", 1, "red"), final(said("ida", 2, "navy"))), 0, false, models.Settled, "navy"},
		"two analysts decided, not in order": {
			colored(2, final(said("ida", 9, "navy")), final(said("ian", 3, "red")), said("bob", 10, "red"), said("carl", 11, "red")), 0, false, models.Settled, "navy",
		},
		"checks don't count": {colored(2, said("ann", 1, "red"), checked(said("bob", 2, "red"))), 1, false, models.Unsettled, ""},
	} {
		verdict, labels := c.item.Judge()
		value := ""
		if len(labels) > 0 {
			value = labels[0].Values[0]
		}
		if c.item.Lacks() != c.lacks || c.item.Contested() != c.contested || verdict != c.verdict || value != c.value {
			t.Errorf("%s: lacks %d, contested %v, %s %q", name, c.item.Lacks(), c.item.Contested(), verdict, value)
		}
	}
}

func TestSeen(t *testing.T) {
	it := colored(1, said("bob", 1, "red"), skipped("ann"), checked(said("bob", 2, "navy")))
	if d := cmp.Diff([]string{"ann", "bob"}, it.Seen()); d != "" {
		t.Error(d)
	}
	if len(it.Answers) != 3 {
		t.Errorf("%+v, want what bob said when it counted beside the check", it.Answers)
	}
	if got := models.ClaimedItem("iabc.secret"); got != "iabc" {
		t.Errorf("item of a token: %q", got)
	}
}
