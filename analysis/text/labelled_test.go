package text

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLabelledCaptions reads 200 captions of recorded answers that were labelled
// by hand. The recordings' sentences were replaced by made-up words before they
// came here, but for hashtags: so this shows hardly what is found, and mostly
// that nothing is found where nothing is.
func TestLabelledCaptions(t *testing.T) {
	root := fixtures(t)
	c := newTestCaption(t)
	all, silent, quiet, n := scores{}, 0, 0, 0
	for _, l := range labels(t) {
		n++
		got := sure(c.Analyze(l.text(t, root)))
		all.add("all", got, l.truth)
		if len(l.truth) == 0 {
			silent++
			if len(got) == 0 {
				quiet++
			}
		}
		if !slices.Equal(got, l.truth) {
			t.Logf("%s %s: got %v, want %v", l.file, l.pointer, got, l.truth)
		}
	}
	if n != 200 {
		t.Fatalf("%d labelled captions, want 200", n)
	}
	t.Logf("%d captions: %s; nothing found in %d of the %d that say nothing", n, all["all"], quiet, silent)
	if quiet*100 < silent*95 {
		t.Errorf("something was found in %d of %d captions that say nothing", silent-quiet, silent)
	}
	if f1 := all["all"].f1(); f1 < 0.5 {
		t.Errorf("F1 is %.3f, want 0.5", f1)
	}
}

// fixtures finds the recordings, which are no part of the repository.
func fixtures(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("WEFT_SHARED"); dir != "" {
		return filepath.Join(dir, "fixtures")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if at := filepath.Join(dir, "shared", "fixtures"); exists(at) {
			return at
		}
	}
	t.Skip("no recordings in a shared folder; set WEFT_SHARED")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// label is where a caption lies, and what it says.
type label struct {
	file, pointer string
	truth         []string
}

func labels(t *testing.T) []label {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "captions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out []label
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 3 {
			out = append(out, label{f[0], f[1], strings.Fields(f[2])})
		}
	}
	return out
}

var (
	inLine   = regexp.MustCompile(`^line(\d+):(.*)$`)
	anyTag   = regexp.MustCompile(`<[^>]*>`)
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// text follows the JSON pointer to a caption.
func (l label) text(t *testing.T, root string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(l.file)))
	if err != nil {
		t.Fatal(err)
	}
	pointer := l.pointer
	if m := inLine.FindStringSubmatch(pointer); m != nil {
		number, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for range number {
			lines.Scan()
		}
		data, pointer = lines.Bytes(), m[2]
	}
	var node any
	if err := json.Unmarshal(data, &node); err != nil {
		t.Fatal(err)
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch at := node.(type) {
		case map[string]any:
			node = at[unescape.Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				t.Fatalf("%s has no %s", l.file, l.pointer)
			}
			node = at[i]
		}
	}
	s, ok := node.(string)
	if !ok || s == "" {
		t.Fatalf("%s holds no text at %s: %s", l.file, l.pointer, fmt.Sprint(node))
	}
	if strings.HasPrefix(l.file, "weibo") || strings.HasPrefix(l.file, "mastodon") {
		s = html.UnescapeString(anyTag.ReplaceAllString(s, ""))
	}
	return s
}
