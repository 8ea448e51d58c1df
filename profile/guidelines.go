package profile

import (
	"net/url"
	"slices"

	"weft/models"
)

// guidelines reads what people are told, by attribute. Only what is asked for
// may have any: else a misspelt name would be told to nobody.
func (r *reader) guidelines(label *section, asked []string) map[string]Guideline {
	if !label.has("guidelines") {
		return nil
	}
	all := label.sub("guidelines", asked...)
	out := map[string]Guideline{}
	for _, name := range asked {
		if !all.has(name) {
			continue
		}
		s := all.sub(name, "text", "kind", "single", "groups", "partial", "examples")
		body, _ := s.text("text")
		g := Guideline{Text: body, Single: s.boolean("single", false), Examples: s.words("examples", func(w string) (string, string) {
			u, err := url.Parse(w)
			return w, complain(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", "is no address of an image; give https://…")
		})}
		g.Kind = r.kind(s, &g)
		r.tree(s, name, &g)
		out[name] = g
	}
	return out
}

// kind reads what an answer is. single may stand beside it where it says more.
func (r *reader) kind(s *section, g *Guideline) models.Kind {
	word, n := s.text("kind")
	if n == nil {
		return ""
	}
	var allowed []string
	for _, k := range models.Kinds() {
		allowed = append(allowed, string(k))
	}
	k := models.Kind(word)
	if !slices.Contains(models.Kinds(), k) {
		r.doc.errorf(n, "%s cannot be %s%s", s.path("kind"), quoted(word), allowedWords(word, allowed))
		return ""
	}
	one := k == models.KindSingle || k == models.KindText
	if s.has("single") && (k == models.KindMultiple && g.Single || one && !g.Single) {
		r.doc.errorf(s.where["single"], "%s says another thing than kind: %s; leave it out", s.path("single"), k)
	}
	g.Single = g.Single || one
	return k
}

// tree reads the groups of an attribute's values. Each value, and each group,
// may be in one group only, and no group in itself.
func (r *reader) tree(s *section, attribute string, g *Guideline) {
	if g.Kind != models.KindTree {
		for _, key := range []string{"groups", "partial"} {
			if s.has(key) {
				r.doc.errorf(s.where[key], "%s goes with kind: tree only", s.path(key))
			}
		}
		return
	}
	g.Partial = s.boolean("partial", false)
	s.require("groups", "; give the tree as {group: [value, …], …}")
	var names []string
	for _, v := range s.doc.pairs(s.path("groups"), s.value("groups")) {
		if name, ok := s.doc.key(v); ok {
			names = append(names, name)
		}
	}
	options, closed := r.options(s, attribute)
	if len(names) == 0 || !closed {
		return
	}
	groups := s.sub("groups", names...)
	t := &tree{doc: r.doc, allowed: append(options, names...), above: map[string]string{}}
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			g.Groups = append(g.Groups, models.Group{Name: name, Values: t.values(groups, name)})
		}
	}
	t.cycles(groups, names)
	g.Groups = t.ordered(g.Groups)
}

// options are an attribute's values. Where any text may be one there is nothing
// to put into groups.
func (r *reader) options(s *section, attribute string) (options []string, closed bool) {
	c, ok := r.cat.(interface {
		Options(attribute string) []string
	})
	if !ok {
		return nil, true
	}
	if options = c.Options(attribute); len(options) == 0 {
		r.doc.errorf(s.where["kind"], "%s: %s takes any text, so there are no values for a tree; allowed: multiple, single, text, box", s.path("kind"), quoted(attribute))
	}
	return options, len(options) > 0
}

// tree is what is known of a tree while its groups are read.
type tree struct {
	doc     *document
	allowed []string
	above   map[string]string // the group that something is in
}

func (t *tree) values(groups *section, name string) []string {
	if groups.found[name] == nil {
		return nil
	}
	return groups.words(name, func(w string) (string, string) {
		switch {
		case !slices.Contains(t.allowed, w):
			return w, "is neither a value nor a group" + allowedWords(w, t.allowed)
		case t.above[w] != "":
			return w, "is in " + quoted(t.above[w]) + " already"
		}
		t.above[w] = name
		return w, ""
	})
}

// cycles reports each group that is below itself.
func (t *tree) cycles(groups *section, names []string) {
	for _, name := range names {
		seen := []string{name}
		for at := t.above[name]; at != "" && !slices.Contains(seen[1:], at); at = t.above[at] {
			seen = append(seen, at)
			if at == name {
				t.doc.errorf(groups.where[name], "%s is below itself, by way of %s", groups.path(name), quoted(t.above[name]))
				break
			}
		}
	}
}

// ordered puts a group before those that are in it.
func (t *tree) ordered(groups []models.Group) []models.Group {
	depth := func(name string) int {
		n := 0
		for at := t.above[name]; at != "" && n < len(groups); at = t.above[at] {
			n++
		}
		return n
	}
	out := slices.Clone(groups)
	slices.SortStableFunc(out, func(a, b models.Group) int { return depth(a.Name) - depth(b.Name) })
	return out
}
