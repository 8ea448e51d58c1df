package learned

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weft/analysis"
	"weft/analysis/zoo"
	"weft/models"
)

// Set is every declared model of an installation.
type Set struct{ nets []*Net }

// Load reads the declarations, shipped and in files, and registers the models
// that find attributes or make embeddings. Nothing is opened yet.
func Load(reg *analysis.Registry, files []string, runtime zoo.Runtime) (*Set, error) {
	declared, err := zoo.Load(files, reg.Names(), reg.Options)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	for _, d := range declared {
		net := NewNet(d, runtime)
		s.nets = append(s.nets, net)
		if d.Task == zoo.Segment || d.Stage == zoo.Shadow {
			continue
		}
		if err := reg.Add(NewModel(net)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Net returns the declared model of that name.
func (s *Set) Net(name string) (*Net, bool) {
	i := slices.IndexFunc(s.nets, func(n *Net) bool { return n.decl.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.nets[i], true
}

// Nets returns all of them, in the order of their declaration.
func (s *Set) Nets() []*Net { return slices.Clone(s.nets) }

// Names returns the names of all of them, in that order.
func (s *Set) Names() []string {
	names := make([]string, len(s.nets))
	for i, n := range s.nets {
		names[i] = n.decl.Name
	}
	return names
}

// Open opens every model. missing are those that can't be now, for want of a
// runtime or a server; the error is of those whose declaration is wrong.
func (s *Set) Open(ctx context.Context) (missing map[string]error, err error) {
	missing = map[string]error{}
	var errs []error
	for _, n := range s.nets {
		_, err := n.Open(ctx)
		var fault *models.Fault
		switch {
		case err == nil:
		case n.decl.Stage == zoo.Shadow, errors.As(err, &fault) && fault.Class == models.Unavailable: // a shadow stops nobody
			missing[n.decl.Name] = err
		default:
			errs = append(errs, err)
		}
	}
	return missing, errors.Join(errs...)
}

// Close closes every model.
func (s *Set) Close() error {
	var errs []error
	for _, n := range s.nets {
		if err := n.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close model %s: %w", n.decl.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Runtimes sends each model to the runtime that its declaration names. One that
// is nil isn't there.
type Runtimes struct {
	ONNX   zoo.Runtime
	Remote zoo.Runtime
}

// Open opens a model by its own runtime.
func (r Runtimes) Open(ctx context.Context, d zoo.Declaration) (zoo.Session, error) {
	of, what := r.ONNX, "graphs"
	if d.Remote != nil {
		of, what = r.Remote, "remote models"
	}
	if of == nil {
		return nil, models.Faultf(models.Unavailable, "model %s: this program computes no %s; worker, `weft up` and `weft demo` do", d.Name, what)
	}
	return of.Open(ctx, d)
}
