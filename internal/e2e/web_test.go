package e2e

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// doubleAnswers is the profile that ships, but asks two people.
func doubleAnswers(t *testing.T) string {
	t.Helper()
	shipped, err := os.ReadFile("../../profile/profiles/quality.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`answers: 1\b`).ReplaceAllString(string(shipped), "answers: 2")
	if text == string(shipped) {
		t.Fatal("the profile no longer says answers: 1")
	}
	file := filepath.Join(t.TempDir(), "quality.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// allKinds is the profile that ships, but asks a fifth of its posts a question of
// each kind.
func allKinds(t *testing.T) string {
	t.Helper()
	shipped, err := os.ReadFile("../../profile/profiles/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const asked = `  sample: 0.2
  attributes: [category, color, brand]
  guidelines:
    category:
      kind: tree
      single: true
      partial: true
      text: The most precise word that is sure.
      groups:
        tops: [shirt, t-shirt, longsleeve]
        bottoms: [pants, shorts, skirt]
        clothes: [tops, bottoms, dress, outwear]
    color: {kind: box, text: A tight box around each place that has it.}
    brand: {kind: text, text: As it is written on the garment.}
`
	text := regexp.MustCompile(`(?m)^  attributes: \[category, color\].*\n`).ReplaceAllString(string(shipped), asked)
	if text == string(shipped) {
		t.Fatal("the profile no longer says attributes: [category, color]")
	}
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// testWeb uses the web app in a browser as people do, on the demo's posts with
// all of their questions open. The scripts are in web/e2e.
func testWeb(t *testing.T, bin string) {
	for what, missing := range map[string]bool{
		"Node":                      !onPath("node"),
		"Chromium":                  !onPath("chromium"),
		"the web app (`make web`)":  !there("../../web/dist/index.html"),
		"its packages (`make web`)": !there("../../web/node_modules/playwright-core"),
	} {
		if missing && os.Getenv("CI") != "" {
			t.Fatal("not there: " + what)
		}
		if missing {
			t.Skip("not there: " + what)
		}
	}
	link := startDemo(t, bin)
	url, key, ok := strings.Cut(link, "/app/#key=")
	if !ok {
		t.Fatalf("the demo's link is %q", link)
	}
	cmd := command(t, "node", "--test", "--test-concurrency=1", "e2e/")
	cmd.Dir = "../../web"
	cmd.Env = append(os.Environ(), "WEFT_URL="+url, "WEFT_KEY="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(string(out), 12000))
	}
}

func onPath(name string) bool { _, err := exec.LookPath(name); return err == nil }

func there(file string) bool { _, err := os.Stat(file); return err == nil }

// startDemo runs the demo until it says where the web app is.
func startDemo(t *testing.T, bin string) (link string) {
	t.Helper()
	cmd := command(t, filepath.Join(bin, "weft"), "demo", "--posts", "240", "--ask", "--data", t.TempDir(), "--listen", "127.0.0.1:0",
		"--set", "profiles="+doubleAnswers(t)+","+allKinds(t), "--set", "api.rate=100000")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WEFT_SHOTS=") }) // the scripts' own; a command refuses what it doesn't know
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // the test is over, however it ends
	})
	lines, found := bufio.NewScanner(pipe), regexp.MustCompile(`http://\S+/app/#key=\S+`)
	for lines.Scan() {
		if link = found.FindString(lines.Text()); link != "" {
			go func() { _, _ = io.Copy(io.Discard, pipe) }()
			return link
		}
	}
	t.Fatal("the demo ended without saying where the web app is")
	return ""
}
