package tasks_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/profile"
	"weft/tasks"
)

// TestQuestionKinds: what is asked is what the guideline says, with what models
// found of it.
func TestQuestionKinds(t *testing.T) {
	box := models.Box{X: .25, W: .5, H: 1}
	groups := []models.Group{{Name: "tops", Values: []string{"shirt"}}}
	j := tasks.Job{
		Profile: &profile.Profile{Label: &profile.Label{Sample: 1, Attributes: []string{"brand", "category", "color", "size"}, Guidelines: map[string]profile.Guideline{
			"brand": {Kind: models.KindText, Single: true}, "category": {Kind: models.KindTree, Groups: groups}, "color": {Kind: models.KindBox}, "size": {Kind: models.KindSingle, Single: true},
		}}},
		Run: models.Run{Attributes: []models.Attribute{
			{Name: "category", Value: "tops", Confidence: .9}, {Name: "category", Value: "coat", Confidence: .5, Model: "m", Version: "1"},
			{Name: "color", Value: "red", Confidence: .5, Image: "ab", Box: &box, Model: "m", Version: "1"}, {Name: "color", Value: "red", Confidence: .25, Image: "cd", Box: &box}, {Name: "color", Value: "navy", Confidence: .25},
		}},
	}
	j.Post, j.Run.Post, j.Run.Profile, j.Now = models.Post{ID: "sim.1"}, "sim.1", "p", time.Unix(1e9, 0)
	var asked opened
	l := tasks.Label{Items: &asked, Choices: kindChoices{}}
	if _, err := l.Do(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	want := []models.Question{
		{Attribute: "brand", Kind: models.KindText, Single: true},
		{Attribute: "category", Kind: models.KindTree, Options: []string{"coat", "shirt"}, Groups: groups, Suggestion: []string{"coat"}, Confidence: .5, Model: "m", Version: "1"},
		{
			Attribute: "color", Kind: models.KindBox, Options: []string{"navy", "red"}, Suggestion: []string{"red", "navy"}, Confidence: .5, Model: "m", Version: "1",
			Boxes: []models.Spot{{Value: "red", Image: "ab", Box: box}, {Value: "red", Image: "cd", Box: box}},
		},
		{Attribute: "size", Options: []string{"s"}, Single: true},
	}
	if diff := cmp.Diff(want, asked.item.Questions); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// opened keeps the item that is opened.
type opened struct{ item models.Item }

func (*opened) Item(context.Context, string) (models.Item, error) {
	return models.Item{}, models.ErrNotFound
}

func (o *opened) PutItem(_ context.Context, it models.Item) error {
	o.item = it
	return nil
}

type kindChoices struct{}

func (kindChoices) Taxonomy() string { return "t" }

func (kindChoices) Options(attribute string) []string {
	return map[string][]string{"brand": {"Acme"}, "category": {"coat", "shirt"}, "color": {"navy", "red"}, "size": {"s"}}[attribute]
}
