package profile

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"weft/models"
)

// Catalog knows what this installation can do: the models of each step, the
// attributes they and people give, and the parameters they take.
//
// A Catalog that also has a method
//
//	AttributesOf(refs []models.ModelRef) []string
//
// (the attributes that these models find) narrows the default of
// label.attributes to what the profile's own models find. With a method
//
//	Options(attribute string) []string
//
// (the values that may be chosen; none: any) the groups of a tree are held
// against them.
type Catalog interface {
	// Models returns the names of the models that may run at step.
	Models(step models.Step) []string
	// Attributes returns the names of all attributes.
	Attributes() []string
	// CheckModel returns the reference to a model with canonical parameters.
	// The error is a *models.ParamError where one parameter is to blame.
	CheckModel(name string, params map[string]any) (models.ModelRef, error)
}

// What a profile gets where it says nothing; doc.go lists them for readers.
const (
	defaultImages     = 10
	defaultOriginals  = 30 * 24 * time.Hour
	defaultRenditions = 2 * 365 * 24 * time.Hour
	defaultAnswers    = 1
	defaultAfter      = 72 * time.Hour
	defaultThen       = ThenEscalate
	defaultRetention  = 90 * 24 * time.Hour
	defaultRaw        = true
)

var (
	profileName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	sourceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)
	countryCode = regexp.MustCompile(`^[A-Za-z]{2}$`)
)

// Parse reads a profile and checks it against what cat knows. A bad profile is
// refused whole: the error is Errors, with everything that is wrong. file is
// only used to name the place.
func Parse(file string, body []byte, cat Catalog) (*Profile, error) {
	r := &reader{doc: &document{file: file}, cat: cat, attributes: sortedCopy(cat.Attributes())}
	p := &Profile{Version: Version(body), Body: slices.Clone(body)}
	if root := r.doc.open(body); root != nil {
		r.profile(p, root)
	}
	if len(r.doc.errs) > 0 {
		return nil, r.doc.errs.sorted()
	}
	return p, nil
}

// reader turns a document into a profile.
type reader struct {
	doc        *document
	cat        Catalog
	attributes []string
}

func (r *reader) profile(p *Profile, root *ast.MappingNode) {
	top := r.doc.section("", root, root,
		"name", "match", "fetch", "analyze-light", "analyze-heavy", "label", "index", "archive")
	p.Name = r.name(top)
	p.Match = r.match(top)
	p.Fetch = r.fetch(top)
	p.Light = r.models(top.sub("analyze-light", "models"), models.AnalyzeLight)
	if top.has("analyze-heavy") {
		p.Heavy = r.heavy(top)
	}
	if top.has("label") {
		p.Label = r.label(top, p)
	}
	index := top.sub("index", "when", "retention")
	p.Index = Index{When: r.when(index), Retention: index.duration("retention", defaultRetention)}
	p.Archive = Archive{Raw: top.sub("archive", "raw").boolean("raw", defaultRaw)}
}

func (r *reader) name(top *section) string {
	top.require("name", "; give 1 to 32 of a-z, 0-9 and -")
	name, n := top.text("name")
	if n != nil && !profileName.MatchString(name) {
		r.doc.errorf(n, "name %s does not fit; give 1 to 32 of a-z, 0-9 and -", quoted(name))
	}
	return name
}

func (r *reader) match(top *section) Match {
	s := top.sub("match", "sources", "hashtags", "languages", "countries")
	return Match{
		Sources: s.words("sources", func(w string) (string, string) {
			return w, complain(sourceName.MatchString(w), "is no name of a source; give a-z, 0-9, - and _")
		}),
		Hashtags: s.words("hashtags", func(w string) (string, string) {
			tag := strings.ToLower(strings.TrimPrefix(w, "#"))
			return tag, complain(tag != "" && !strings.ContainsAny(tag, " \t\n#"), "is no hashtag; give one word")
		}),
		Languages: s.words("languages", func(w string) (string, string) {
			return strings.ToLower(w), complain(languageTag.MatchString(w), "is no language; give a BCP 47 tag such as en or zh-Hant")
		}),
		Countries: s.words("countries", func(w string) (string, string) {
			return strings.ToUpper(w), complain(countryCode.MatchString(w), "is no country; give two letters of ISO 3166-1 such as FR")
		}),
	}
}

func complain(ok bool, problem string) string {
	if ok {
		return ""
	}
	return problem
}

func (r *reader) fetch(top *section) Fetch {
	images := top.sub("fetch", "images").sub("images", "max", "originals", "renditions")
	return Fetch{
		MaxImages:  images.integer("max", 1, 100, defaultImages),
		Originals:  images.duration("originals", defaultOriginals),
		Renditions: images.duration("renditions", defaultRenditions),
	}
}

func (r *reader) heavy(top *section) *Heavy {
	s := top.sub("analyze-heavy", "when", "models", "budget")
	s.require("models", "; without models leave the whole section out")
	h := &Heavy{When: r.when(s), Models: r.models(s, models.AnalyzeHeavy)}
	budget := s.sub("budget", "per_1000_posts")
	if s.has("budget") {
		budget.require("per_1000_posts", "; give CPU time such as 120s")
	}
	h.Per1000 = budget.duration("per_1000_posts", 0)
	return h
}

func (r *reader) label(top *section, p *Profile) *Label {
	s := top.sub("label", "when", "sample", "answers", "attributes", "guidelines", "timeout")
	if !s.has("when") && !s.has("sample") {
		r.doc.errorf(s.at, "label has neither when nor sample, so nobody would ever be asked; leave the section out instead")
	}
	l := &Label{
		When:    r.when(s),
		Sample:  s.fraction("sample"),
		Answers: s.integer("answers", 1, 9, defaultAnswers),
		Attributes: s.words("attributes", func(w string) (string, string) {
			return w, complain(slices.Contains(r.attributes, w), "is no attribute"+allowedWords(w, r.attributes))
		}),
	}
	if !s.has("attributes") {
		l.Attributes = r.given(p)
	}
	l.Guidelines = r.guidelines(s, l.Attributes)
	timeout := s.sub("timeout", "after", "then")
	l.After = timeout.duration("after", defaultAfter)
	l.Then = r.then(timeout)
	return l
}

func (r *reader) then(s *section) Then {
	allowed := []string{string(ThenEscalate), string(ThenDrop), string(ThenIndex)}
	word, n := s.text("then")
	if n == nil {
		return defaultThen
	}
	if !slices.Contains(allowed, word) {
		r.doc.errorf(n, "%s cannot be %s%s", s.path("then"), quoted(word), allowedWords(word, allowed))
	}
	return Then(word)
}

// given returns the attributes that the profile's models find, or all where
// the catalog can't tell.
func (r *reader) given(p *Profile) []string {
	c, ok := r.cat.(interface {
		AttributesOf(refs []models.ModelRef) []string
	})
	if !ok {
		return r.attributes
	}
	refs := slices.Clone(p.Light)
	if p.Heavy != nil {
		refs = append(refs, p.Heavy.Models...)
	}
	if out := sortedCopy(c.AttributesOf(refs)); len(out) > 0 {
		return out
	}
	return r.attributes
}

// when reads the condition of a section; nil where there is none.
func (r *reader) when(s *section) *Where {
	n := s.value("when")
	if b, ok := n.(*ast.BoolNode); ok { // when: true, without quotes
		n = &ast.StringNode{BaseNode: b.BaseNode, Token: b.Token, Value: b.Token.Value}
	}
	if n == nil {
		return nil
	}
	source, ok := text(n)
	if !ok {
		s.wrong(n, "when", "an expression in quotes")
		return nil
	}
	w, problems := compile(source, r.attributes)
	for _, p := range problems {
		line, col := r.doc.within(n, source, p.offset)
		r.doc.errorAt(line, col, "%s: %s", s.path("when"), p.msg)
	}
	return w
}

func sortedCopy(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return slices.Compact(out)
}
