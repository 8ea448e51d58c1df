package taxonomy_test

import (
	"strings"
	"testing"

	"weft/analysis/taxonomy"
)

func TestLoadColors(t *testing.T) {
	c, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Names()); n < 20 {
		t.Errorf("%d colours, want 20 or more", n)
	}
	for _, color := range c.Colors {
		if color.FR == "" || color.ZH == "" {
			t.Errorf("%s lacks a French or Chinese label", color.Name)
		}
	}
	if got := c.Family("navy"); got != "blue" {
		t.Errorf("family of navy is %q, want blue", got)
	}
	if got := c.Family("ultraviolet"); got != "" {
		t.Errorf("family of an unknown colour is %q, want none", got)
	}
	if len(c.Hash()) != 8 {
		t.Errorf("hash %q, want 8 digits", c.Hash())
	}
}

func TestParseColorsRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"bad anchor":   {`colors: [{name: a, family: a, anchors: ["#12345"]}]`, "#rrggbb"},
		"no anchor":    {`colors: [{name: a, family: a}]`, "needs a name, a family and an anchor"},
		"twice":        {`colors: [{name: a, family: a, anchors: ["#123456"]}, {name: a, family: a, anchors: ["#123456"]}]`, "twice"},
		"unknown key":  {`colours: []`, "colours"},
		"one colour":   {`colors: [{name: a, family: a, anchors: ["#123456"]}]`, "two colours"},
		"not YAML":     {"\t{", "read colour taxonomy"},
		"empty family": {`colors: [{name: a, anchors: ["#123456"]}]`, "family"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := taxonomy.ParseColors([]byte(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
