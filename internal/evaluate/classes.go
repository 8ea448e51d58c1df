package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"weft/analysis/learned"
	"weft/analysis/zoo"
)

// attribute is the output that a folder's classes are compared with: the
// model's first attribute.
func attribute(n *learned.Net) (zoo.Output, error) {
	o, ok := n.Declaration().Output(zoo.Attribute)
	if !ok {
		return zoo.Output{}, fmt.Errorf("eval: model %s finds no attribute", n.Declaration().Name)
	}
	return o, nil
}

// truth maps the names of folders to the values that the model can tell, in
// whatever case they are written. A folder that it doesn't know is an error:
// leaving its photos out would flatter the model.
func truth(photos []Photo, o zoo.Output) (map[string]string, error) {
	out := map[string]string{}
	var unknown []string
	for _, p := range photos {
		if _, done := out[p.Class]; done || slices.Contains(unknown, p.Class) {
			continue
		}
		value := ""
		for _, c := range o.Classes {
			if c.Value != "" && (strings.EqualFold(c.Value, p.Class) || strings.EqualFold(c.Name, p.Class)) {
				value = c.Value
			}
		}
		if value == "" {
			unknown = append(unknown, p.Class)
			continue
		}
		out[p.Class] = value
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("eval: the model knows no class for the folders %s; allowed: %s", strings.Join(unknown, ", "), strings.Join(o.Values(), ", "))
	}
	return out, nil
}
