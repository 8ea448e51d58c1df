package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"weft/internal/config"
)

// root is the repository, from here.
const root = ".."

// names are the files that make up the deployment.
func names() []string {
	return []string{"docker-compose.yml", "Dockerfile", ".dockerignore", "deploy/prometheus.yml", "deploy/alerts.yml", "go.mod"}
}

// deployment is those files, read.
type deployment struct {
	files   map[string]string
	compose *types.Project
	configs map[string]config.Config // of the services that are Weft's
	*tools
}

// tools is what the checks share, whatever the files say.
type tools struct {
	bin     string            // the commands, built
	sources []string          // names at the root that the commands are built from
	said    map[string]string // what a call was answered, so that each is made once
}

// TestDeployment holds the files to the code and to each other. No container is
// started: what an image does inside is not shown here.
func TestDeployment(t *testing.T) {
	use := &tools{bin: t.TempDir(), said: map[string]string{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", use.bin+string(filepath.Separator),
		"weft/cmd/api", "weft/cmd/asynqmon", "weft/cmd/enqueuer", "weft/cmd/worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var err error
	if use.sources, err = sources(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range names() {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	for _, problem := range problems(t, files, use) {
		t.Error(problem)
	}
	for _, c := range slips() {
		t.Run(c.name, func(t *testing.T) {
			changed := maps.Clone(files)
			changed[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
			if changed[c.file] == files[c.file] {
				t.Fatalf("%s has no %q to change", c.file, c.old)
			}
			got := problems(t, changed, use)
			if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("%q in place of %q is not found out: %q; want %q", c.new, c.old, got, c.want)
			}
		})
	}
}

// problems returns everything that is wrong with the files.
func problems(t *testing.T, files map[string]string, use *tools) []string {
	t.Helper()
	project, err := compose(t.Context(), files["docker-compose.yml"], nil)
	if err != nil {
		return []string{err.Error()}
	}
	d := &deployment{files: files, compose: project, configs: map[string]config.Config{}, tools: use}
	out := d.load()
	if len(out) > 0 {
		return out // the other checks need the configurations
	}
	for _, check := range []func(*deployment) []string{
		(*deployment).starts, (*deployment).queues, (*deployment).variables, (*deployment).endpoints, (*deployment).emulated,
		(*deployment).ports, (*deployment).contained, (*deployment).health, (*deployment).images, (*deployment).grace,
		(*deployment).mounts, (*deployment).secrets, (*deployment).prometheus, (*deployment).alerts, (*deployment).dockerfile, (*deployment).ignored,
	} {
		out = append(out, check(d)...)
	}
	return out
}

// compose reads the file as `docker compose` would, with environ for its ${…}. It
// refuses unknown keys, volumes, networks and services to depend on by itself.
func compose(ctx context.Context, text string, environ map[string]string) (*types.Project, error) {
	details := types.ConfigDetails{
		WorkingDir: root, Environment: environ,
		ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yml", Content: []byte(text)}},
	}
	return loader.LoadWithContext(ctx, details, func(o *loader.Options) { o.SetProjectName("weft", true) })
}

// ours are the names of the services that run a command of this repository.
func (d *deployment) ours() []string {
	return slices.DeleteFunc(d.compose.ServiceNames(), func(name string) bool { return d.compose.Services[name].Build == nil })
}

// environ returns a service's variables as its process gets them.
func environ(s types.ServiceConfig) []string {
	var out []string
	for name, value := range s.Environment {
		if value != nil {
			out = append(out, name+"="+*value)
		}
	}
	slices.Sort(out)
	return out
}

// load loads each service's configuration, which refuses unknown variables.
func (d *deployment) load() []string {
	var out []string
	for _, name := range d.ours() {
		c, err := config.Load("", environ(d.compose.Services[name]))
		if err != nil {
			out = append(out, fmt.Sprintf("%s: %v", name, err))
		}
		d.configs[name] = c
	}
	if len(d.configs) == 0 {
		out = append(out, "no service is Weft's")
	}
	return out
}

// starts calls each service's command as it is called there, with one mistake
// more in its configuration. A command that finds this one alone takes its flags,
// its queues and its variables.
func (d *deployment) starts() []string {
	var out []string
	for _, name := range d.ours() {
		s := d.compose.Services[name]
		if len(s.Entrypoint) > 0 || len(s.Command) == 0 {
			out = append(out, name+": the command alone says what is started")
			continue
		}
		said := d.call(s.Command, environ(s))
		lines := strings.Split(strings.TrimSpace(said), "\n")
		if len(lines) != 2 || !strings.Contains(lines[1], `unknown key "no.such.key"`) {
			out = append(out, fmt.Sprintf("%s: %s refuses: %s", name, strings.Join(s.Command, " "), said))
		}
	}
	return out
}

// call starts a command with the mistake, and returns what it says to that.
func (u *tools) call(command, environ []string) string {
	key := fmt.Sprint(command, environ)
	if said, known := u.said[key]; known {
		return said
	}
	cmd := exec.Command(filepath.Join(u.bin, filepath.Base(command[0])), append(slices.Clone(command[1:]), "--set", "no.such.key=1")...) //nolint:gosec,noctx // our own commands, which end at once
	cmd.Env = environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return err.Error()
	}
	u.said[key] = stderr.String()
	return stderr.String()
}
