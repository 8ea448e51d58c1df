package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	neturl "net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"weft/models"
)

// queues wants each queue served by somebody.
func (d *deployment) queues() []string {
	served := map[string]bool{}
	for _, name := range d.ours() {
		command := d.compose.Services[name].Command
		for i, arg := range command {
			if arg == "--queue" && i+1 < len(command) {
				queue, _, _ := strings.Cut(command[i+1], "=")
				served[queue] = true
			}
		}
	}
	var out []string
	for _, step := range models.Steps() {
		if !served[string(step)] {
			out = append(out, fmt.Sprintf("no service has the queue %s", step))
		}
	}
	return out
}

// variables wants no variable that nobody reads. Those of Weft are checked when
// the configuration is loaded.
func (d *deployment) variables() []string {
	var out []string
	for _, name := range d.ours() {
		for _, e := range environ(d.compose.Services[name]) {
			variable, _, _ := strings.Cut(e, "=")
			if !strings.HasPrefix(variable, "WEFT_") && variable != "STORAGE_EMULATOR_HOST" && variable != "GOMEMLIMIT" {
				out = append(out, fmt.Sprintf("%s: nobody reads %s", name, variable))
			}
		}
	}
	return out
}

// listens returns the addresses a service listens on: what Weft's is configured
// to, and what a store exposes.
func (d *deployment) listens(name string) []string {
	var out []string
	s := d.compose.Services[name]
	for _, port := range s.Expose {
		out = append(out, "0.0.0.0:"+port)
	}
	c, ours := d.configs[name]
	if !ours {
		return out
	}
	switch filepath.Base(s.Command[0]) {
	case "worker":
		out = append(out, c.Metrics.Listen)
	case "enqueuer":
		out = append(out, c.Metrics.Listen, c.Push.Listen)
	case "api":
		out = append(out, c.Metrics.Listen, c.API.Listen)
	case "asynqmon":
		out = append(out, c.Monitor.Listen)
	}
	return slices.DeleteFunc(out, func(a string) bool { return a == "" })
}

// reachable reports whether a service listens on port for other containers.
func (d *deployment) reachable(name, port string) bool {
	return slices.ContainsFunc(d.listens(name), func(address string) bool {
		host, p, _ := net.SplitHostPort(address)
		return p == port && (host == "" || net.ParseIP(host).IsUnspecified())
	})
}

// endpoints wants every address in the variables to be one that a service
// listens on, in a network that both are in, and to be waited for.
func (d *deployment) endpoints() []string {
	var out []string
	for _, name := range d.compose.ServiceNames() {
		s := d.compose.Services[name]
		for _, e := range environ(s) {
			variable, value, _ := strings.Cut(e, "=")
			if !strings.Contains(value, "://") && !strings.HasSuffix(variable, "_HOST") {
				continue
			}
			for _, address := range addresses(value) {
				if why := d.reaches(s, address); why != "" {
					out = append(out, fmt.Sprintf("%s: %s: %s %s", name, variable, address, why))
				}
			}
		}
	}
	return out
}

// reaches returns why s can't reach an address, empty if it can.
func (d *deployment) reaches(s types.ServiceConfig, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "names no port"
	}
	other, ok := d.compose.Services[host]
	if !ok {
		return "is no service"
	}
	if !d.reachable(host, port) {
		return fmt.Sprintf("is not listened on: %s has %s", host, d.listens(host))
	}
	shared := false
	for network := range s.Networks {
		_, there := other.Networks[network]
		shared = shared || there
	}
	if !shared {
		return "is in no network of its own"
	}
	if on, waits := s.DependsOn[host]; s.Build != nil && (!waits || on.Condition != types.ServiceConditionHealthy) {
		return "is not waited for with service_healthy"
	}
	return ""
}

// addresses returns the host:port of a URL, of URLs in its parameters, and of a
// plain host:port. A bucket's and a table's URL has none of its own.
func addresses(value string) []string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		return []string{value}
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	var out []string
	if !slices.Contains([]string{"gs", "s3", "bigquery", "file"}, scheme) {
		authority := rest[strings.LastIndex(rest[:end], "@")+1 : end]
		out = strings.Split(authority, ",")
	}
	_, query, _ := strings.Cut(rest, "?")
	params, err := neturl.ParseQuery(query)
	if err != nil {
		return append(out, query) // which is no address, and told so
	}
	for _, name := range []string{"endpoint", "grpc"} {
		if v := params.Get(name); v != "" {
			out = append(out, addresses(v)...)
		}
	}
	return out
}

// emulated wants the buckets and the table that Weft uses to be there.
func (d *deployment) emulated() []string {
	var out []string
	for _, name := range d.ours() {
		c := d.configs[name]
		storage := d.compose.Services[strings.Split(value(d.compose.Services[name], "STORAGE_EMULATOR_HOST"), ":")[0]]
		for _, url := range []string{c.Blobs.URL, c.History.URL} {
			u, err := neturl.Parse(url)
			if err != nil || u.Scheme != "gs" || !strings.Contains(strings.Join(storage.Command, " "), "/"+u.Host+" ") {
				out = append(out, fmt.Sprintf("%s: %s is no bucket of the emulator", name, url))
			}
		}
		u, err := neturl.Parse(c.History.Warehouse)
		if err != nil {
			out = append(out, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		endpoint, err := neturl.Parse(u.Query().Get("endpoint"))
		if err != nil {
			out = append(out, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		command := d.compose.Services[endpoint.Hostname()].Command
		for _, flag := range []string{"--project=" + u.Host, "--dataset=" + strings.Trim(u.Path, "/")} {
			if !slices.Contains(command, flag) {
				out = append(out, fmt.Sprintf("%s: %s: the emulator is not started with %s", name, c.History.Warehouse, flag))
			}
		}
	}
	return out
}

func value(s types.ServiceConfig, variable string) string {
	if v := s.Environment[variable]; v != nil {
		return *v
	}
	return ""
}

// ports wants what is published to be listened on, and to stay on this machine.
// A worker publishes nothing, or there could be but one.
func (d *deployment) ports() []string {
	var out []string
	taken := map[string]string{}
	for _, name := range d.compose.ServiceNames() {
		s := d.compose.Services[name]
		if s.ContainerName != "" || (strings.HasPrefix(name, "worker-") && len(s.Ports) > 0) {
			out = append(out, name+": can't be scaled: it has a name or a port of its own")
		}
		for _, p := range s.Ports {
			if !net.ParseIP(p.HostIP).IsLoopback() {
				out = append(out, fmt.Sprintf("%s: port %s is published to other machines", name, p.Published))
			}
			if !d.reachable(name, strconv.Itoa(int(p.Target))) {
				out = append(out, fmt.Sprintf("%s: port %d is published, and nobody listens on it: %s", name, p.Target, d.listens(name)))
			}
			if other, twice := taken[p.Published]; twice {
				out = append(out, fmt.Sprintf("%s: port %s is taken by %s", name, p.Published, other))
			}
			taken[p.Published] = name
		}
	}
	return out
}

// contained wants each container to have little, and to be allowed less.
func (d *deployment) contained() []string {
	var out []string
	for _, name := range d.compose.ServiceNames() {
		s := d.compose.Services[name]
		uid, err := strconv.Atoi(strings.Split(s.User, ":")[0])
		limited := s.Deploy != nil && s.Deploy.Resources.Limits != nil
		limited = limited && s.Deploy.Resources.Limits.MemoryBytes > 0 && s.Deploy.Resources.Limits.NanoCPUs > 0 && s.Deploy.Resources.Limits.Pids > 0
		for what, ok := range map[string]bool{
			"user is not a number above 0":          err == nil && uid > 0,
			"read_only is not set":                  s.ReadOnly,
			"cap_drop is not ALL":                   slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0 && !s.Privileged,
			"no-new-privileges is not set":          slices.Contains(s.SecurityOpt, "no-new-privileges:true"),
			"CPUs, memory and pids are not limited": limited,
			"it isn't restarted":                    s.Restart == types.RestartPolicyUnlessStopped,
			"its log grows without end":             s.Logging != nil && s.Logging.Options["max-size"] != "",
			"it has the machine's network or PIDs":  s.NetworkMode == "" && s.Pid == "" && s.Ipc == "",
			"it has no network of the file":         len(s.Networks) > 0,
		} {
			if !ok {
				out = append(out, name+": "+what)
			}
		}
	}
	return out
}

// asked matches the address that a health check asks.
var asked = regexp.MustCompile(`127\.0\.0\.1[:/](\d+)`)

// health wants each service to have a check, of a port that it listens on;
// Weft's by its own command, since there is no curl.
func (d *deployment) health() []string {
	var out []string
	for _, name := range d.compose.ServiceNames() {
		s := d.compose.Services[name]
		h := s.HealthCheck
		if h == nil || h.Disable || len(h.Test) < 2 || h.Test[0] != "CMD" || h.Interval == nil || h.Timeout == nil {
			out = append(out, name+": healthcheck wants test (CMD), interval and timeout")
			continue
		}
		if s.Build != nil && (h.Test[1] != s.Command[0] || len(h.Test) != 4 || h.Test[2] != "health") {
			out = append(out, fmt.Sprintf("%s: healthcheck %q is not %s health URL", name, h.Test, s.Command[0]))
		}
		m := asked.FindStringSubmatch(strings.Join(h.Test, " "))
		if m == nil && s.Build == nil {
			continue // it speaks the store's own language
		}
		if len(m) == 0 || !d.reachable(name, m[1]) {
			out = append(out, fmt.Sprintf("%s: healthcheck %q asks a port that nobody listens on: %s", name, h.Test, d.listens(name)))
		}
	}
	return out
}

// pinned matches an image with a version of at least two numbers.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)

// images wants everybody else's image to be of one version.
func (d *deployment) images() []string {
	var out []string
	for _, name := range d.compose.ServiceNames() {
		if s := d.compose.Services[name]; s.Build == nil && !pinned.MatchString(s.Image) {
			out = append(out, fmt.Sprintf("%s: image %s is not pinned", name, s.Image))
		}
	}
	return out
}

// grace wants Weft's containers to be killed only after they had their time.
func (d *deployment) grace() []string {
	var out []string
	for _, name := range d.ours() {
		if g := d.compose.Services[name].StopGracePeriod; g == nil || time.Duration(*g) <= d.configs[name].Drain+killed {
			out = append(out, fmt.Sprintf("%s: stop_grace_period is not more than %s over the drain of %s", name, killed, d.configs[name].Drain))
		}
	}
	return out
}

// mounts wants what is mounted from here to be here, and each volume to be used.
func (d *deployment) mounts() []string {
	var out []string
	used := map[string]bool{}
	for _, name := range d.compose.ServiceNames() {
		for _, v := range d.compose.Services[name].Volumes {
			used[v.Source] = true
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				out = append(out, fmt.Sprintf("%s: %s is not there, or not read-only", name, v.Source))
			}
		}
	}
	for volume := range d.compose.Volumes {
		if !used[volume] {
			out = append(out, "nobody uses the volume "+volume)
		}
	}
	return out
}

// secrets wants every secret to come from outside when it is set there.
func (d *deployment) secrets() []string {
	canaries := map[string]string{
		"REDIS_PASSWORD": "canary1", "PUSH_TOKENS": "canary3",
	}
	project, err := compose(context.Background(), d.files["docker-compose.yml"], canaries)
	if err != nil {
		return []string{err.Error()}
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for variable, canary := range canaries {
		if !strings.Contains(string(text), canary) {
			out = append(out, "nobody reads "+variable)
		}
	}
	if i := bytes.Index(text, []byte("development")); i >= 0 {
		out = append(out, "a secret for development is left: "+string(text[max(0, i-60):i]))
	}
	return out
}
