package app

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"weft/analysis"
	"weft/analysis/learned"
	"weft/analysis/remote"
	"weft/analysis/zoo"
	"weft/internal/config"
	"weft/models"
)

// Models are all models of an installation: what can be named, and what runs it.
type Models struct {
	Registry *analysis.Registry
	Declared *learned.Set // those of the registry that are declared, and those that make masks
}

// OpenModels reads the built-in models, the shipped ones, and the user's own. onnx
// computes graphs; nil: this program doesn't. Nothing is computed yet.
func OpenModels(cfg config.Analysis, onnx func(config.Analysis) zoo.Runtime) (*Models, error) {
	reg, err := analysis.Default()
	if err != nil {
		return nil, err
	}
	runtimes := learned.Runtimes{}
	if onnx != nil { // whoever computes graphs asks servers, too
		runtimes.ONNX, runtimes.Remote = onnx(cfg), remote.New()
	}
	declared, err := learned.Load(reg, cfg.Models, runtimes)
	if err != nil {
		return nil, err
	}
	if net, ok := declared.Net("segment"); ok && onnx != nil {
		if err := reg.UseSegmenter(net); err != nil {
			return nil, err
		}
	}
	m := &Models{Registry: reg, Declared: declared}
	if name := cfg.Embedding; name != "" {
		if info, ok := reg.Info(name); !ok || info.Embedding == 0 {
			return nil, fmt.Errorf("app: analysis.embedding: %q is no model that makes embeddings; allowed: %v, or nothing", name, m.embedders())
		}
	}
	return m, nil
}

// openModels fills the registry.
func (a *App) openModels() error {
	m, err := OpenModels(a.Config.Analysis, a.opt.ONNX)
	if err != nil {
		return err
	}
	a.Registry, a.Models = m.Registry, m
	a.onClose("models", m.Declared.Close)
	return nil
}

func (m *Models) embedders() []string {
	return slices.DeleteFunc(m.Registry.Names(), func(name string) bool {
		info, _ := m.Registry.Info(name)
		return info.Embedding == 0
	})
}

// prepareModels opens the models of a process that runs some, and refuses to
// start with one whose declaration is wrong. One whose runtime or server isn't
// there is only told of: profiles that don't name it work without, and the posts
// of those that do wait. What each costs is measured beside the work, and logged;
// the returned function waits for that.
func (a *App) prepareModels(ctx context.Context) (wait func(), err error) {
	if a.Config.Queues[models.AnalyzeLight]+a.Config.Queues[models.AnalyzeHeavy] == 0 {
		return func() {}, nil
	}
	missing, err := a.Models.Declared.Open(ctx)
	if err != nil {
		return nil, err
	}
	for name, why := range missing {
		if n, ok := a.Models.Declared.Net(name); ok && n.Declaration().Stage == zoo.Shadow {
			a.Log.Warn("a shadow model can't run here; no post is affected", "model", name, "why", why)
			continue
		}
		a.Log.Warn("a model can't run here: posts of profiles that name it wait", "model", name, "why", why)
	}
	var measuring sync.WaitGroup
	measuring.Go(func() {
		for _, n := range a.Models.Declared.Nets() {
			d := n.Declaration()
			if missing[d.Name] != nil || ctx.Err() != nil {
				continue
			}
			if _, ok := a.Registry.Info(d.Name); !ok {
				continue
			}
			if cost, err := a.Registry.Measure(ctx, d.Name); err == nil {
				a.Log.Info("model", "name", d.Name, "version", d.Version, "tier", d.Tier, "cpu_ms_per_image", cost*1000)
			}
		}
	})
	return measuring.Wait, nil
}

// ModelReport says what is known of a model. Its JSON form is an interface: see
// `weft models --json`.
type ModelReport struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Tier       models.Step `json:"tier,omitempty"`
	Task       string      `json:"task"`
	Stage      string      `json:"stage"`
	Declared   string      `json:"declared,omitempty"` // the declaration that took over the name
	Of         string      `json:"of,omitempty"`       // the active model that a shadow runs beside
	Share      float64     `json:"share,omitempty"`    // of posts, on which it does
	Runtime    string      `json:"runtime"`            // built-in, onnx or remote
	File       string      `json:"file,omitempty"`
	Attributes []string    `json:"attributes,omitempty"`
	Embedding  int         `json:"embedding,omitempty"` // dimensions
	Ready      bool        `json:"ready"`
	Problem    string      `json:"problem,omitempty"`
	CPUSeconds float64     `json:"cpu_seconds_per_image,omitempty"`
	Shipped    bool        `json:"shipped"`
	wrong      bool
}

// Wrong reports whether the model can't run because of its declaration.
func (r ModelReport) Wrong() bool { return r.wrong }

// Describe lists every model, opens it, and measures what it costs.
func (m *Models) Describe(ctx context.Context) []ModelReport {
	var out []ModelReport
	for _, name := range m.Registry.Names() {
		if _, declared := m.Declared.Net(name); declared {
			continue
		}
		info, _ := m.Registry.Info(name)
		r := ModelReport{
			Name: name, Version: info.Version, Tier: info.Tier, Task: string(info.Kind), Stage: "active", Runtime: "built-in", Attributes: info.Attributes, Shipped: true,
		}
		out = append(out, m.measured(ctx, r))
	}
	for _, n := range m.Declared.Nets() {
		d := n.Declaration()
		r := ModelReport{
			Name: d.Name, Version: d.Version, Tier: d.Tier, Task: string(d.Task), Stage: string(d.Stage), Runtime: "onnx", File: d.File, Attributes: d.Attributes(), Shipped: d.Shipped(),
		}
		if d.Remote != nil {
			r.Runtime = "remote"
		}
		switch {
		case d.Stage == zoo.Shadow:
			r.Of, r.Share = d.Of, d.Share
		case d.Declared != d.Name:
			r.Declared = d.Declared
		}
		if _, err := n.Open(ctx); err != nil {
			r.Problem, r.wrong = err.Error(), models.ClassOf(err) == models.Permanent
			out = append(out, r)
			continue
		}
		info, registered := m.Registry.Info(d.Name)
		r.Embedding, r.Ready = info.Embedding, true
		if registered {
			r = m.measured(ctx, r)
		}
		out = append(out, r)
	}
	return out
}

func (m *Models) measured(ctx context.Context, r ModelReport) ModelReport {
	cost, err := m.Registry.Measure(ctx, r.Name)
	r.Ready, r.CPUSeconds = err == nil, cost
	if err != nil {
		r.Problem = err.Error()
	}
	return r
}
