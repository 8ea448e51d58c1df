package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Write puts posts into dir as a user would have them: images, one
// <profile>.ndjson per profile, and truth.json, which the importer doesn't read.
// Rendering takes most of the time and uses every core.
func Write(dir string, posts []Post) error {
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		return fmt.Errorf("sim: make folder: %w", err)
	}
	if err := writeImages(dir, posts); err != nil {
		return err
	}
	for _, profile := range Profiles() {
		var lines bytes.Buffer
		enc := json.NewEncoder(&lines)
		enc.SetEscapeHTML(false)
		for i := range posts {
			if posts[i].Profile != profile {
				continue
			}
			if err := enc.Encode(posts[i].Record); err != nil {
				return fmt.Errorf("sim: encode post %s: %w", posts[i].Record.ID, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, profile+".ndjson"), lines.Bytes(), 0o644); err != nil {
			return fmt.Errorf("sim: write records: %w", err)
		}
	}
	truth, err := json.MarshalIndent(TruthOf(posts), "", "  ")
	if err != nil {
		return fmt.Errorf("sim: encode truth: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "truth.json"), truth, 0o644); err != nil {
		return fmt.Errorf("sim: write truth: %w", err)
	}
	return nil
}

// writeImages makes every picture once: reposts name one that is there.
func writeImages(dir string, posts []Post) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	seen := map[string]bool{}
	for i := range posts {
		for _, pic := range posts[i].Pictures {
			if seen[pic.Name] {
				continue
			}
			seen[pic.Name] = true
			g.Go(func() error { return pic.write(dir) })
		}
	}
	return g.Wait()
}

func (p Picture) write(dir string) error {
	to := filepath.Join(dir, filepath.FromSlash(p.Name))
	if p.From != "" && p.Broken == "" {
		return copyFile(to, p.From)
	}
	data, err := p.bytes()
	if err != nil {
		return fmt.Errorf("sim: make %s: %w", p.Name, err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return fmt.Errorf("sim: write image: %w", err)
	}
	return nil
}

func (p Picture) bytes() ([]byte, error) {
	if p.Broken != "" {
		return spoil(p)
	}
	return JPEG(p.Garment, p.Seed)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("sim: open photo: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("sim: create image: %w", err)
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return fmt.Errorf("sim: copy %s: %w", from, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("sim: close image: %w", err)
	}
	return nil
}
