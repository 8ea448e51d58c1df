package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/live"
	"weft/models"
	"weft/source/file"
)

func importCommand(env *cli.Env) *cobra.Command {
	var profiles []string
	var source, rejects string
	cmd := &cobra.Command{
		Use:   "import DIR|FILE.ndjson|FILE.csv",
		Short: "Import posts from a folder of images, NDJSON or CSV",
		Long: `Import posts and send them through profiles.

A folder: each image in it or below it is a post; NAME.txt beside NAME.jpg is its
caption, NAME.json its record. NDJSON: one JSON object a line. CSV: the same
fields as columns, images separated by |. Fields: id, source, url, created_at
(RFC 3339 or Unix seconds), text, language, hashtags, author, images, likes,
comments, shares; other fields are only kept as they are. The author is a handle
or an object {id, handle, name, followers, location: {country, region, city}}; in
CSV, columns author_id, author_country and so on. Image paths are relative to the
file, and must lie below its folder; those on the web (http, https) are fetched by
the fetch step.

Importing again changes nothing; a record whose text or images changed starts a
new generation of its run. Bad records are written to a file of rejects with
line and reason, and the good ones are imported (exit status 1).

Without --profile, each profile takes the posts that its match section fits.`,
		Example: `  enqueuer import --profile tendencies photos/
  enqueuer import --profile quality --profile catalog posts.ndjson
  enqueuer import --profile catalog --rejects bad.ndjson posts.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImport(cmd.Context(), env, app.Import{Profiles: profiles, Path: args[0], Source: source}, rejects)
		},
	}
	cmd.Flags().StringArrayVarP(&profiles, "profile", "p", nil, "send the posts through this profile (repeatable)")
	cmd.Flags().StringVar(&source, "source", "file", "source of records that name none")
	cmd.Flags().StringVar(&rejects, "rejects", "", "file for refused records (default NAME.rejects.ndjson here)")
	return cmd
}

// runImport imports, with a bar on a terminal, and says what became of it.
func runImport(ctx context.Context, env *cli.Env, req app.Import, rejects string) error {
	total, unit, err := file.Total(req.Path)
	if err == nil {
		err = file.CheckSource(req.Source)
	}
	if err != nil {
		return cli.Usage(err)
	}
	a, err := env.Open(ctx, app.Options{Service: "weft-enqueuer", NoQueue: true})
	if err != nil {
		return err
	}
	defer a.Close()
	if err := known(a, req.Profiles...); err != nil {
		return err
	}
	if rejects == "" {
		rejects = filepath.Base(strings.TrimRight(req.Path, "/")) + ".rejects.ndjson"
	}
	refused := &lazyFile{path: rejects}
	bar := live.NewProgress(env.Stderr, total, unit, "import")
	req.Rejects, req.Progress = refused, progress(bar)
	req.Paused = func(queue string, depth int64) {
		a.Log.Warn("paused: the queue is too deep", "queue", queue, "depth", depth)
	}
	rep, err := a.Import(ctx, req)
	bar.Close()
	if err := errors.Join(err, refused.Close()); err != nil {
		if rep.Records > 0 {
			return fmt.Errorf("%w\nstopped after %d records; what is stored stays, and the same call again goes on", err, rep.Records)
		}
		return err
	}
	if err := env.Print(rep, func(w io.Writer) error { return writeImport(w, rep, rejects) }); err != nil {
		return err
	}
	if rep.Rejected > 0 {
		return cli.ErrBadInput
	}
	return nil
}

// known refuses names that no profile has.
func known(a *app.App, profiles ...string) error {
	names := a.Library.Names()
	for _, p := range profiles {
		if !slices.Contains(names, p) {
			return cli.Usage(fmt.Errorf("no profile %q; there are: %s", p, strings.Join(names, ", ")))
		}
	}
	return nil
}

// progress turns what is done into what was done since.
func progress(bar *live.Progress) func(done int64) {
	last := int64(0)
	return func(done int64) {
		bar.Add(done - last)
		last = done
	}
}

func writeImport(w io.Writer, rep app.ImportReport, rejects string) error {
	fmt.Fprintf(w, "%d records: ", rep.Records)
	var parts []string
	for _, r := range []models.AdmissionResult{models.Admitted, models.Known, models.Edited, models.Recount, models.Refused} {
		if n := rep.Posts[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	if rep.NoMatch > 0 {
		parts = append(parts, fmt.Sprintf("%d match no profile", rep.NoMatch))
	}
	if rep.Rejected > 0 {
		parts = append(parts, fmt.Sprintf("%d rejected (see %s)", rep.Rejected, rejects))
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	_, err := fmt.Fprintln(w, strings.Join(parts, ", "))
	if rep.Waiting && err == nil {
		_, err = fmt.Fprintln(w, "The queue is not running: they start when `weft up` does.")
	}
	return err
}

// lazyFile is a file that is made at the first write.
type lazyFile struct {
	path string
	f    *os.File
}

func (l *lazyFile) Write(p []byte) (int, error) {
	if l.f == nil {
		f, err := os.Create(l.path)
		if err != nil {
			return 0, cli.Usage(fmt.Errorf("--rejects: %w", err))
		}
		l.f = f
	}
	return l.f.Write(p)
}

func (l *lazyFile) Close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
