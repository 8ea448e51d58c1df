package zoo

import (
	"slices"
)

// versions sorts out which declaration stands for each name: one that is active
// and says `of: NAME` takes the place of the one that is called NAME. Shadows stay
// beside it.
func versions(builtin []string, all []Declaration) ([]Declaration, Errors) {
	var errs Errors
	named := map[string]int{}
	var names []string
	for i, d := range all {
		if d.Of == "" {
			named[d.Name] = i
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	taken := map[string]Declaration{}
	for i := range all {
		d := &all[i]
		if d.Of == "" {
			continue
		}
		at, ok := named[d.Of]
		if err := d.fitsBeside(builtin, names, all, at, ok); err != nil {
			errs = append(errs, err)
			continue
		}
		if d.Replaces == nil {
			d.Replaces = slices.Clone(all[at].Replaces)
		}
		if d.Stage != Active {
			continue
		}
		if other, twice := taken[d.Of]; twice {
			errs = append(errs, d.errorf("of", "%s is active in the place of %s already; one can be: make the other stage: shadow", other.Declared, d.Of))
			continue
		}
		taken[d.Of] = *d
	}
	if len(errs) > 0 {
		return all, errs
	}
	var out []Declaration
	for _, d := range all {
		if d.Of != "" && d.Stage == Active {
			continue
		}
		if other, ok := taken[d.Name]; ok {
			other.Name = d.Name
			d = other
		}
		out = append(out, d)
	}
	for _, d := range out {
		if at := slices.IndexFunc(out, func(o Declaration) bool { return o.Name == d.Of }); d.Stage == Shadow && out[at].Version == d.Version {
			errs = append(errs, d.errorf("of", "%s is the very version that is active as %s: there is nothing to compare", d.Name, d.Of))
		}
	}
	return out, errs
}

// fitsBeside holds a declaration against the one that its `of` names.
func (d Declaration) fitsBeside(builtin, names []string, all []Declaration, at int, ok bool) *Error {
	switch {
	case slices.Contains(builtin, d.Of):
		return d.errorf("of", "%s is built in; only a declared model can have another version beside it: %v", d.Of, names)
	case !ok:
		return d.errorf("of", "there is no model %q to be another version of%s", d.Of, suggest(d.Of, names))
	}
	base := all[at]
	switch {
	case base.Task != d.Task:
		return d.errorf("of", "%s is to %s, %s to %s: another version has the same task", d.Of, base.Task, d.Name, d.Task)
	case base.Tier != d.Tier:
		return d.errorf("of", "%s is of the tier %s, %s of %s: another version has the same tier", d.Of, base.Tier, d.Name, d.Tier)
	case d.Task == Segment:
		return d.errorf("of", "%s makes masks, which no profile asks for: there is nothing to run beside", d.Of)
	}
	return nil
}
