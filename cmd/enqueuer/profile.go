package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"weft/analysis"
	"weft/internal/app"
	"weft/internal/cli"
	"weft/profile"
	"weft/source/file"
)

func profileCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "Check use-case profiles, and see what they would do"}
	cmd.AddCommand(checkCommand(env), simulateCommand(env), diffCommand(env))
	return cmd
}

func checkCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE…",
		Short:   "Check profile files",
		Long:    "Check profile files. Prints FILE:LINE:COL: message for every error of every file, and exits with 1 if there is one.",
		Example: `  enqueuer profile check profiles/*.yaml`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reg, err := registry(env)
			if err != nil {
				return err
			}
			bad := false
			var all []checked
			for _, name := range args {
				c := checkFile(name, reg)
				bad = bad || len(c.Errors) > 0
				all = append(all, c)
			}
			if err := env.Print(all, func(w io.Writer) error { return writeChecked(w, env.Stderr, all) }); err != nil {
				return err
			}
			if bad {
				return cli.ErrBadInput
			}
			return nil
		},
	}
}

// registry knows the models of the configuration by name; it computes none.
func registry(env *cli.Env) (*analysis.Registry, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	all, err := app.OpenModels(cfg.Analysis, nil)
	if err != nil {
		return nil, cli.Usage(err)
	}
	return all.Registry, nil
}

// checked is what is to say about one file.
type checked struct {
	File    string         `json:"file"`
	Name    string         `json:"name,omitempty"`
	Version string         `json:"version,omitempty"`
	Errors  profile.Errors `json:"errors,omitempty"` // none: the file is good
}

func checkFile(name string, reg *analysis.Registry) checked {
	c := checked{File: name}
	p, err := parseProfile(name, reg)
	var pathError *fs.PathError
	switch {
	case err == nil:
		c.Name, c.Version = p.Name, p.Version
	case errors.As(err, &c.Errors):
	case errors.As(err, &pathError):
		c.Errors = profile.Errors{{File: name, Line: 1, Col: 1, Msg: pathError.Err.Error()}}
	default:
		c.Errors = profile.Errors{{File: name, Line: 1, Col: 1, Msg: err.Error()}}
	}
	return c
}

// writeChecked writes the errors to w, and what is good beside them.
func writeChecked(w, good io.Writer, all []checked) error {
	for _, c := range all {
		if len(c.Errors) == 0 {
			fmt.Fprintf(good, "%s: profile %s, version %s\n", c.File, c.Name, c.Version)
			continue
		}
		if _, err := fmt.Fprintln(w, c.Errors.Error()); err != nil {
			return err
		}
	}
	return nil
}

func parseProfile(name string, reg *analysis.Registry) (*profile.Profile, error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("profile: %w", err))
	}
	return profile.Parse(name, body, reg)
}

// sample says which posts a simulation takes.
type sample struct {
	posts string
	limit int
}

func (s *sample) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.posts, "posts", "", "posts as for import: a folder, .ndjson or .csv (default: stored posts)")
	cmd.Flags().IntVar(&s.limit, "limit", 10_000, "at most so many stored posts")
}

func (s *sample) read(ctx context.Context, env *cli.Env, reg *analysis.Registry, profiles ...*profile.Profile) (app.Subjects, error) {
	if s.posts != "" {
		if _, _, err := file.Total(s.posts); err != nil {
			return app.Subjects{}, cli.Usage(fmt.Errorf("--posts: %w", err))
		}
		return app.FileSubjects(ctx, reg, s.posts, profiles, func(err error) { fmt.Fprintln(env.Stderr, "left out:", err) })
	}
	if s.limit < 1 {
		return app.Subjects{}, cli.Usage(fmt.Errorf("--limit %d: give at least 1", s.limit))
	}
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-enqueuer", NoQueue: true})
	if err != nil {
		return app.Subjects{}, err
	}
	defer a.Close()
	got, err := a.StoredSubjects(ctx, s.limit)
	if err == nil && len(got.Posts) == 0 {
		err = fmt.Errorf("no analysed posts are stored in %s yet: import some, or give a file with --posts", a.Config.Data)
	}
	return got, err
}

func simulateCommand(env *cli.Env) *cobra.Command {
	var s sample
	cmd := &cobra.Command{
		Use:   "simulate FILE",
		Short: "See what a profile would do with posts: how many, why, at what cost",
		Long: `Send posts through a profile with the router that workers use, without doing
anything: how many would go through each step, why, and at what cost. Posts come
from a file, and are analysed here and now, or from the store, with what models
said of them.`,
		Example: `  enqueuer profile simulate my.yaml
  enqueuer profile simulate my.yaml --posts posts.ndjson --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := registry(env)
			if err != nil {
				return err
			}
			p, err := parseProfile(args[0], reg)
			if err != nil {
				return err
			}
			subjects, err := s.read(cmd.Context(), env, reg, p)
			if err != nil {
				return err
			}
			rep := profile.Simulate(p, slices.Values(subjects.Posts), subjects.Costs)
			return env.Print(rep, func(w io.Writer) error { return rep.WriteText(w) })
		},
	}
	s.flags(cmd)
	return cmd
}

func diffCommand(env *cli.Env) *cobra.Command {
	var s sample
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "See which posts change route between two versions of a profile",
		Example: `  enqueuer profile diff catalog.yaml catalog-new.yaml
  enqueuer profile diff old.yaml new.yaml --posts posts.ndjson`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := registry(env)
			if err != nil {
				return err
			}
			before, err := parseProfile(args[0], reg)
			if err != nil {
				return err
			}
			after, err := parseProfile(args[1], reg)
			if err != nil {
				return err
			}
			subjects, err := s.read(cmd.Context(), env, reg, before, after)
			if err != nil {
				return err
			}
			rep := profile.Diff(before, after, slices.Values(subjects.Posts), subjects.Costs)
			return env.Print(rep, func(w io.Writer) error { return rep.WriteText(w) })
		},
	}
	s.flags(cmd)
	return cmd
}
