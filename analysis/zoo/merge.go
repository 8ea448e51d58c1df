package zoo

import (
	"errors"
	"fmt"
	"slices"
)

// Merge puts the declarations of several files together, the shipped ones first.
// A user's takes the place of a shipped one of the same name. builtin are the
// models that are made of code, whose names are taken.
func Merge(builtin []string, files ...[]Declaration) ([]Declaration, error) {
	var all []Declaration
	var errs Errors
	for _, file := range files {
		for _, d := range file {
			at := slices.IndexFunc(all, func(o Declaration) bool { return o.Name == d.Name })
			switch {
			case slices.Contains(builtin, d.Name):
				errs = append(errs, d.errorf("name", "the name %q is taken by a model that is built in; allowed: any other than %v", d.Name, builtin))
			case at >= 0 && !all[at].shipped:
				errs = append(errs, d.errorf("name", "there is a model %q already, in %s", d.Name, all[at].File))
			case at >= 0:
				all[at] = d
			default:
				all = append(all, d)
			}
		}
	}
	all, wrong := versions(builtin, all)
	errs = append(errs, wrong...)
	known := slices.Clone(builtin)
	for _, d := range all {
		if d.Stage != Shadow {
			known = append(known, d.Name)
		}
	}
	slices.Sort(known)
	for _, d := range all {
		for i, other := range d.Replaces {
			if !slices.Contains(known, other) {
				errs = append(errs, d.errorf(fmt.Sprintf("replaces[%d]", i), "there is no model %q to replace%s", other, suggest(other, known)))
			}
		}
	}
	return all, errs.orNil()
}

func (d Declaration) errorf(what, format string, args ...any) *Error {
	p := d.at[what]
	return &Error{File: d.File, Line: max(1, p.line), Col: max(1, p.col), Msg: fmt.Sprintf(format, args...)}
}

// Load reads the shipped models and those of the files; everything that is
// wrong with any of them is reported at once.
func Load(files, builtin []string, vocabulary func(attribute string) []string) ([]Declaration, error) {
	shipped, err := Shipped(vocabulary)
	if err != nil {
		return nil, err
	}
	all := [][]Declaration{shipped}
	var errs []error
	for _, path := range files {
		d, err := ReadFile(path, vocabulary)
		errs = append(errs, err)
		all = append(all, d)
	}
	merged, err := Merge(builtin, all...)
	return merged, errors.Join(append(errs, err)...)
}
