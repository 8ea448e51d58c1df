package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"weft/analysis"
	"weft/internal/app"
	"weft/internal/cli"
	"weft/profile"
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
			reg, err := analysis.Default()
			if err != nil {
				return err
			}
			bad := false
			for _, name := range args {
				p, err := parseProfile(name, reg)
				if err != nil {
					bad = true
					fmt.Fprintln(env.Stdout, err)
					continue
				}
				fmt.Fprintf(env.Stderr, "%s: profile %s, version %s\n", name, p.Name, p.Version)
			}
			if bad {
				return cli.ErrBadInput
			}
			return nil
		},
	}
}

func parseProfile(name string, reg *analysis.Registry) (*profile.Profile, error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s:1:1: %w", name, err)
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
		return app.FileSubjects(ctx, reg, s.posts, profiles, func(err error) { fmt.Fprintln(env.Stderr, "left out:", err) })
	}
	a, err := env.Open(ctx, app.Options{Service: "weft-enqueuer", NoQueue: true})
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
			reg, err := analysis.Default()
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
			reg, err := analysis.Default()
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
