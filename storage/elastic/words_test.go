package elastic

import (
	"slices"
	"testing"

	"weft/models"
)

func TestTextsApart(t *testing.T) {
	got := textsOf(models.SearchDoc{
		Text: "a b", Hashtags: []string{"c", "d"}, Author: models.Author{Handle: "e", Name: "👗"}, Attributes: []models.Attribute{{Value: "f-g"}},
	})
	if want := []string{"a b", "e", "c", "d", "f g"}; !slices.Equal(got, want) {
		t.Errorf("textsOf = %q, want %q", got, want)
	}
}
