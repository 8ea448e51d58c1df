package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weft/analysis"
	"weft/analysis/zoo"
	"weft/internal/config"
)

// ErrStage means that a model can't be promoted or rolled back as it was asked.
var ErrStage = errors.New("models")

// Switch is a change of which version of a model is active. Its JSON form is an
// interface: see `weft models promote --json`.
type Switch struct {
	Model   string `json:"model"`  // the name that profiles use
	Active  string `json:"active"` // which declaration stands for it now
	Version string `json:"version"`
	Was     string `json:"was"` // and before
	Edits   []Edit `json:"edits"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

// Edit is a change of one file.
type Edit struct {
	File string `json:"file"`
	Diff string `json:"diff"`

	body []byte
}

// Promote makes a shadow active in the place of the version that is.
func Promote(cfg config.Analysis, name string, dryRun bool) (Switch, error) {
	return switchTo(cfg, dryRun, func(all []zoo.Declaration) (of string, stages map[string]zoo.Stage, err error) {
		var shadows []string
		for _, d := range all {
			if d.Stage == zoo.Shadow {
				shadows = append(shadows, d.Name)
			}
			if d.Declared == name && d.Stage == zoo.Shadow {
				of = d.Of
			}
		}
		if of == "" {
			return "", nil, fmt.Errorf("%w: %q is declared with no stage: shadow; those that can be promoted: %s", ErrStage, name, cmp.Or(strings.Join(shadows, ", "), "none"))
		}
		stages = map[string]zoo.Stage{name: zoo.Active}
		if at := slices.IndexFunc(all, func(d zoo.Declaration) bool { return d.Name == of }); all[at].Declared != of {
			stages[all[at].Declared] = zoo.Shadow
		}
		return of, stages, nil
	})
}

// Rollback makes the version that is active in a model's place its shadow
// again, so that the declaration that bears the model's name is active.
func Rollback(cfg config.Analysis, name string, dryRun bool) (Switch, error) {
	return switchTo(cfg, dryRun, func(all []zoo.Declaration) (of string, stages map[string]zoo.Stage, err error) {
		var promoted []string
		for _, d := range all {
			if d.Of == "" || d.Stage != zoo.Active {
				continue
			}
			promoted = append(promoted, fmt.Sprintf("%s (for %s)", d.Declared, d.Of))
			if d.Declared == name || d.Of == name {
				return d.Of, map[string]zoo.Stage{d.Declared: zoo.Shadow}, nil
			}
		}
		return "", nil, fmt.Errorf("%w: no other version is active in the place of %q; promoted are: %s", ErrStage, name, cmp.Or(strings.Join(promoted, ", "), "none"))
	})
}

// switchTo changes stages in the files of declarations. All is read anew and
// checked before anything is written.
func switchTo(cfg config.Analysis, dryRun bool, choose func([]zoo.Declaration) (string, map[string]zoo.Stage, error)) (Switch, error) {
	reg, err := analysis.Default()
	if err != nil {
		return Switch{}, err
	}
	all, err := zoo.Load(cfg.Models, reg.Names(), reg.Options)
	if err != nil {
		return Switch{}, err
	}
	of, stages, err := choose(all)
	if err != nil {
		return Switch{}, err
	}
	was := all[slices.IndexFunc(all, func(d zoo.Declaration) bool { return d.Name == of })]
	s := Switch{Model: of, Was: was.Declared, DryRun: dryRun}
	bodies := map[string][]byte{}
	for _, d := range all {
		to, ok := stages[d.Declared]
		if !ok {
			continue
		}
		body, read := bodies[d.File]
		if !read {
			if body, err = os.ReadFile(d.File); err != nil {
				return s, fmt.Errorf("models: %w", err)
			}
		}
		if bodies[d.File], err = zoo.SetStage(d.File, body, d.Declared, to); err != nil {
			return s, fmt.Errorf("%w: %w", ErrStage, err)
		}
	}
	now, err := wouldBe(cfg.Models, bodies, reg)
	if err != nil {
		return s, err
	}
	active := now[slices.IndexFunc(now, func(d zoo.Declaration) bool { return d.Name == of })]
	s.Active, s.Version = active.Declared, active.Version
	for _, file := range cfg.Models {
		body, ok := bodies[file]
		if !ok {
			continue
		}
		old, err := os.ReadFile(file)
		if err != nil {
			return s, fmt.Errorf("models: %w", err)
		}
		s.Edits = append(s.Edits, Edit{File: file, Diff: diff(file, string(old), string(body)), body: body})
	}
	if dryRun {
		return s, nil
	}
	for _, e := range s.Edits {
		if err := replaceFile(e.File, e.body); err != nil {
			return s, err
		}
	}
	return s, nil
}

// wouldBe reads the declarations as they will be.
func wouldBe(files []string, bodies map[string][]byte, reg *analysis.Registry) ([]zoo.Declaration, error) {
	shipped, err := zoo.Shipped(reg.Options)
	if err != nil {
		return nil, err
	}
	all := [][]zoo.Declaration{shipped}
	for _, file := range files {
		body, ok := bodies[file]
		if !ok {
			if body, err = os.ReadFile(file); err != nil {
				return nil, fmt.Errorf("models: %w", err)
			}
		}
		d, err := zoo.ReadText(file, body, reg.Options)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return zoo.Merge(reg.Names(), all...)
}

// diff lists the lines that differ: a stage is changed in its line, or has a
// line of its own.
func diff(file, before, after string) string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", file, file)
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case len(b)-j > len(a)-i:
			fmt.Fprintf(&out, "@@ line %d @@\n+%s\n", j+1, b[j])
			j++
		default:
			fmt.Fprintf(&out, "@@ line %d @@\n-%s\n+%s\n", i+1, a[i], b[j])
			i, j = i+1, j+1
		}
	}
	return out.String()
}

// replaceFile writes a file whole or not at all, behind a link if it is one.
func replaceFile(path string, body []byte) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("models: %w", err), os.Remove(f.Name()))
	}
	return nil
}
