package answers

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/storage/storagetest"
)

// update rewrites the golden file from the embedded stores.
var update = flag.Bool("update", false, "rewrite testdata/answers.json from the embedded stores")

const (
	questionsFile = "testdata/queries.yaml"
	answersFile   = "testdata/answers.json"
)

// questions is the file of questions.
type questions struct {
	Search  []storagetest.SearchQuestion `yaml:"search"`
	History []historyQuestion            `yaml:"history"`
}

// historyQuestion is one SELECT, see the file's head for what stands in braces.
type historyQuestion struct {
	Name string `yaml:"name"`
	SQL  string `yaml:"sql"`
}

// golden is the file of answers, by the names of the questions.
type golden struct {
	Search  map[string]searchAnswer  `json:"search"`
	History map[string]historyAnswer `json:"history"`
}

type searchAnswer struct {
	Total  int64                          `json:"total"`
	Hits   []string                       `json:"hits"` // ids
	Facets map[string][]models.FacetCount `json:"facets,omitempty"`
}

type historyAnswer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

func readQuestions(t *testing.T) questions {
	t.Helper()
	body, err := os.ReadFile(questionsFile)
	if err != nil {
		t.Fatal(err)
	}
	var q questions
	if err := yaml.UnmarshalWithOptions(body, &q, yaml.Strict()); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	if n := len(q.Search) + len(q.History); n < 50 {
		t.Fatalf("%d questions; there were 50", n)
	}
	return q
}

func readAnswers(t *testing.T) golden {
	t.Helper()
	body, err := os.ReadFile(answersFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(body, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestAnswersAreWorthHaving: most questions have an answer with something in it,
// so that stores which find nothing don't pass.
func TestAnswersAreWorthHaving(t *testing.T) {
	g := readAnswers(t)
	empty := 0
	for _, a := range g.Search {
		if a.Total == 0 {
			empty++
		}
	}
	for _, a := range g.History {
		if len(a.Rows) == 0 {
			empty++
		}
	}
	if n := len(g.Search) + len(g.History); n < 50 || empty > 3 {
		t.Errorf("%d answers, %d of them empty", n, empty)
	}
}

// compare holds got against the golden answer of a question.
func compare[A any](t *testing.T, answers map[string]A, name string, got A) {
	t.Helper()
	want, ok := answers[name]
	if !ok {
		t.Fatalf("no answer to %q in %s: run the test with -update", name, answersFile)
	}
	if diff := cmp.Diff(plain(t, want), plain(t, got)); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", name, diff)
	}
}

// plain makes the values of both sides what JSON makes of them.
func plain(t *testing.T, v any) string {
	t.Helper()
	body, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// save replaces one half of the golden file, one answer a line.
func save(t *testing.T, change func(g *golden)) {
	t.Helper()
	g := golden{}
	if body, err := os.ReadFile(answersFile); err == nil {
		if err := json.Unmarshal(body, &g); err != nil {
			t.Fatal(err)
		}
	}
	change(&g)
	var b bytes.Buffer
	b.WriteString("{\n\"search\": {")
	writeLines(t, &b, g.Search)
	b.WriteString("},\n\"history\": {")
	writeLines(t, &b, g.History)
	b.WriteString("}\n}\n")
	if err := os.WriteFile(answersFile, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeLines[A any](t *testing.T, b *bytes.Buffer, answers map[string]A) {
	t.Helper()
	var lines []string
	for name, a := range answers {
		key, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "\n"+string(key)+": "+string(body))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ","))
	b.WriteString("\n")
}
