package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// op is one line of a bulk request (two, when it stores something).
type op struct {
	index   string
	alias   bool // index is an alias, and must be: else the write would make an index of that name
	id      string
	version int64
	same    bool // a stored or deleted one of the same version is overtaken as well
	doc     []byte
}

// encode appends the lines of o.
func (o op) encode(b *bytes.Buffer) {
	kind := "external"
	if o.same {
		kind = "external_gte"
	}
	meta := object{"_index": o.index, "_id": o.id, "version": o.version, "version_type": kind}
	if o.alias {
		meta["require_alias"] = true
	}
	action := "index"
	if o.doc == nil {
		action = "delete"
	}
	line, _ := json.Marshal(object{action: meta}) // plain data
	b.Write(line)
	b.WriteByte('\n')
	if o.doc != nil {
		b.Write(o.doc)
		b.WriteByte('\n')
	}
}

// bulk does all of ops in one request and returns the outcome of each. If the
// cluster refuses the request as it is, which one document may be the reason
// of (the size, or what a proxy thinks of it), each half is tried by itself.
func (s *Search) bulk(ctx context.Context, ops []op) []error {
	errs := make([]error, len(ops))
	if len(ops) == 0 {
		return errs
	}
	var b bytes.Buffer
	for _, o := range ops {
		o.encode(&b)
	}
	var got bulkAnswer
	err := s.client.do(ctx, esapi.BulkRequest{Body: &b, FilterPath: []string{"items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.error.caused_by"}}, &got)
	var no *refusal
	if errors.As(err, &no) && no.class() == models.Permanent && len(ops) > 1 {
		half := len(ops) / 2
		return append(s.bulk(ctx, ops[:half]), s.bulk(ctx, ops[half:])...)
	}
	if err == nil && len(got.Items) != len(ops) {
		err = models.Faultf(models.Unavailable, "elasticsearch: it answered for %d of %d documents", len(got.Items), len(ops))
	}
	for i := range ops {
		if err != nil {
			errs[i] = err
		} else {
			errs[i] = got.outcome(i)
		}
	}
	return errs
}

// bulkAnswer is what a bulk request is answered: an item for each line.
type bulkAnswer struct {
	Items []map[string]struct {
		Status int    `json:"status"`
		Error  *cause `json:"error"`
	} `json:"items"`
}

func (a bulkAnswer) outcome(i int) error {
	for _, item := range a.Items[i] {
		switch {
		case item.Error != nil:
			return item.Error.refusal(item.Status)
		case item.Status < 300 || item.Status == http.StatusNotFound: // deleted what wasn't there
			return nil
		default:
			return &refusal{status: item.Status}
		}
	}
	return models.Faultf(models.Unavailable, "elasticsearch: an item without an outcome")
}

// conflicts reports whether a newer version was there.
func conflicts(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == http.StatusConflict
}

// noMonth reports whether the month was dropped, or its build replaced.
func noMonth(err error) bool { return refused(err, "index_not_found_exception") }

// place is where a document is.
type place struct {
	month  string
	source json.RawMessage
}

// look is one document to get, at once and whether or not it is visible to searches.
type look struct {
	index, id string
	source    bool
}

// seen is what was found of a look.
type seen struct {
	found  bool
	source json.RawMessage
}

// mgetItems is how many looks share a request.
const mgetItems = 2000

// mgetFew is how many looks are answered unfiltered: the cluster reads and writes
// every document again to filter an answer, so that a get over six months took 1.07 ms
// and not 0.99 (2 cores, 2026-12-01). Of many looks the names that are left out weigh more.
const mgetFew = 64

// mget answers looks in their order. An index that isn't there holds nothing.
func (s *Search) mget(ctx context.Context, looks []look) ([]seen, error) {
	out := make([]seen, 0, len(looks))
	for len(looks) > 0 {
		n := min(len(looks), mgetItems)
		part, err := s.mgetSome(ctx, looks[:n])
		if err != nil {
			return nil, err
		}
		out, looks = append(out, part...), looks[n:]
	}
	return out, nil
}

func (s *Search) mgetSome(ctx context.Context, looks []look) ([]seen, error) {
	docs := make([]object, len(looks))
	for i, l := range looks {
		docs[i] = object{"_index": l.index, "_id": l.id, "_source": l.source}
	}
	var got struct {
		Docs []struct {
			Found  bool            `json:"found"`
			Source json.RawMessage `json:"_source"`
			Error  *cause          `json:"error"`
		} `json:"docs"`
	}
	req := esapi.MgetRequest{Body: body(object{"docs": docs})}
	if len(looks) > mgetFew {
		req.FilterPath = []string{"docs.found", "docs._source", "docs.error"}
	}
	err := s.client.do(ctx, req, &got)
	if err == nil && len(got.Docs) != len(looks) {
		err = fmt.Errorf("elasticsearch: it answered for %d of %d documents", len(got.Docs), len(looks))
	}
	if err != nil {
		return nil, err
	}
	out := make([]seen, len(looks))
	for i, d := range got.Docs {
		if d.Error != nil && d.Error.Type != "index_not_found_exception" {
			return nil, models.Faultf(models.Unavailable, "%w", d.Error.refusal(http.StatusServiceUnavailable))
		}
		out[i] = seen{found: d.Found, source: d.Source}
	}
	return out, nil
}

// find looks for ids in all months of some builds, at once. Each month of a
// document is told once.
func (s *Search) find(ctx context.Context, ids []string, source bool, builds ...map[string]string) (map[string][]place, error) {
	var looks []look
	var where []string
	for _, id := range ids {
		for _, indices := range builds {
			for month, index := range indices {
				looks = append(looks, look{index: index, id: id, source: source})
				where = append(where, month)
			}
		}
	}
	got, err := s.mget(ctx, looks)
	if err != nil {
		return nil, err
	}
	found := map[string][]place{}
	for i, g := range got {
		id, month := looks[i].id, where[i]
		if g.found && !slices.ContainsFunc(found[id], func(p place) bool { return p.month == month }) {
			found[id] = append(found[id], place{month: month, source: g.source})
		}
	}
	return found, nil
}
