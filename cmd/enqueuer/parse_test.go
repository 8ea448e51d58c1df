package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/internal/app"
	"weft/source"
)

// recorded reads the recorded answers of the networks that need no contract.
func recorded(t *testing.T) (map[string]source.Parser, map[string][]byte) {
	t.Helper()
	parsers, err := app.Parsers(func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("WEFT_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	by, files := map[string]source.Parser{}, map[string][]byte{}
	for folder, name := range map[string]string{"bluesky": "bluesky", "mastodon": "mastodon", "rss": "feed"} {
		names, err := filepath.Glob(filepath.Join(dir, "fixtures", folder, "*"))
		if err != nil || len(names) == 0 {
			t.Skip("the recorded answers are not beside the repository (WEFT_SHARED)")
		}
		for _, file := range names {
			if strings.HasPrefix(filepath.Base(file), "lexicon_") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			by[file], files[file] = parsers[name], data
		}
	}
	return by, files
}

// TestParseCutFiles: wherever a file ends, that is said, and the whole posts
// before it are as they are in the whole file.
func TestParseCutFiles(t *testing.T) {
	by, files := recorded(t)
	kept := 0
	for file, data := range files {
		data = bytes.TrimSpace(data)
		whole, errs := parseData(by[file], data)
		if len(errs)+len(whole.Problems) > 0 {
			t.Errorf("%s: %v %v", file, errs, whole.Problems)
		}
		hashes := map[string]string{}
		for _, p := range whole.Posts {
			hashes[p.ID] = p.ContentHash()
		}
		for i := 1; i < 30; i++ {
			cut := data[:len(data)*i/30]
			if bytes.HasSuffix(bytes.TrimSpace(cut), []byte("}")) && strings.HasSuffix(file, ".jsonl") {
				continue
			}
			b, errs := parseData(by[file], cut)
			if len(errs)+len(b.Problems) == 0 {
				t.Errorf("%s cut at %d: no error", file, len(cut))
			}
			for _, p := range b.Posts {
				if kept++; hashes[p.ID] != p.ContentHash() {
					t.Errorf("%s cut at %d: post %s is not as it was", file, len(cut), p.ID)
				}
			}
		}
	}
	if kept < 100 {
		t.Errorf("only %d posts were read of cut files", kept)
	}
}

// TestParseRetypedExchanges: the parts of an exchange that are missing or of
// another type never panic.
func TestParseRetypedExchanges(t *testing.T) {
	by, files := recorded(t)
	for file, data := range files {
		var doc map[string]any
		if json.Unmarshal(data, &doc) != nil {
			continue
		}
		retype(doc, 4, func() {
			changed, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			b, errs := parseData(by[file], changed)
			for _, p := range b.Posts {
				if p.ID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) {
					t.Errorf("%s: %+v, %v", file, p, errs)
				}
			}
		})
	}
}

// retype changes each field in turn, down to a depth, and puts it back.
func retype(o map[string]any, depth int, try func()) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		old := o[name]
		for _, v := range []any{nil, 7.5, "text", map[string]any{}, []any{nil, 3}} {
			o[name] = v
			try()
		}
		delete(o, name)
		try()
		o[name] = old
		if inner, ok := old.(map[string]any); ok && depth > 1 && name != "headers" {
			retype(inner, depth-1, try)
		}
	}
}
