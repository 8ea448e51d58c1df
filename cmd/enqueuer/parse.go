package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/source"
)

// maxRecorded is the longest file that parse reads: answers are a few MB at most.
const maxRecorded = 256 << 20

func parseCommand(env *cli.Env) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "parse --source NAME FILE…",
		Short: "Print recorded answers of a network in normal form",
		Long: `Print the posts in recorded answers of a network as NDJSON: one post a line, in
the form in which Weft keeps it. No key, network or data folder is needed, so
anybody can check what a connector makes of an answer.

A file is a bare body (JSON, a line of JSON per event, XML), or an exchange:
{"request": {"method", "url"}, "response": {"status", "headers", "body"}}.
"-" reads standard input.

What can't be read is named on standard error with file and place, and the good
posts are printed all the same (exit status 1). Deletions in an answer, and posts
that may not be taken, are counted there as well. An empty answer is no error.`,
		Example: `  enqueuer parse --source mastodon timeline.exchange.json
  enqueuer parse --source bluesky jetstream.jsonl | jq -r .text`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			parsers, err := app.Parsers(time.Now)
			if err != nil {
				return err
			}
			p, ok := parsers[name]
			if !ok {
				return cli.Usage(fmt.Errorf("--source %q is not known; there are: %s", name, strings.Join(app.ParserNames(parsers), ", ")))
			}
			return parseAll(env, p, args)
		},
	}
	cmd.Flags().StringVarP(&name, "source", "s", "", "the network: bluesky, feed, file, instagram, mastodon, reddit, weibo")
	return cmd
}

// parseAll prints the posts of all files, and what is wrong with which.
func parseAll(env *cli.Env, p source.Parser, files []string) error {
	out := bufio.NewWriter(env.Stdout)
	bad := false
	for _, file := range files {
		b, errs := parseFile(p, file)
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for i := range b.Posts {
			if err := enc.Encode(&b.Posts[i]); err != nil {
				errs = append(errs, fmt.Errorf("post %s: %w", b.Posts[i].ID, err))
			}
		}
		if err := out.Flush(); err != nil { // whole lines, also where both streams are one
			return fmt.Errorf("write posts: %w", err)
		}
		for _, err := range append(errs, b.Problems...) {
			bad = true
			fmt.Fprint(env.Stderr, cli.Printable(fmt.Sprintf("%s: %v\n", file, err)))
		}
		fmt.Fprint(env.Stderr, cli.Printable(summary(file, b)))
	}
	if bad {
		return cli.ErrBadInput
	}
	return nil
}

func parseFile(p source.Parser, file string) (source.Batch, []error) {
	data, err := read(file)
	if err != nil {
		return source.Batch{}, []error{err}
	}
	return parseData(p, data)
}

func parseData(p source.Parser, data []byte) (source.Batch, []error) {
	rec, broken := source.ReadRecorded(data)
	var errs []error
	if broken != nil {
		errs = append(errs, broken)
	}
	b, err := p.Parse(rec)
	if err != nil && (broken == nil || len(b.Posts) > 0) {
		errs = append(errs, err)
	}
	return b, errs
}

func read(file string) ([]byte, error) {
	var r io.Reader = os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, errors.Unwrap(err) // the name is printed in front
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, maxRecorded+1))
	if err == nil && len(data) > maxRecorded {
		err = fmt.Errorf("it is over %d MB", maxRecorded>>20)
	}
	return data, err
}

// summary tells what is in a file beside posts; nothing, if there is nothing.
func summary(file string, b source.Batch) string {
	var parts []string
	if n := len(b.Deletions); n > 0 {
		parts = append(parts, fmt.Sprintf("%d deletions", n))
	}
	var reasons []string
	for reason := range b.Skipped {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		parts = append(parts, fmt.Sprintf("%d skipped: %s", b.Skipped[reason], reason))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %d posts, %s\n", file, len(b.Posts), strings.Join(parts, ", "))
}
