package profile_test

import (
	"os"
	"strings"
	"testing"

	"weft/profile"
)

// TestDocs: the user's page explains every word of the language as the code does.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range profile.Vocabulary() {
		row := "| `" + w.Use + "` | " + w.Doc + " |"
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/profiles.md lacks the row\n%s", row)
		}
	}
}
