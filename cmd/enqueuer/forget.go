package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/models"
	"weft/source/file"
)

// forgetting is what the call asks for.
type forgetting struct {
	authors []string
	file    string
	by      string
	reason  string
	act     string
	yes     bool
	log     bool
	limit   int
}

func forgetCommand(env *cli.Env) *cobra.Command {
	var f forgetting
	cmd := &cobra.Command{
		Use:   "forget [POST_ID…]",
		Short: "Delete posts, or all posts of an author, for ever and everywhere",
		Long: `Delete posts, or all posts of an author, for ever and everywhere: post, images,
search, questions to people and staged rows go at once, the history with the
next rewrite, which a running worker does. They don't come back, whatever is
collected or imported again; a post that never was here is refused when it comes.

Without --yes it only counts. --author SOURCE:ID takes the source's own id of the
author (the handle where a source has none), and future posts of theirs are refused too. --file takes
NDJSON: a post id a line, as a string or {"id": …}, or a deletion
{"source", "native_id" or "author", "act", "by", "reason"}.

--act hide takes posts out of sight, show brings them back. --log shows the
record of what was forgotten, without content, with the receipt of the history's
rewrite; with POST_ID that of one post.`,
		Example: `  enqueuer forget mastodon.k3j2h5 --reason "asked by mail"
  enqueuer forget mastodon.k3j2h5 --by request --yes
  enqueuer forget --author bluesky:did:plc:abc123 --yes
  enqueuer forget --file takedowns.ndjson --json
  enqueuer forget --log mastodon.k3j2h5`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.log {
				return f.showLog(cmd.Context(), env, args)
			}
			return f.run(cmd.Context(), env, args)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.authors, "author", nil, "all posts of this author, as SOURCE:ID (repeatable)")
	fl.StringVar(&f.file, "file", "", "NDJSON of post ids or deletions")
	fl.StringVar(&f.by, "by", "operator", "who wants it: operator, request, author or platform")
	fl.StringVar(&f.reason, "reason", "", "why, for the record; name nobody")
	fl.StringVar(&f.act, "act", string(models.Delete), "delete, hide or show")
	fl.BoolVar(&f.yes, "yes", false, "do it; without it nothing is done")
	fl.BoolVar(&f.log, "log", false, "show what was forgotten")
	fl.IntVar(&f.limit, "limit", 100, "at most so many lines of --log")
	return cmd
}

// forgetReport is the receipt, or what one would say.
type forgetReport struct {
	Done      bool             `json:"done"` // false: nothing was done, this is what --yes would do
	Deletions int              `json:"deletions"`
	Posts     models.Forgotten `json:"posts"`
	Rejected  int              `json:"rejected"` // lines of the file
}

func (f *forgetting) run(ctx context.Context, env *cli.Env, args []string) error {
	deletions, bad, err := f.deletions(args)
	if err != nil {
		return cli.Usage(err)
	}
	for _, b := range bad {
		fmt.Fprintln(env.Stderr, cli.Printable(b.Error()))
	}
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-enqueuer", NoQueue: true})
	if err != nil {
		return err
	}
	defer a.Close()
	rep := forgetReport{Done: f.yes, Deletions: len(deletions), Rejected: len(bad)}
	if f.yes {
		rep.Posts, err = a.Forget(ctx, deletions)
	} else {
		rep.Posts, err = a.Documents.Foresee(ctx, deletions)
	}
	if err != nil {
		return err
	}
	if err := env.Print(rep, rep.writeText); err != nil {
		return err
	}
	if len(bad) > 0 {
		return cli.ErrBadInput
	}
	return nil
}

func (r forgetReport) writeText(w io.Writer) error {
	p := r.Posts
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{p.Deleted, "stored posts deleted"}, {p.Purged, "posts deleted that only the history has"},
		{p.Hidden, "posts hidden"}, {p.Shown, "posts shown again"}, {p.Authors, "authors taken note of"},
		{p.Unknown, "never were here: only a hash stays, so that they don't come"}, {p.Repeated, "had been done before"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	end := "Nothing was done. Call it again with --yes to do it."
	if r.Done {
		end = "A running worker erases the history next; --log shows the receipts."
	}
	_, err := fmt.Fprintf(w, "%d deletions: %s\n%s\n", r.Deletions, strings.Join(parts, "; "), end)
	return err
}

// deletions are those that the call names. What is wrong in the file is told
// line by line; anything else is the call's.
func (f *forgetting) deletions(args []string) (out []models.Deletion, bad []error, err error) {
	base := models.Deletion{Act: models.Act(f.act), By: f.by, Reason: f.reason}
	if err := check(base); err != nil {
		return nil, nil, err
	}
	for _, id := range args {
		d, err := ofPost(id, base)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, d)
	}
	for _, author := range f.authors {
		source, id, ok := strings.Cut(author, ":")
		if err := file.CheckSource(source); err != nil || !ok || id == "" {
			return nil, nil, fmt.Errorf("--author %q: write it as SOURCE:ID, such as bluesky:did:plc:abc123", author)
		}
		d := base
		d.Source, d.Author = source, id
		out = append(out, d)
	}
	if f.file != "" {
		fromFile, refused, err := readDeletions(f.file, base)
		if err != nil {
			return nil, nil, fmt.Errorf("--file: %w", err)
		}
		out, bad = append(out, fromFile...), refused
	}
	if len(out)+len(bad) == 0 {
		return nil, nil, errors.New("forget what? Give post ids, --author or --file")
	}
	return out, bad, nil
}

func check(d models.Deletion) error {
	switch d.Act {
	case models.Delete, models.Hide, models.Show:
	default:
		return fmt.Errorf("act %q; allowed: delete, hide, show", d.Act)
	}
	switch d.By {
	case "operator", "request", "author", "platform":
	default:
		return fmt.Errorf("by %q; allowed: operator, request, author, platform", d.By)
	}
	return nil
}

// ofPost reads a post's id: its source, a dot, and the source's own id or what
// stands for it.
func ofPost(id string, base models.Deletion) (models.Deletion, error) {
	source, native, ok := strings.Cut(id, ".")
	if err := file.CheckSource(source); err != nil || !ok || native == "" {
		return base, fmt.Errorf("post id %q: ids look like file.0042: the source, a dot, the source's own id", id)
	}
	base.Source, base.NativeID = source, native
	return base, nil
}

// longestLine of a file of deletions: an id and a reason.
const longestLine = 1 << 20

func readDeletions(name string, base models.Deletion) (out []models.Deletion, bad []error, err error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		d, err := readDeletion(line, base)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s:%d: %w", name, n, err))
			continue
		}
		out = append(out, d)
	}
	return out, bad, lines.Err()
}

func readDeletion(line []byte, base models.Deletion) (models.Deletion, error) {
	var id string
	if line[0] == '"' {
		if err := json.Unmarshal(line, &id); err != nil {
			return base, err
		}
		return ofPost(id, base)
	}
	record := struct {
		ID string `json:"id"`
		*models.Deletion
	}{Deletion: &base}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&record); err != nil {
		return base, fmt.Errorf("not a post id or deletion: %w", err)
	}
	if err := check(base); err != nil {
		return base, err
	}
	if record.ID != "" {
		if base.Source != "" || base.NativeID != "" || base.Author != "" {
			return base, errors.New("id goes without source, native_id and author")
		}
		return ofPost(record.ID, base)
	}
	if err := file.CheckSource(base.Source); err != nil {
		return base, err
	}
	if (base.NativeID == "") == (base.Author == "") {
		return base, errors.New("give either native_id or author")
	}
	return base, nil
}

// showLog prints the record, the newest first.
func (f *forgetting) showLog(ctx context.Context, env *cli.Env, args []string) error {
	if len(args) > 1 || len(f.authors) > 0 || f.file != "" || f.yes {
		return cli.Usage(errors.New("--log goes with one POST_ID at most, and without --author, --file and --yes"))
	}
	post := ""
	if len(args) == 1 {
		d, err := ofPost(args[0], models.Deletion{})
		if err != nil {
			return cli.Usage(err)
		}
		post = models.PostID(d.Source, d.NativeID)
	}
	a, err := env.OpenExisting(ctx, app.Options{Service: "weft-enqueuer", NoQueue: true})
	if err != nil {
		return err
	}
	defer a.Close()
	lines, err := a.Documents.ForgetLog(ctx, post, f.limit)
	if err != nil {
		return err
	}
	return env.Print(lines, func(w io.Writer) error { return writeLog(w, lines) })
}

func writeLog(w io.Writer, lines []models.Audit) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "at\tact\tby\twhat\thash\thistory\twhy")
	for _, l := range lines {
		past := "–"
		switch {
		case l.Receipt != nil:
			past = fmt.Sprintf("%d rows erased %s", l.Receipt.Rows, l.Receipt.At.Format(time.DateTime))
		case l.Act == models.Delete && l.Kind == "post":
			past = "to be erased"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.At.Format(time.DateTime), l.Act, l.By, l.Kind, l.Hash, past, l.Reason)
	}
	return tw.Flush()
}
