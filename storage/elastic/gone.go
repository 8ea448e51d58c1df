package elastic

import (
	"context"
	"encoding/json"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// A deletion that finds no document leaves nothing behind in a month: nobody
// knows which one, and it may not be there yet. So it is listed in an index of
// its own, and whoever stores a document looks there afterwards. The list
// outlives gc_deletes, which does the same for documents that were there.
const (
	goneFor    = 24 * time.Hour
	goneSweeps = time.Hour // how often each program looks for what can leave the list
	gonePage   = 1000
)

func (s *Search) goneIndex() string { return s.prefix + "-gone" }

// gone is an entry of the list.
type gone struct {
	Deleted int64     `json:"deleted"` // the version
	At      time.Time `json:"at"`
}

// deletedAt returns the version that a listed id was deleted at, or -1.
func (s seen) deletedAt() int64 {
	var g gone
	if !s.found || json.Unmarshal(s.source, &g) != nil {
		return -1
	}
	return g.Deleted
}

// list puts deletions on the list.
func (s *Search) list(ctx context.Context, deletes []*change) {
	if err := s.ensureGone(ctx); err != nil {
		fail(deletes, err)
		return
	}
	ops := make([]op, 0, len(deletes))
	for _, c := range deletes {
		entry, _ := json.Marshal(gone{Deleted: c.version, At: time.Now().UTC()}) // plain data
		ops = append(ops, op{index: s.goneIndex(), id: c.id, version: c.version, same: true, doc: entry})
	}
	for i, err := range s.bulk(ctx, ops) {
		if err != nil && !conflicts(err) {
			deletes[i].err = err
		}
	}
}

// ensureGone makes the list, once in a program's life.
func (s *Search) ensureGone(ctx context.Context) error {
	s.mu.Lock()
	made := s.madeGone
	s.mu.Unlock()
	if made {
		return nil
	}
	err := s.client.do(ctx, esapi.IndicesCreateRequest{Index: s.goneIndex(), Body: body(object{
		"settings": object{"number_of_shards": 1, "number_of_replicas": *s.options.Replicas, "index.gc_deletes": "1h"},
		"mappings": object{"dynamic": false, "properties": object{"at": object{"type": "date"}}},
	})}, nil)
	if err != nil && !refused(err, "resource_already_exists_exception") {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.madeGone = true
	return nil
}

// sweepGone takes old entries off the list, now and then. What goes wrong is
// tried again an hour later: nothing depends on it but the size of the list.
func (s *Search) sweepGone(ctx context.Context) {
	s.mu.Lock()
	due := time.Since(s.swept) >= goneSweeps
	if due {
		s.swept = time.Now()
	}
	s.mu.Unlock()
	if due {
		_, _ = s.dropGone(ctx, time.Now().Add(-goneFor))
	}
}

// dropGone removes the entries that were listed before this time, and returns how many.
func (s *Search) dropGone(ctx context.Context, before time.Time) (int, error) {
	query := object{"size": gonePage, "sort": []string{"at"}, "query": object{"range": object{"at": object{"lt": before.UTC()}}}}
	for n := 0; ; {
		var got struct {
			Hits struct {
				Hits []struct {
					ID     string `json:"_id"`
					Source gone   `json:"_source"`
					Sort   []any  `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		req := esapi.SearchRequest{Index: []string{s.goneIndex()}, IgnoreUnavailable: yes(), Body: body(query)}
		if err := s.client.do(ctx, req, &got); err != nil {
			return n, err
		}
		hits := got.Hits.Hits
		var ops []op
		for _, h := range hits {
			ops = append(ops, op{index: s.goneIndex(), id: h.ID, version: h.Source.Deleted, same: true})
		}
		for _, err := range s.bulk(ctx, ops) {
			if err != nil && !conflicts(err) { // listed again since
				return n, err
			}
		}
		n += len(hits)
		if len(hits) < gonePage {
			return n, nil
		}
		query["search_after"] = hits[len(hits)-1].Sort
	}
}
