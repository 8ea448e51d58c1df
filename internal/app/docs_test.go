package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/internal/config"
	"weft/source"
	"weft/source/file"
	"weft/source/web"
)

// Every configuration that the pages about sources show is one that Weft takes.
func TestDocsConfigurations(t *testing.T) {
	pages, err := filepath.Glob("../../docs/sources/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../../README.md")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, block := range blocks(string(text)) {
			if !strings.HasPrefix(block, "queries:") && !strings.HasPrefix(block, "sources:") && !strings.HasPrefix(block, "push:") {
				continue
			}
			shown++
			checkShown(t, filepath.Base(page), block)
		}
		if shown == 0 {
			t.Errorf("%s shows no configuration", page)
		}
	}
}

// blocks returns the YAML blocks of a page.
func blocks(text string) []string {
	var out []string
	for i, part := range strings.Split(text, "```") {
		if body, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			out = append(out, body)
		}
	}
	return out
}

func checkShown(t *testing.T, page, block string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, nil)
	if err != nil {
		t.Errorf("%s: %v", page, err)
		return
	}
	cfg.Sources.Weibo.Mobile = true // an explicit choice, which the page leaves to the reader
	made, err := network(cfg.Sources, &web.Client{}, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	connectors := map[string]source.Connector{"file": file.New(file.Options{})}
	for name, c := range made {
		connectors[name] = c
	}
	for _, q := range cfg.Queries {
		c, ok := connectors[q.Source]
		if !ok {
			t.Errorf("%s: query %s: no source %q", page, q.Name, q.Source)
			continue
		}
		for _, err := range source.CheckQuery(source.Query{Name: q.Name, Source: q.Source, Params: q.Params}, c.Params()) {
			t.Errorf("%s: query %s: %v", page, q.Name, err)
		}
	}
}
