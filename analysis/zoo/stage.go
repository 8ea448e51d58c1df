package zoo

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var stageWord = regexp.MustCompile(`^(["']?)(active|shadow)(["']?)`)

// SetStage returns the file's text with the stage of one of its models changed,
// and every other byte as it was.
func SetStage(file string, body []byte, name string, to Stage) ([]byte, error) {
	doc := &document{file: file}
	root, ok := doc.open(body)
	if !ok {
		return nil, doc.errs.orNil()
	}
	for _, n := range root.fields([]string{"models"}, nil)["models"].list() {
		pairs := n.rawPairs()
		at := slices.IndexFunc(pairs, func(p *ast.MappingValueNode) bool {
			return p.Key.String() == "name" && node{doc: &document{}, yaml: p.Value}.text("") == name
		})
		if at < 0 {
			continue
		}
		stage := slices.IndexFunc(pairs, func(p *ast.MappingValueNode) bool { return p.Key.String() == "stage" })
		if stage >= 0 {
			return replaceWord(file, body, node{yaml: pairs[stage].Value}.position(), to)
		}
		return addStage(file, body, pairs[at], to)
	}
	return nil, fmt.Errorf("%s: there is no model %q", file, name)
}

// replaceWord changes the stage that stands at a place.
func replaceWord(file string, body []byte, at position, to Stage) ([]byte, error) {
	lines := bytes.SplitAfter(body, []byte("\n"))
	if at.line < 1 || at.line > len(lines) {
		return nil, fmt.Errorf("%s: the stage is not where it was read", file)
	}
	line := []rune(string(lines[at.line-1]))
	if at.col < 1 || at.col > len(line) || !stageWord.MatchString(string(line[at.col-1:])) {
		return nil, fmt.Errorf("%s:%d:%d: change this stage to %s by hand", file, at.line, at.col, to)
	}
	rest := string(line[at.col-1:])
	lines[at.line-1] = []byte(string(line[:at.col-1]) + stageWord.ReplaceAllString(rest, "${1}"+string(to)+"${3}"))
	return bytes.Join(lines, nil), nil
}

// addStage writes a line below that of the model's name.
func addStage(file string, body []byte, name *ast.MappingValueNode, to Stage) ([]byte, error) {
	at := node{yaml: name.Key}.position()
	lines := bytes.SplitAfter(body, []byte("\n"))
	line := string(lines[at.line-1])
	before := []rune(line)[:at.col-1]
	if strings.Trim(string(before), " -") != "" || strings.ContainsAny(string([]rune(line)[at.col-1:]), "{},") {
		return nil, fmt.Errorf("%s:%d:%d: write stage: %s beside this name by hand", file, at.line, at.col, to)
	}
	added := strings.Repeat(" ", len(before)) + "stage: " + string(to) + "\n"
	if !strings.HasSuffix(line, "\n") {
		line += "\n"
	}
	lines[at.line-1] = []byte(line + added)
	return bytes.Join(lines, nil), nil
}
