package elastic

import (
	"weft/models"
	"weft/storage/spelling"
)

// Which analyzers a cluster has depends on how it was installed, so words are
// told apart and folded here, in documents and queries alike, and Elasticsearch
// only splits at spaces. The rules are spelling's, as in the embedded search.

// textsOf returns the searchable words of doc, text by text: no phrase reaches
// from one text into the next.
func textsOf(doc models.SearchDoc) []string {
	texts := []string{doc.Text, doc.Author.Handle, doc.Author.Name}
	texts = append(texts, doc.Hashtags...)
	for _, a := range doc.Attributes {
		texts = append(texts, a.Value)
	}
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		if words := spelling.Words(t); words != "" {
			out = append(out, words)
		}
	}
	return out
}
