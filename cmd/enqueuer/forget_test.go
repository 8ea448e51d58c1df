package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/internal/cli"
	"weft/models"
)

// call runs the command in a data folder.
func call(t *testing.T, data string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &cli.Env{Stdout: &out, Stderr: &errs}
	cmd := command(env)
	env.Flags(cmd)
	code = env.Run(cmd, append(args, "--data", data))
	return code, out.String(), errs.String()
}

func write(t *testing.T, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// imported is a data folder with three posts, two of one author.
func imported(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	posts := write(t, "posts.ndjson", `{"id": "1", "created_at": "2026-03-01T10:00:00Z", "text": "a red dress", "author": {"id": "77", "handle": "ann"}}
{"id": "2", "created_at": "2026-03-01T10:00:00Z", "text": "a blue coat", "author": {"id": "77", "handle": "ann"}}
{"id": "3", "created_at": "2026-03-01T10:00:00Z", "text": "a hat", "author": {"id": "78", "handle": "bob"}}
`)
	if code, _, stderr := call(t, data, "import", "--profile", "tendencies", posts); code != cli.ExitOK {
		t.Fatalf("import: %d, %s", code, stderr)
	}
	return data
}

// forgotten calls forget with --json and returns the report.
func forgotten(t *testing.T, data string, wantCode int, args ...string) (rep forgetReport, stderr string) {
	t.Helper()
	code, out, stderr := call(t, data, append([]string{"forget", "--json"}, args...)...)
	if code != wantCode {
		t.Fatalf("forget %v: exit %d, want %d: %s", args, code, wantCode, stderr)
	}
	if err := json.Unmarshal([]byte(out), &rep); err != nil && out != "" {
		t.Fatalf("%s: %v", out, err)
	}
	return rep, stderr
}

func TestForgetAsksFirst(t *testing.T) {
	data := imported(t)
	for range 2 { // nothing was done the first time
		rep, _ := forgotten(t, data, cli.ExitOK, "file.1", "file.9")
		if rep.Done || rep.Posts.Deleted != 1 || rep.Posts.Unknown != 1 {
			t.Errorf("without --yes: %+v", rep)
		}
	}
	if _, out, _ := call(t, data, "forget", "file.1"); !strings.Contains(out, "1 stored posts deleted") || !strings.Contains(out, "--yes") {
		t.Errorf("it says %q", out)
	}
	rep, _ := forgotten(t, data, cli.ExitOK, "file.1", "file.9", "--yes", "--reason", "asked by mail", "--by", "request")
	if !rep.Done || rep.Posts.Deleted != 1 || rep.Posts.Unknown != 1 {
		t.Errorf("with --yes: %+v", rep)
	}
	if rep, _ := forgotten(t, data, cli.ExitOK, "file.1", "--yes"); rep.Posts.Repeated != 1 {
		t.Errorf("again: %+v", rep)
	}
}

func TestForgetAuthorAndLog(t *testing.T) {
	data := imported(t)
	rep, _ := forgotten(t, data, cli.ExitOK, "--author", "file:77", "--yes", "--reason", "asked by mail")
	if rep.Posts.Deleted != 2 || rep.Posts.Authors != 1 {
		t.Errorf("%+v, want both posts of the author", rep)
	}
	code, out, _ := call(t, data, "forget", "--log", "--json")
	var log []models.Audit
	if err := json.Unmarshal([]byte(out), &log); err != nil || code != cli.ExitOK || len(log) != 3 || log[0].Reason != "asked by mail" || log[0].Kind != "author" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	for _, secret := range []string{"77", "ann", "file.1", "dress"} {
		if strings.Contains(out, `"`+secret+`"`) {
			t.Errorf("the log names %q: %s", secret, out)
		}
	}
	if _, out, _ := call(t, data, "forget", "--log", "file.2"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "to be erased") {
		t.Errorf("the log of one post: %s", out)
	}
	if _, out, _ := call(t, data, "forget", "--log", "file.3"); strings.Count(out, "\n") != 1 {
		t.Errorf("the log of a post that lives: %s", out)
	}
}

func TestForgetFile(t *testing.T) {
	data := imported(t)
	list := write(t, "ids.ndjson", `"file.1"

{"id": "file.2", "reason": "takedown"}
{"source": "file", "author": "78", "act": "hide", "by": "platform"}
{"source": "file"}
"nonsense"
{"id": "file.3", "unknown": 1}
{"id": "file.3", "by": "somebody"}
not json
`)
	rep, stderr := forgotten(t, data, cli.ExitBadInput, "--file", list, "--yes")
	if rep.Posts.Deleted != 2 || rep.Posts.Hidden != 1 || rep.Rejected != 5 || rep.Deletions != 3 {
		t.Errorf("%+v", rep)
	}
	for _, want := range []string{"ids.ndjson:5: give either", `ids.ndjson:6: post id "nonsense"`, "ids.ndjson:7:", "ids.ndjson:8: by \"somebody\"; allowed", "ids.ndjson:9:"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
}

func TestForgetRefuses(t *testing.T) {
	data := imported(t)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"forget what?", nil},
		{"ids look like", []string{"1"}},
		{"SOURCE:ID", []string{"--author", "77"}},
		{"allowed: delete, hide, show", []string{"file.1", "--act", "remove"}},
		{"allowed: operator", []string{"file.1", "--by", "me"}},
		{"--file", []string{"--file", "none.ndjson"}},
		{"--log goes with", []string{"--log", "--yes"}},
		{"--log goes with", []string{"--log", "file.1", "file.2"}},
	} {
		if _, stderr := forgotten(t, data, cli.ExitUsage, c.args...); !strings.Contains(stderr, c.want) {
			t.Errorf("%v: %q, want %q", c.args, stderr, c.want)
		}
	}
	if code, _, stderr := call(t, filepath.Join(t.TempDir(), "none"), "forget", "file.1", "--yes"); code != cli.ExitUsage {
		t.Errorf("without data: exit %d, %s", code, stderr)
	}
}
