// Package taxonomy holds the closed vocabularies that more than one model
// shares. They are data: versioned files, built into the program, so that what
// a worker calls "navy" is the same word in captions, images, labels and search.
package taxonomy

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed colors.v1.yaml
var colorsV1 []byte

// Color is one named colour.
type Color struct {
	Name    string   `yaml:"name"` // English, and the attribute's value
	Family  string   `yaml:"family"`
	FR      string   `yaml:"fr"`
	ZH      string   `yaml:"zh"`
	Anchors []Anchor `yaml:"anchors"`
}

// Anchor is one sRGB point that a name stands for.
type Anchor struct{ R, G, B uint8 }

// UnmarshalText reads "#rrggbb".
func (a *Anchor) UnmarshalText(text []byte) error {
	hexDigits, ok := strings.CutPrefix(string(text), "#")
	v, err := strconv.ParseUint(hexDigits, 16, 32)
	if !ok || len(hexDigits) != 6 || err != nil {
		return fmt.Errorf("anchor %q is not #rrggbb", text)
	}
	a.R, a.G, a.B = uint8(v>>16), uint8(v>>8), uint8(v)
	return nil
}

// Colors is the taxonomy of colours.
type Colors struct {
	Version int     `yaml:"version"`
	Colors  []Color `yaml:"colors"`
	hash    string
}

// LoadColors returns the newest taxonomy of colours.
func LoadColors() (*Colors, error) { return ParseColors(colorsV1) }

// ParseColors reads a taxonomy file. Every name needs a family and an anchor,
// and no name may come twice.
func ParseColors(file []byte) (*Colors, error) {
	var c Colors
	if err := yaml.UnmarshalWithOptions(file, &c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read colour taxonomy: %w", err)
	}
	seen := map[string]bool{}
	for _, color := range c.Colors {
		if color.Name == "" || color.Family == "" || len(color.Anchors) == 0 {
			return nil, fmt.Errorf("read colour taxonomy: %q needs a name, a family and an anchor", color.Name)
		}
		if seen[color.Name] {
			return nil, fmt.Errorf("read colour taxonomy: %q is there twice", color.Name)
		}
		seen[color.Name] = true
	}
	if len(seen) < 2 {
		return nil, fmt.Errorf("read colour taxonomy: it needs two colours or more, not %d", len(seen))
	}
	c.hash = Hash(file)
	return &c, nil
}

// Hash identifies the file's content.
func (c *Colors) Hash() string { return c.hash }

// Names returns every colour name, in the file's order.
func (c *Colors) Names() []string {
	names := make([]string, len(c.Colors))
	for i, color := range c.Colors {
		names[i] = color.Name
	}
	return names
}

// Families returns every family, in the file's order.
func (c *Colors) Families() []string {
	var families []string
	for _, color := range c.Colors {
		if !slices.Contains(families, color.Family) {
			families = append(families, color.Family)
		}
	}
	return families
}

// Family returns the family of a colour name, or "" for an unknown one.
func (c *Colors) Family(name string) string {
	for _, color := range c.Colors {
		if color.Name == name {
			return color.Family
		}
	}
	return ""
}

// Hash returns eight hex digits of the SHA-256 over parts, which is enough to
// tell versions of a file apart.
func Hash(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}
