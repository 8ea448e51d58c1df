package tasks_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestScenarios plays every file of testdata/scenarios.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("%d scenarios; there were more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s, err := readScenario(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, t.TempDir(), s)
			defer w.close()
			w.run(s)
		})
	}
}
