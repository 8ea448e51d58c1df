package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weft/api"
	"weft/internal/servers"
	"weft/models"
)

// count counts the rows and posts of files, by three readers of Parquet.
const count = "internal/exports/testdata/count.py"

// export exports everything as Parquet, watches who writes it, and downloads it.
func (s setting) export(ctx context.Context, c *corpus, p *program, writer *program, who client) error {
	m, began := watch(writer), time.Now()
	e, err := s.exported(ctx, c, who)
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Printf("export_posts: %d\nexport_files: %d\nexport_seconds: %.0f\nexport_posts_per_s: %.0f\n", e.Rows, len(e.Files), took.Seconds(), float64(e.Rows)/took.Seconds())
	if err := m.report("export_writer"); err != nil {
		return err
	}
	m = watch(p)
	paths, err := s.download(ctx, who, e)
	if err != nil {
		return err
	}
	if err := m.report("export_download_api"); err != nil {
		return err
	}
	return s.count(ctx, paths)
}

// exported asks for the export and waits for its end.
func (s setting) exported(ctx context.Context, c *corpus, who client) (e api.Export, err error) {
	wanted := map[string]any{"format": "parquet", "since": c.month(0), "until": c.month(months)}
	answer, err := who.do(ctx, http.MethodPost, "/v1/exports", wanted, http.StatusAccepted)
	tick, told := time.NewTicker(time.Second), time.Now()
	defer tick.Stop()
	for err == nil {
		if err = json.Unmarshal(answer, &e); err != nil || e.State == models.ExportDone {
			break
		}
		if e.State == models.ExportFailed {
			return e, fmt.Errorf("the export failed: %s", e.Error)
		}
		if time.Since(told) > 15*time.Second {
			fmt.Fprintf(os.Stderr, "export: %d of %d posts\n", e.Rows, c.n)
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return e, ctx.Err()
		case <-tick.C:
		}
		answer, err = who.get(ctx, "/v1/exports/"+e.ID)
	}
	if err == nil && e.Rows != int64(c.n) {
		err = fmt.Errorf("%d posts of %d were exported", e.Rows, c.n)
	}
	return e, err
}

// download fetches all files of an export.
func (s setting) download(ctx context.Context, who client, e api.Export) (paths []string, err error) {
	for _, f := range e.Files {
		path := filepath.Join(s.dir, f.Name)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, who.url+f.URL, http.NoBody)
		if err != nil {
			return nil, err
		}
		resp, err := who.http.Do(req)
		if err != nil {
			return nil, err
		}
		out, err := os.Create(path) //nolint:gosec // in our own folder
		if err == nil {
			_, err = io.Copy(out, resp.Body)
			err = errors.Join(err, out.Close())
		}
		if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s, %w", f.Name, resp.Status, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// count prints what the readers count: rows and distinct posts.
func (s setting) count(ctx context.Context, paths []string) error {
	python := os.Getenv(servers.Python)
	if python == "" {
		return fmt.Errorf("%s names no Python to open the files with", servers.Python)
	}
	cmd := exec.CommandContext(ctx, python, count, "parquet") //nolint:gosec // the interpreter is the caller's
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(paths, "\n")), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", count, err)
	}
	var got map[string][2]int
	if err := json.Unmarshal(out, &got); err != nil {
		return err
	}
	for _, reader := range []string{"pandas", "polars", "duckdb"} {
		fmt.Printf("export_rows_%s: %d\nexport_distinct_%s: %d\n", reader, got[reader][0], reader, got[reader][1])
		if got[reader] != [2]int{s.posts, s.posts} {
			err = errors.Join(err, fmt.Errorf("%s counts %v rows and posts of %d", reader, got[reader], s.posts))
		}
	}
	return err
}
