package text

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/unicode/norm"

	"weft/analysis/taxonomy"
)

//go:embed lexicons/v1/*.yaml
var lexicons embed.FS

// termFile is a lexicon of one kind of attribute.
type termFile struct {
	Kind    string `yaml:"kind"`
	Plurals bool   `yaml:"plurals"` // add a form with s to every English and French form
	Terms   []term `yaml:"terms"`
}

// term is a value with the forms people write it in. A form under only_xx
// means something else in other languages. An emoji is often mere decoration.
type term struct {
	Value     string            `yaml:"value"`
	Category  string            `yaml:"category"`
	Any       []string          `yaml:"any"`
	EN        []string          `yaml:"en"`
	FR        []string          `yaml:"fr"`
	ES        []string          `yaml:"es"`
	ZH        []string          `yaml:"zh"`
	OnlyEN    []string          `yaml:"only_en"`
	OnlyFR    []string          `yaml:"only_fr"`
	OnlyES    []string          `yaml:"only_es"`
	ZHBefore  []string          `yaml:"zh_before"` // counts right before a garment only
	Emoji     []string          `yaml:"emoji"`
	Ambiguous bool              `yaml:"ambiguous"` // also a common word
	Also      map[string]string `yaml:"also"`      // what the value implies
}

// wordFile holds what steers the reading.
type wordFile struct {
	Ignore  []string `yaml:"ignore"`
	Negate  []string `yaml:"negate"`
	After   []string `yaml:"denyafter"` // turn down the brand before them
	Chain   []string `yaml:"chain"`
	Fillers []string `yaml:"fillers"`
}

// lexicon is all files, read.
type lexicon struct {
	files []termFile
	words wordFile
	hash  string
}

// loadLexicon reads every file of fsys: words.yaml, and one for each kind.
func loadLexicon(fsys fs.FS) (*lexicon, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("read lexicons: %w", err)
	}
	l := &lexicon{}
	var contents [][]byte
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read lexicons: %w", err)
		}
		contents = append(contents, []byte(name), data)
		if name == "words.yaml" {
			if err := yaml.UnmarshalWithOptions(data, &l.words, yaml.Strict()); err != nil {
				return nil, fmt.Errorf("read lexicon %s: %w", name, err)
			}
			continue
		}
		var f termFile
		if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("read lexicon %s: %w", name, err)
		}
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("read lexicon %s: %w", name, err)
		}
		l.files = append(l.files, f)
	}
	l.hash = taxonomy.Hash(contents...)
	return l, nil
}

func (f *termFile) check() error {
	if f.Kind == "" {
		return errors.New("kind is missing")
	}
	seen := map[string]bool{}
	for _, t := range f.Terms {
		switch {
		case t.Value == "":
			return errors.New("a term has no value")
		case seen[t.Value]:
			return fmt.Errorf("%q is there twice", t.Value)
		case len(t.forms()) == 0:
			return fmt.Errorf("%q has no forms", t.Value)
		}
		seen[t.Value] = true
	}
	return nil
}

// form is one way to write a term.
type form struct {
	text   string
	lang   string // "" for any: then a caption's language doesn't matter
	latin  bool   // of a language that takes s in the plural
	es     bool   // of Spanish, which takes es behind a consonant
	before bool   // zh_before
	emoji  bool
}

func (t *term) forms() []form {
	var out []form
	add := func(list []string, f form) {
		for _, text := range list {
			f.text = text
			out = append(out, f)
		}
	}
	add(t.Any, form{latin: true})
	add(t.EN, form{latin: true})
	add(t.FR, form{latin: true})
	add(t.OnlyEN, form{lang: "en", latin: true})
	add(t.OnlyFR, form{lang: "fr", latin: true})
	add(t.ES, form{latin: true, es: true})
	add(t.OnlyES, form{lang: "es", latin: true, es: true})
	add(t.ZH, form{})
	add(t.Emoji, form{emoji: true})
	add(t.ZHBefore, form{before: true})
	return out
}

// variants returns the spellings of a form: folded, with a plural if there is
// one, with hyphens for spaces and the other way round.
func (f form) variants(fold folder, plurals bool) []string {
	base := fold.fold(norm.NFKC.String(f.text))
	out := []string{base}
	if last := base[len(base)-1]; plurals && f.latin && last != 's' && last != 'x' {
		switch {
		case strings.HasSuffix(base, "ch"), strings.HasSuffix(base, "sh"), f.es && !strings.ContainsRune("aeiou", rune(last)):
			out = append(out, base+"es")
		default:
			out = append(out, base+"s")
		}
	}
	for _, v := range slices.Clone(out) {
		if strings.Contains(v, " ") {
			out = append(out, strings.ReplaceAll(v, " ", "-"))
		}
		if strings.Contains(v, "-") {
			out = append(out, strings.ReplaceAll(v, "-", " "))
		}
	}
	return out
}
