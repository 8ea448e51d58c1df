package elastic

import (
	"context"
	"errors"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// templateLayout is the version of the mapping below. A change raises it, and
// must leave older indices usable: fields they don't know are kept there, and
// found after search was built anew.
const templateLayout = 2

// object is a JSON object under construction.
type object = map[string]any

// longestKeyword is the longest value, in characters, that can be filtered by:
// Lucene's terms end at 32,766 bytes. Longer ones are kept all the same.
const longestKeyword = 8191

// stemmers are the languages whose analyzer improves the order by relevance
// where a cluster has it (module analysis-common), by language code.
func stemmers() map[string]string {
	return map[string]string{
		"ar": "arabic", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
		"fr": "french", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
		"ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
	}
}

// features are what only some clusters have.
type features struct {
	stems  bool // language analyzers
	policy bool // ILM, with the policy that the options name
}

// detect asks the cluster what it has. An old or foreign one is refused.
func (s *Search) detect(ctx context.Context) (features, error) {
	var info struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	if err := s.client.do(ctx, esapi.InfoRequest{}, &info); err != nil {
		return features{}, err
	}
	var major int
	if _, err := fmt.Sscanf(info.Version.Number, "%d.", &major); err != nil || major < 8 {
		return features{}, &refusal{status: 400, kind: "version", reason: fmt.Sprintf("this is version %q; wanted: Elasticsearch 8 or later", info.Version.Number)}
	}
	err := s.client.do(ctx, esapi.IndicesAnalyzeRequest{Body: body(object{"analyzer": "english", "text": "x"})}, nil)
	if err != nil && !refused(err, "illegal_argument_exception") {
		return features{}, err
	}
	f := features{stems: err == nil}
	if s.options.Policy == "" {
		return f, nil
	}
	err = s.client.do(ctx, esapi.ILMGetLifecycleRequest{Policy: s.options.Policy}, nil)
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		return f, err
	}
	f.policy = err == nil
	return f, nil
}

// ensureTemplate stores the template of a build, unless it is there in this
// layout or a newer one. Months that exist keep the mapping they have.
func (s *Search) ensureTemplate(ctx context.Context, build int) error {
	name := fmt.Sprintf("%s-v%d", s.prefix, build)
	var have struct {
		Templates []struct {
			Template struct {
				Version int `json:"version"`
				Meta    struct {
					Setup string `json:"setup"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := s.client.do(ctx, esapi.IndicesGetIndexTemplateRequest{Name: name}, &have)
	if err != nil && !refused(err, "resource_not_found_exception") {
		return err
	}
	if len(have.Templates) == 1 {
		there := have.Templates[0].Template
		if there.Version > templateLayout || (there.Version == templateLayout && there.Meta.Setup == s.setup()) {
			return nil
		}
	}
	return s.client.do(ctx, esapi.IndicesPutIndexTemplateRequest{Name: name, Body: body(s.template(name))}, nil)
}

// setup names what the template depends on besides its layout.
func (s *Search) setup() string {
	return fmt.Sprintf("shards %d replicas %d dims %d stems %t policy %t", s.options.Shards, *s.options.Replicas, s.options.Dims, s.features.stems, s.features.policy)
}

// template describes the months of a build. They are only made by name
// (allow_auto_create), so a write to a month that was dropped makes no index
// without aliases. gc_deletes is how long a deleted document's version is
// remembered: a late write of an older one within the hour can't bring it back.
func (s *Search) template(name string) object {
	settings := object{"number_of_shards": s.options.Shards, "number_of_replicas": *s.options.Replicas, "index.gc_deletes": "1h"}
	if s.features.policy {
		settings["index.lifecycle.name"] = s.options.Policy
	}
	return object{
		"index_patterns": []string{name + "-*"}, "priority": 500, "version": templateLayout, "allow_auto_create": false,
		"_meta": object{"by": "weft", "setup": s.setup()},
		"template": object{
			"settings": settings,
			"mappings": s.mapping(),
		},
	}
}

// mapping describes a document. Fields it doesn't name are kept and not
// searchable (dynamic: false), so a program of a newer layout can write to
// months of an older one. What is only made for searching isn't kept.
func (s *Search) mapping() object {
	fields := postFields()
	fields["words"] = object{"type": "text", "analyzer": "whitespace", "index_options": "positions"}
	fields["pairs"] = keyword() // "name\x1fvalue" of each attribute, once
	fields["point"] = object{"type": "geo_point"}
	if s.features.stems {
		stems := object{}
		for code, analyzer := range stemmers() {
			stems[code] = object{"type": "text", "analyzer": analyzer, "norms": true}
		}
		fields["stems"] = object{"properties": stems}
	}
	if s.options.Dims > 0 {
		fields["vector"] = object{"type": "dense_vector", "dims": s.options.Dims, "index": true, "similarity": "cosine"}
	}
	return object{
		"dynamic": false, "_meta": object{"layout": templateLayout},
		"_source":    object{"excludes": []string{"words", "pairs", "stems", "vector"}},
		"properties": fields,
	}
}

func keyword() object { return object{"type": "keyword", "ignore_above": longestKeyword} }

// postFields are those that a models.SearchDoc has itself.
func postFields() object {
	kept := object{"type": "keyword", "index": false, "doc_values": false} // only shown
	long, double := object{"type": "long"}, object{"type": "double"}
	place := object{"raw": kept, "kind": keyword(), "country": keyword(), "region": keyword(), "city": keyword(), "confidence": double}
	edge := object{"type": "float", "index": false}
	return object{
		"id": keyword(), "version": long, "source": keyword(), "url": kept, "created_at": object{"type": "date"},
		"text": object{"type": "text", "index": false}, "language": keyword(), "hashtags": keyword(),
		"author": object{"properties": object{
			"id": keyword(), "handle": keyword(), "name": keyword(), "followers": long, "location": object{"properties": place},
		}},
		"counts":   object{"properties": object{"likes": long, "comments": long, "shares": long}},
		"profiles": keyword(), "unchecked": keyword(), "images": kept, "flags": keyword(), "space": keyword(),
		"attributes": object{"type": "nested", "properties": object{
			"name": keyword(), "value": keyword(), "confidence": double, "share": double, "evidence": keyword(), "image": keyword(),
			"model": keyword(), "version": keyword(),
			"box": object{"properties": object{"x": edge, "y": edge, "w": edge, "h": edge}},
		}},
	}
}
