package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"weft/internal/app"
	"weft/models"
)

// TestStatusShowsAllParts: a part that waits anywhere on its way is seen.
func TestStatusShowsAllParts(t *testing.T) {
	s := app.Status{Parts: map[models.PartState]int{}}
	states := []models.PartState{models.PartStaged, models.PartWritten, models.PartLoading, models.PartLoaded, models.PartVerified}
	for i, state := range states {
		s.Parts[state] = 40 + i
	}
	var b bytes.Buffer
	if err := s.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(b.String()), " ")
	for i, state := range states {
		if want := fmt.Sprintf("parts %s %d", state, 40+i); !strings.Contains(said, want) {
			t.Errorf("the status lacks %q:\n%s", want, &b)
		}
	}
}
