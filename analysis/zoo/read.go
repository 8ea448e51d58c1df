package zoo

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// Sources is what a file of declarations refers to.
type Sources struct {
	// Open returns the content of a graph's file, which is named relative to
	// the declaring file.
	Open func(path string) ([]byte, error)
	// Vocabulary returns the values that an attribute has elsewhere, none for a
	// new one. It may be nil.
	Vocabulary func(attribute string) []string
}

var (
	nameForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// Read returns the declarations of a file. The error is an Errors with
// everything that is wrong with it.
func Read(file string, body []byte, src Sources) ([]Declaration, error) {
	doc := &document{file: file}
	root, ok := doc.open(body)
	if !ok {
		return nil, doc.errs.orNil()
	}
	var all []Declaration
	seen := map[string]bool{}
	for _, n := range root.fields([]string{"models"}, nil)["models"].list() {
		r := &reader{Sources: src, d: Declaration{File: file, at: map[string]position{}}}
		r.read(n)
		if seen[r.d.Name] && r.d.Name != "" {
			n.errorf("%s: there is a model %q already in this file", n.path, r.d.Name)
		}
		seen[r.d.Name] = true
		all = append(all, r.d)
	}
	if len(all) == 0 && len(doc.errs) == 0 {
		root.errorf("models is empty")
	}
	return all, doc.errs.orNil()
}

// reader reads one model.
type reader struct {
	Sources

	d Declaration
}

// mark remembers where something stands, for what only the graph can tell.
func (r *reader) mark(what string, n node) { r.d.at[what] = n.position() }

func (r *reader) read(n node) {
	f := n.fields([]string{"name", "tier", "task", "runtime", "input", "outputs"}, []string{"stage", "of", "share", "replaces"})
	d := &r.d
	r.mark("", n)
	r.mark("name", f["name"])
	d.Name = f["name"].text("")
	if f["name"].there() && !nameForm.MatchString(d.Name) {
		f["name"].errorf("%s is %q; allowed: up to 32 of a-z, 0-9 and -", f["name"].path, d.Name)
	}
	d.Tier = models.Step(f["tier"].text("", string(models.AnalyzeLight), string(models.AnalyzeHeavy)))
	d.Task = Task(f["task"].text("", string(Classify), string(Segment), string(Embed), string(Text)))
	d.Declared = d.Name
	r.version(n, f)
	for i, other := range f["replaces"].list() {
		r.mark(fmt.Sprintf("replaces[%d]", i), other)
		name := other.text("")
		if name == d.Name && name != "" {
			other.errorf("%s: a model can't replace itself", other.path)
		}
		d.Replaces = append(d.Replaces, name)
	}
	if f["runtime"].there() {
		r.runtime(f["runtime"])
	}
	if f["input"].there() {
		r.input(f["input"])
	}
	if f["outputs"].there() {
		r.outputs(f["outputs"])
	}
	d.Version = version(*d)
}

// defaultShare is how many posts a shadow sees unless its declaration says: a
// tenth of the cost, and enough to compare within days.
const defaultShare = 0.1

// version reads which model this is another version of, and how far it counts.
func (r *reader) version(n node, f map[string]node) {
	d := &r.d
	d.Stage = Stage(f["stage"].text(string(Active), string(Active), string(Shadow)))
	d.Of = f["of"].text("")
	r.mark("of", f["of"])
	switch {
	case d.Stage == Shadow && !f["of"].there():
		f["stage"].errorf("%s is shadow, so %s.of must name the active model that it runs beside", f["stage"].path, n.path)
	case d.Of == d.Name && d.Of != "":
		f["of"].errorf("%s: a model can't be another version of itself; give it a name of its own", f["of"].path)
	case d.Of == "" && f["share"].there():
		f["share"].errorf("%s is for a model with of: alone", f["share"].path)
	}
	if d.Of != "" {
		d.Share = f["share"].number(0.0001, 1, defaultShare)
	}
}

func (r *reader) runtime(n node) {
	f := n.fields(nil, []string{"onnx", "remote"})
	if len(f) != 1 {
		if len(n.rawPairs()) != 1 || len(f) > 1 {
			n.errorf("%s needs one of onnx: {file: …} and remote: {url: …, model: …, version: …}", n.path)
		}
		return
	}
	if onnx, ok := f["onnx"]; ok {
		r.onnx(onnx)
		return
	}
	r.remote(f["remote"])
}

func (r *reader) onnx(n node) {
	f := n.fields([]string{"file"}, nil)
	file := f["file"].text("")
	if file == "" {
		return
	}
	r.mark("runtime", f["file"])
	data, err := r.Open(file)
	if err != nil {
		f["file"].errorf("%s: %s", f["file"].path, err)
		return
	}
	r.d.ONNX = &ONNX{File: file, Hash: hash(data), Read: func() ([]byte, error) { return r.again(file) }}
}

// again reads a graph once more: large ones needn't stay in memory in
// processes that never compute them. It must still be the one that was hashed.
func (r *reader) again(file string) ([]byte, error) {
	data, err := r.Open(file)
	if err != nil {
		return nil, err
	}
	if hash(data) != r.d.ONNX.Hash {
		return nil, models.Faultf(models.Unavailable, "%s has changed since this process began; start it again", file)
	}
	return data, nil
}

func (r *reader) remote(n node) {
	f := n.fields([]string{"url", "model", "version"}, []string{"timeout", "batch", "delay"})
	address := f["url"].text("")
	if u, err := url.Parse(address); f["url"].there() && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		f["url"].errorf("%s is %q; an address such as http://localhost:8080 is wanted", f["url"].path, address)
	}
	r.mark("runtime", f["url"])
	r.mark("version", f["version"])
	r.d.Remote = &Remote{
		URL: strings.TrimRight(address, "/"), Model: f["model"].text(""), Revision: f["version"].word(),
		Timeout: f["timeout"].duration(10*time.Millisecond, 5*time.Minute, 5*time.Second),
		Batch:   f["batch"].integer(1, 256, 16),
		Delay:   f["delay"].duration(0, time.Second, 5*time.Millisecond),
	}
}

func (r *reader) input(n node) {
	if r.d.Task == Text {
		f := n.fields([]string{"name"}, nil)
		r.d.Input = Input{Name: f["name"].text("")}
		r.mark("input.name", f["name"])
		return
	}
	f := n.fields([]string{"name", "side"}, []string{"colors", "layout", "mean", "std"})
	r.d.Input = Input{
		Name:   f["name"].text(""),
		Side:   f["side"].integer(16, 1024, 0),
		Colors: ColorOrder(f["colors"].text(string(RGB), string(RGB), string(BGR))),
		Layout: Layout(f["layout"].text(string(NCHW), string(NCHW), string(NHWC))),
		Mean:   f["mean"].three(-1e4, 1e4, 0),
		Std:    f["std"].three(1e-4, 1e4, 1),
	}
	r.mark("input", n)
	r.mark("input.name", f["name"])
	r.mark("input.side", f["side"])
}

// wants says what outputs a task must have, and what it may have.
func wants(t Task) (must Meaning, may []Meaning) {
	switch t {
	case Segment:
		return Mask, []Meaning{Mask}
	case Embed:
		return Embedding, []Meaning{Embedding}
	case Text:
		return Attribute, []Meaning{Attribute}
	default:
		return Attribute, []Meaning{Attribute, Embedding}
	}
}

func (r *reader) outputs(n node) {
	must, may := wants(r.d.Task)
	words := make([]string, len(may))
	for i, m := range may {
		words[i] = string(m)
	}
	for i, o := range n.list() {
		out := r.output(o, i, words)
		if out.As == Embedding && slices.ContainsFunc(r.d.Outputs, func(p Output) bool { return p.As == Embedding }) {
			o.errorf("%s: a second embedding; a model has one", o.path)
		}
		if out.Attribute != "" && slices.Contains(r.d.Attributes(), out.Attribute) {
			o.errorf("%s: a second output for the attribute %q", o.path, out.Attribute)
		}
		r.d.Outputs = append(r.d.Outputs, out)
	}
	if _, ok := r.d.Output(must); !ok && r.d.Task != "" && n.there() {
		n.errorf("%s: a model that is to %s needs an output with as: %s", n.path, r.d.Task, must)
	}
}

func (r *reader) output(n node, i int, meanings []string) Output {
	as := string(Attribute)
	for _, v := range n.rawPairs() { // what it means decides which keys it has
		if v.Key.String() == "as" {
			as = node{doc: &document{}, yaml: v.Value}.text(as)
		}
	}
	required, optional := []string{"name", "as"}, []string(nil)
	switch Meaning(as) {
	case Embedding:
		required = append(required, "dims")
	case Attribute:
		required = append(required, "attribute", "classes")
		optional = []string{"activation", "temperature", "threshold", "top", "open"}
	default:
	}
	f := n.fields(required, optional)
	r.mark(fmt.Sprintf("outputs[%d]", i), n)
	r.mark(fmt.Sprintf("outputs[%d].name", i), f["name"])
	o := Output{Name: f["name"].text(""), As: Meaning(f["as"].text("", meanings...))}
	switch o.As {
	case Embedding:
		o.Dims = f["dims"].integer(1, 4096, 0)
		r.mark(fmt.Sprintf("outputs[%d].dims", i), f["dims"])
	case Attribute:
		o.Activation = Activation(f["activation"].text(string(Softmax), string(Softmax), string(Sigmoid), string(None)))
		o.Temperature = f["temperature"].number(0.01, 100, 1)
		o.Threshold = f["threshold"].number(0, 1, 0)
		o.Top = f["top"].integer(1, 1000, 1)
		r.attribute(f, &o)
		r.mark(fmt.Sprintf("outputs[%d].classes", i), f["classes"])
	default:
	}
	return o
}

// attribute reads what an output's classes are called.
func (r *reader) attribute(f map[string]node, o *Output) {
	o.Attribute = f["attribute"].text("")
	if f["attribute"].there() && !attributeForm.MatchString(o.Attribute) {
		f["attribute"].errorf("%s is %q; allowed: up to 32 of a-z, 0-9 and _, beginning with a letter", f["attribute"].path, o.Attribute)
	}
	var known []string
	if r.Vocabulary != nil && !f["open"].truth() {
		known = r.Vocabulary(o.Attribute)
	}
	for _, c := range f["classes"].list() {
		class, value := c.class()
		if class != "" && slices.ContainsFunc(o.Classes, func(p Class) bool { return p.Name == class }) {
			c.errorf("%s: class %q is there twice", c.path, class)
		}
		if value != "" && len(known) > 0 && !slices.Contains(known, value) {
			c.errorf("%s: %s has no value %q%s; write {%s: VALUE} to name another, or open: true beside classes if new values are meant",
				c.path, o.Attribute, value, suggest(value, known), class)
		}
		o.Classes = append(o.Classes, Class{class, value})
	}
	if len(o.Classes) == 0 && f["classes"].there() {
		f["classes"].errorf("%s is empty", f["classes"].path)
	}
}

// class is a word, or {word: value}.
func (n node) class() (name, value string) {
	pairs := n.rawPairs()
	if pairs == nil {
		name = n.text("")
		return name, name
	}
	if len(pairs) != 1 {
		n.errorf("%s must be a word or one {word: value}", n.path)
		return "", ""
	}
	name = node{doc: n.doc, path: n.path, yaml: pairs[0].Key}.text("")
	return name, node{doc: n.doc, path: n.path, yaml: pairs[0].Value}.text("")
}
