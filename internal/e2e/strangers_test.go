package e2e

import (
	"testing"

	"weft/internal/servers"
	"weft/models"
)

// testStrangers asks the API on the production stores for everything that its description
// allows, as testTutorial does on the embedded ones.
func testStrangers(t *testing.T, bin string) {
	python := servers.URL(t, servers.Clients)
	p := newPrograms(t, newProductionRig(t, 24, "8760h"), bin)
	p.start(child{Import: p.importFile(), Label: true})
	p.wait("everything to settle", settle, p.settled)
	_, url := p.api()
	if s, err := p.app.Status(p.ctx); err != nil || s.States[models.Done] == 0 {
		t.Fatalf("there is nothing to ask for: %v, %v", s.States, err)
	}
	run := command(t, python, "-m", "schemathesis.cli", "run", url+"/openapi.json", "-H", "Authorization: Bearer "+p.key,
		"--seed", "7", "--max-examples", "4", "--max-time", "35", "--no-shrink", "--request-timeout", "60", "--continue-on-failure",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance")
	run.Dir = t.TempDir()
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, tail(string(out), 20_000))
	}
	t.Logf("%s", tail(string(out), 1500))
}
