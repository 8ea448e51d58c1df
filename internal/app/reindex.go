package app

import (
	"weft/internal/reindex"
	"weft/storage/elastic"
)

// Reindexer returns what builds search anew. tell is told how far it is.
func (a *App) Reindexer(tell func(stage string, done, of int64)) *reindex.Reindexer {
	p := reindex.Params{Posts: a.Documents, Search: a.Search, Books: a.Documents, Now: a.opt.Now, Tell: tell, Who: process()}
	if search, ok := a.Search.(interface {
		reindex.Builds
		reindex.Looks
	}); ok {
		p.Builds, p.Looks, p.Lag = search, search, elastic.BuildLag
	}
	return reindex.New(p)
}
