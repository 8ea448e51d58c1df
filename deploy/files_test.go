package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
)

// killed is how long after its drain a process ends itself.
const killed = 10 * time.Second

// prometheus wants its targets to be services with metrics, and all of them.
func (d *deployment) prometheus() []string {
	var file struct {
		ScrapeConfigs []struct {
			JobName      string `yaml:"job_name"`
			DNSSDConfigs []struct {
				Names []string
				Type  string
				Port  int
			} `yaml:"dns_sd_configs"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(d.files["deploy/prometheus.yml"]), &file); err != nil {
		return []string{"deploy/prometheus.yml: " + err.Error()}
	}
	asker := d.compose.Services["prometheus"]
	var out, found []string
	for _, job := range file.ScrapeConfigs {
		for _, sd := range job.DNSSDConfigs {
			found = append(found, sd.Names...)
			for _, name := range sd.Names {
				if why := d.reaches(asker, fmt.Sprintf("%s:%d", name, sd.Port)); why != "" || sd.Type != "A" {
					out = append(out, fmt.Sprintf("deploy/prometheus.yml: %s:%d (type %s) %s", name, sd.Port, sd.Type, why))
				}
				shared := 0
				for network := range d.compose.Services[name].Networks {
					if _, there := asker.Networks[network]; there {
						shared++
					}
				}
				if shared > 1 {
					out = append(out, fmt.Sprintf("deploy/prometheus.yml: %s would be found once for each of %d networks", name, shared))
				}
			}
		}
		for _, s := range job.StaticConfigs {
			for _, target := range s.Targets {
				if port, ok := strings.CutPrefix(target, "127.0.0.1:"); !ok || !d.reachable("prometheus", port) {
					out = append(out, "deploy/prometheus.yml: nobody listens on "+target)
				}
			}
		}
	}
	for _, name := range d.ours() {
		if d.configs[name].Metrics.Listen != "" && !slices.Contains(found, name) {
			out = append(out, "deploy/prometheus.yml: doesn't ask "+name)
		}
	}
	return out
}

// alerts wants Prometheus to read its rules, and each to be about what is told.
func (d *deployment) alerts() []string {
	var out []string
	mounted := slices.ContainsFunc(d.compose.Services["prometheus"].Volumes, func(v types.ServiceVolumeConfig) bool {
		return filepath.Base(v.Source) == "alerts.yml" && strings.Contains(d.files["deploy/prometheus.yml"], "rule_files: ["+v.Target+"]")
	})
	if !mounted {
		out = append(out, "deploy/prometheus.yml: deploy/alerts.yml is not among the files of rules")
	}
	source, err := filepath.Glob("../internal/telemetry/*.go")
	if err != nil {
		return append(out, err.Error())
	}
	var told strings.Builder
	for _, path := range source {
		text, err := os.ReadFile(path)
		if err != nil {
			return append(out, err.Error())
		}
		told.Write(text)
	}
	for _, name := range metricPattern.FindAllString(d.files["deploy/alerts.yml"], -1) {
		if !strings.Contains(told.String(), strconv.Quote(name)) {
			out = append(out, "deploy/alerts.yml: nobody tells "+name)
		}
	}
	return out
}

var (
	metricPattern = regexp.MustCompile(`\bweft_[a-z_]+`)
	stagePattern  = regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`)
	copyPattern   = regexp.MustCompile(`(?m)^COPY (--from=(\S+) )?(.+) (\S+)$`)
	builtPattern  = regexp.MustCompile(`\./cmd/([a-z]+)`)
	goPattern     = regexp.MustCompile(`(?m)^go (\S+)$`)
	tagPattern    = regexp.MustCompile(`^FROM (\S+)`)
)

// dockerfile wants its stages, versions and paths to be there, every command to
// be built, and each service's to be in the image that it is started from.
func (d *deployment) dockerfile() []string {
	text := d.files["Dockerfile"]
	var out []string
	built := map[string][]string{} // the commands that each stage builds or copies
	stages := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^FROM `).Split(text, -1)[1:] {
		part = "FROM " + part
		m := stagePattern.FindStringSubmatch(part)
		if m == nil {
			out = append(out, "Dockerfile: a stage has no name: "+tagPattern.FindString(part))
			continue
		}
		from, stage := m[1], m[2]
		if _, known := stages[from]; !known && !pinned.MatchString(from) {
			out = append(out, fmt.Sprintf("Dockerfile: %s is not pinned", from))
		}
		stages[stage] = from
		for _, c := range builtPattern.FindAllStringSubmatch(part, -1) {
			built[stage] = append(built[stage], c[1])
		}
		for _, c := range copyPattern.FindAllStringSubmatch(part, -1) {
			built[stage] = append(built[stage], built[c[2]]...)
			out = append(out, d.copied(c[2], c[3], stages)...)
		}
	}
	out = append(out, d.built(built)...)
	out = append(out, decoder(text)...)
	wanted := goPattern.FindStringSubmatch(d.files["go.mod"])
	if len(wanted) == 0 || !strings.HasPrefix(stages["source"], "golang:"+wanted[1]+"-") {
		out = append(out, fmt.Sprintf("Dockerfile: %s is not the Go of go.mod, %s", stages["source"], wanted))
	}
	if m := regexp.MustCompile(`(?m)^USER (\d+):\d+$`).FindStringSubmatch(text); len(m) == 0 || m[1] == "0" {
		out = append(out, "Dockerfile: USER is not a number above 0")
	}
	for _, name := range d.ours() {
		s := d.compose.Services[name]
		if !slices.Contains(built[s.Build.Target], s.Command[0]) {
			out = append(out, fmt.Sprintf("%s: %s is not in the stage %q", name, s.Command[0], s.Build.Target))
		}
	}
	return out
}

// decoder wants the fast JPEG decoder in what is built, its headers where that
// happens, and its library where the programs run.
func decoder(text string) []string {
	var out []string
	if !regexp.MustCompile(`(?m)^ENV GOFLAGS="-tags=nodynamic,turbojpeg `).MatchString(text) {
		out = append(out, "Dockerfile: GOFLAGS don't set the tags nodynamic and turbojpeg")
	}
	for _, part := range strings.Split(text, "\nFROM ") {
		m := regexp.MustCompile(` AS (\S+)`).FindStringSubmatch(part)
		if m == nil {
			continue
		}
		if strings.Contains(part, "go build") && !strings.Contains(part, "CGO_ENABLED=1 go build") {
			out = append(out, "Dockerfile: "+m[1]+" builds without cgo, so without libjpeg-turbo")
		}
		if pkg := map[string]string{"source": "libturbojpeg0-dev ", "runtime": "libturbojpeg0 "}[m[1]]; !strings.Contains(part, pkg) {
			out = append(out, "Dockerfile: "+m[1]+" doesn't install "+pkg)
		}
	}
	return out
}

// copied wants what a COPY takes to be here, or its stage to be there.
func (d *deployment) copied(stage, sources string, stages map[string]string) []string {
	var out []string
	if stage != "" {
		if stages[stage] == "" {
			out = append(out, "Dockerfile: copies from the stage "+stage+", which is not above")
		}
		return out
	}
	for path := range strings.FieldsSeq(sources) {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			out = append(out, "Dockerfile: copies "+path+", which is not there")
		}
	}
	return out
}

// built wants each command of the repository to be built by some stage.
func (d *deployment) built(stages map[string][]string) []string {
	folders, err := os.ReadDir(filepath.Join(root, "cmd"))
	if err != nil {
		return []string{err.Error()}
	}
	var out, there []string
	for _, f := range folders {
		there = append(there, f.Name())
		if !slices.ContainsFunc([]string{"services", "weft"}, func(image string) bool { return slices.Contains(stages[image], f.Name()) }) {
			out = append(out, "Dockerfile: no image has cmd/"+f.Name())
		}
	}
	for _, commands := range stages {
		for _, c := range commands {
			if !slices.Contains(there, c) {
				out = append(out, "Dockerfile: builds cmd/"+c+", which is not there")
			}
		}
	}
	return out
}

// ignored wants nothing that the commands are built from to be kept out of the
// image's build, and the repository's own folder to be.
func (d *deployment) ignored() []string {
	var out, entries []string
	for line := range strings.Lines(d.files[".dockerignore"]) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			entries = append(entries, line)
		}
	}
	for _, e := range entries {
		if strings.ContainsAny(e, "*?!/") {
			out = append(out, ".dockerignore: "+strconv.Quote(e)+" is not a plain name at the root")
		}
		if slices.Contains(d.sources, e) {
			out = append(out, ".dockerignore: the commands are built from "+e)
		}
	}
	for _, e := range []string{".git", "weft.yaml", "weft-data"} {
		if !slices.Contains(entries, e) {
			out = append(out, ".dockerignore: "+e+" would be in the image's build")
		}
	}
	return out
}

// sources returns the names at the root that hold what the commands are made of.
func sources(ctx context.Context) ([]string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", "./cmd/...")
	list.Dir = root
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	out := []string{"go.mod", "go.sum"}
	for dec := json.NewDecoder(strings.NewReader(string(text))); ; {
		var p struct {
			Dir    string
			Module *struct{ Main bool }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		rel, err := filepath.Rel(top, p.Dir)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		out = append(out, name)
	}
}
