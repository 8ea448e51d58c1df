package elastic

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// storedTemplate returns the template that the cluster holds of a build.
func storedTemplate(t *testing.T, s *Search, name string) (version int, setup string) {
	t.Helper()
	var got struct {
		Templates []struct {
			Template struct {
				Version int `json:"version"`
				Meta    struct {
					Setup string `json:"setup"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := s.client.do(t.Context(), esapi.IndicesGetIndexTemplateRequest{Name: name}, &got); err != nil || len(got.Templates) != 1 {
		t.Fatalf("template %s: %v, %v", name, got, err)
	}
	return got.Templates[0].Template.Version, got.Templates[0].Template.Meta.Setup
}

// An older template is replaced, a newer one is left to the program that knows it.
func TestTemplateVersions(t *testing.T) {
	s := openTest(t)
	name := s.prefix + "-v1"
	set := func(version int, setup string) {
		t.Helper()
		tpl := s.template(name)
		tpl["version"], tpl["_meta"] = version, object{"setup": setup}
		if err := s.client.do(t.Context(), esapi.IndicesPutIndexTemplateRequest{Name: name, Body: body(tpl)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		version int
		setup   string
		want    int
		same    bool
	}{
		{templateLayout - 1, "old", templateLayout, false}, {templateLayout, "other", templateLayout, false}, {templateLayout + 1, "new", templateLayout + 1, true},
	} {
		set(c.version, c.setup)
		if err := s.ensureTemplate(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if v, setup := storedTemplate(t, s, name); v != c.want || (setup == c.setup) != c.same {
			t.Errorf("%+v: version %d with %q is there", c, v, setup)
		}
	}
}

// The index that a cluster makes of the template has what a search needs, and
// fields that it doesn't know change nothing.
func TestMappingOfAMonth(t *testing.T) {
	s := openTest(t, func(o *Options) { o.Dims = 4 })
	put(t, s, inMonth(5, "x"))
	var got map[string]struct {
		Settings map[string]string `json:"settings"`
		Mappings struct {
			Dynamic    string `json:"dynamic"`
			Properties map[string]struct {
				Type string `json:"type"`
			} `json:"properties"`
		} `json:"mappings"`
	}
	index := s.indexName(1, "2026-05")
	err := s.client.do(t.Context(), esapi.IndicesGetRequest{Index: []string{index}, FlatSettings: yes()}, &got)
	if err != nil {
		t.Fatal(err)
	}
	m := got[index]
	if m.Settings["index.gc_deletes"] != "1h" || m.Settings["index.number_of_shards"] != "1" || m.Settings["index.number_of_replicas"] != "0" || m.Mappings.Dynamic != "false" {
		t.Errorf("settings %v, dynamic %q", m.Settings, m.Mappings.Dynamic)
	}
	for field, want := range map[string]string{
		"id": "keyword", "created_at": "date", "words": "text", "attributes": "nested", "point": "geo_point", "vector": "dense_vector", "space": "keyword", "embedding": "", "hashtags": "keyword",
	} {
		if m.Mappings.Properties[field].Type != want {
			t.Errorf("%s is %q, want %s", field, m.Mappings.Properties[field].Type, want)
		}
	}
}

// Nothing but the months of a build is made of its template, and no write makes one by itself.
func TestNoIndexByAccident(t *testing.T) {
	s := openTest(t)
	errs := s.bulk(t.Context(), []op{
		{index: s.indexName(1, "2020-01"), id: "x", version: 1, doc: []byte(`{}`)}, {index: s.indexName(1, "2020-01"), id: "x", version: 2},
		{index: s.writeAlias("2020-01"), alias: true, id: "x", version: 1, doc: []byte(`{}`)},
	})
	for i, err := range errs {
		if !noMonth(err) {
			t.Errorf("write %d to a month that isn't there: %v", i, err)
		}
	}
	if got := aliases(t, s); len(got) != 0 {
		t.Errorf("indices %v were made", got)
	}
}

// What only some clusters have is used where it is, and not missed elsewhere.
func TestFeatures(t *testing.T) {
	with := func(paths ...string) *Search {
		f := &fake{t: t, has: map[string]bool{}}
		for _, p := range paths {
			f.has[p] = true
		}
		return f.open(Options{Policy: "weft-months"})
	}
	plain, rich := with(), with("/_analyze", "/_ilm/policy/weft-months")
	for name, c := range map[string]struct {
		s    *Search
		want bool
	}{"plain": {plain, false}, "rich": {rich, true}} {
		b, err := json.Marshal(c.s.template("weft-v1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{`"index.lifecycle.name":"weft-months"`, `"analyzer":"french"`} {
			if strings.Contains(string(b), part) != c.want {
				t.Errorf("%s: the template has %s: %t, want %t", name, part, !c.want, c.want)
			}
		}
	}
	doc := inMonth(1, "x")
	doc.Language = "en"
	c, err := rich.putChange(doc)
	if err != nil || !strings.Contains(string(c.doc), `"stems":{"en":"silk"}`) {
		t.Errorf("the document is %s, %v; want its text for the language's analyzer", c.doc, err)
	}
}

func TestOldClusterRefused(t *testing.T) {
	f := &fake{t: t, has: map[string]bool{}, version: "7.17.0"}
	_, err := f.tryOpen(Options{})
	wantClass(t, "Open", err, "permanent", `version "7.17.0"; wanted: Elasticsearch 8`)
	if slices.ContainsFunc(f.paths, func(p string) bool { return strings.HasPrefix(p, "PUT") }) {
		t.Errorf("it changed something: %v", f.paths)
	}
}
