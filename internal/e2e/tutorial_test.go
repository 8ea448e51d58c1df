package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weft/internal/servers"
)

// fence is a block of code of a page: its language, what is said behind it, the code.
var fence = regexp.MustCompile("(?ms)^```([a-z]+)([^\n]*)\n(.*?)^```$")

// testTutorial runs every command of docs/tutorial.md as a reader would, in one
// shell, and then asks the set-up that it leaves everything that its
// description allows, and more.
func testTutorial(t *testing.T, bin string) {
	page, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), "127.0.0.1:8090", "127.0.0.1:"+port)
	python := os.Getenv(servers.Clients)
	if python == "" && os.Getenv("CI") != "" {
		servers.URL(t, servers.Clients) // it must be there
	}
	var shell strings.Builder
	shell.WriteString("set -euo pipefail\n")
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		switch lang, how, code := block[1], strings.TrimSpace(block[2]), block[3]; {
		case lang == "sh" && how == "background":
			shell.WriteString(strings.TrimSpace(code) + " --set api.rate=1000000 2>up.log &\nUP=$!\ntrap 'kill $UP; wait $UP || true' EXIT\n" +
				"until curl -sSf http://127.0.0.1:" + port + "/readyz >/dev/null 2>&1; do kill -0 $UP; done\n")
		case lang == "sh":
			shell.WriteString(code)
		case lang == "python" && python != "":
			shell.WriteString("\"$CLIENTS\" - <<'PYTHON'\n" + code + "PYTHON\n")
		case lang == "python":
			t.Log("the Python part is left out: " + servers.Clients + " names no Python with requests")
		default:
			t.Errorf("nobody runs a block of %q", lang)
		}
	}
	if python != "" {
		shell.WriteString(strangers)
	}
	run := command(t, "bash", "-c", shell.String())
	run.Dir, run.Env = dir, append(os.Environ(), "CLIENTS="+python)
	out, err := run.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "up.log")) // there may be none
		t.Fatalf("%v\n%s\nweft up said:\n%s", err, out, log)
	}
	for _, w := range []string{`"role": "admin"`, `"query.limit"`, `"reason"`, `"cost_seconds"`, `"action": "create-key"`} {
		if !strings.Contains(string(out), w) {
			t.Errorf("the tutorial doesn't show %s:\n%s", w, out)
		}
	}
}

// strangers asks for everything the description allows, with values of its own
// making: no answer may be a 500, or one that the description doesn't have.
const strangers = `
"$CLIENTS" -m schemathesis.cli run $WEFT/openapi.json -H "$AUTH" --seed 7 --max-examples 8 --max-time 75 --no-shrink --request-timeout 20 --continue-on-failure \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
`

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.WithoutCancel(t.Context()), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
