package learned

import (
	"weft/analysis"
	"weft/analysis/zoo"
)

// Shadows are the models that run beside active ones. Each tells its results
// under the active one's name, as the version that it is: once it is promoted they
// are what it said, and nothing is computed again.
func (s *Set) Shadows() []analysis.Shadow {
	var out []analysis.Shadow
	for _, n := range s.nets {
		d := n.decl
		if d.Stage != zoo.Shadow {
			continue
		}
		m := NewModel(n)
		m.info.Name = d.Of
		out = append(out, analysis.Shadow{Name: d.Name, Share: d.Share, Model: m})
	}
	return out
}
