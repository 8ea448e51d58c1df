package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// Search is the search over recent posts in an Elasticsearch cluster. Its
// methods may be called at the same time from anywhere, by any number of
// processes. Times are compared in milliseconds.
//
// Get sees every write that returned before; Search and Count see it
// within the cluster's refresh interval (a second).
type Search struct {
	client   *client
	base     *http.Transport
	prefix   string
	options  Options
	features features
	batches  *batcher
	closed   atomic.Bool

	mu       sync.Mutex
	months   *months // as last seen
	madeGone bool
	swept    time.Time
}

// Open connects to the cluster at url, which is
// http(s)://[user:password@]host[:port][/prefix][?ca=FILE&api_key=KEY]. It
// stores the index template; indices are made when their first post comes.
func Open(ctx context.Context, url string, options Options) (*Search, error) {
	a, err := parseAddress(url)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "search.url: %w", err)
	}
	transport, base, err := a.transport()
	if err != nil {
		return nil, models.Faultf(models.Permanent, "search.url: %w", err)
	}
	options = options.withDefaults()
	s := &Search{client: &client{transport: transport, timeout: options.Timeout}, base: base, prefix: a.prefix, options: options}
	s.batches = newBatcher(options.Linger, s.write)
	if err := s.prepare(ctx); err != nil {
		base.CloseIdleConnections()
		return nil, fault("open search at "+a.host.String(), err)
	}
	return s, nil
}

func (s *Search) prepare(ctx context.Context) error {
	var err error
	if s.features, err = s.detect(ctx); err != nil {
		return err
	}
	m, err := s.loadMonths(ctx)
	if err != nil {
		return err
	}
	return s.ensureTemplate(ctx, m.build)
}

// Close ends the writes under way. Later calls are models.Unavailable.
func (s *Search) Close() error {
	s.closed.Store(true)
	s.batches.close()
	s.base.CloseIdleConnections()
	return nil
}

// Put stores doc, unless what is stored, or was deleted, is newer: then it
// changes nothing, and that is no error, since a newer projection is there. A
// document of the version that was deleted counts as newer than the deletion.
func (s *Search) Put(ctx context.Context, doc models.SearchDoc) error {
	c, err := s.putChange(doc)
	if err != nil {
		return models.Faultf(models.Permanent, "put %s into search: %w", doc.ID, err)
	}
	return fault("put "+doc.ID+" into search", s.batches.do(ctx, c))
}

// Delete removes id, unless a newer version is stored. The version is
// remembered for an hour at least, so that a late Put of an older one does not
// bring the document back. A document that is in search costs one look into
// every month, since nothing says which one it is in.
func (s *Search) Delete(ctx context.Context, id string, version int64) error {
	return fault("delete "+id+" from search", s.batches.do(ctx, &change{id: id, version: version, deleted: true}))
}

// Get returns one document, or models.ErrNotFound.
func (s *Search) Get(ctx context.Context, id string) (models.SearchDoc, error) {
	var doc models.SearchDoc
	if s.closed.Load() {
		return doc, fault("get "+id+" from search", errClosed)
	}
	for _, load := range []func(context.Context) (*months, error){s.seenMonths, s.loadMonths} {
		m, err := load(ctx)
		if err != nil {
			return doc, fault("get "+id+" from search", err)
		}
		found, err := s.find(ctx, []string{id}, true, m.serving)
		if err != nil {
			return doc, fault("get "+id+" from search", err)
		}
		if hits := found[id]; len(hits) > 0 {
			err := json.Unmarshal(hits[0].source, &doc)
			return doc, fault("get "+id+" from search", err)
		}
	}
	return doc, fault("get "+id+" from search", models.ErrNotFound)
}

// Count returns how many documents there are.
func (s *Search) Count(ctx context.Context) (int64, error) {
	if s.closed.Load() {
		return 0, fault("count search", errClosed)
	}
	if err := s.refresh(ctx); err != nil {
		return 0, fault("count search", err)
	}
	n, err := s.count(ctx, s.prefix)
	return n, fault("count search", err)
}

// count counts what is visible in an index or alias. If a part of it can't be
// reached, there is no count: a missing shard would be taken for an empty one.
func (s *Search) count(ctx context.Context, index string) (int64, error) {
	var got struct {
		Count  int64 `json:"count"`
		Shards struct {
			Total  int `json:"total"`
			Failed int `json:"failed"`
		} `json:"_shards"`
	}
	err := s.client.do(ctx, esapi.CountRequest{Index: []string{index}, IgnoreUnavailable: yes()}, &got)
	if err == nil && got.Shards.Failed > 0 {
		err = models.Faultf(models.Unavailable, "elasticsearch: %d of %d shards can't be read", got.Shards.Failed, got.Shards.Total)
	}
	return got.Count, err
}

// refresh makes finished writes visible, if the options want that.
func (s *Search) refresh(ctx context.Context) error {
	if !s.options.Refresh {
		return nil
	}
	return s.client.do(ctx, esapi.IndicesRefreshRequest{Index: []string{s.prefix}, IgnoreUnavailable: yes()}, nil)
}

// Document is what an index is sent of a post: a SearchDoc with what is made of it
// for searching alone.
type Document struct {
	models.SearchDoc
	Words  []string          `json:"words,omitempty"`
	Pairs  []string          `json:"pairs,omitempty"`
	Stems  map[string]string `json:"stems,omitempty"`
	Vector []float32         `json:"vector,omitempty"`
}

// pairMark stands between the name and the value of a pair.
const pairMark = "\x1f"

// putChange makes a document ready, so that a batch only has to be put together.
func (s *Search) putChange(doc models.SearchDoc) (*change, error) {
	if doc.ID == "" {
		return nil, errors.New("the document has no id")
	}
	doc.CreatedAt = doc.CreatedAt.UTC()
	d := Document{SearchDoc: doc, Words: textsOf(doc)}
	have := map[string]bool{}
	for _, a := range doc.Attributes {
		if p := a.Name + pairMark + a.Value; a.Value != "" && !have[p] {
			have[p] = true
			d.Pairs = append(d.Pairs, p)
		}
	}
	if _, known := stemmers()[doc.Language]; known && s.features.stems {
		d.Stems = map[string]string{doc.Language: doc.Text}
	}
	vector, err := doc.Embedding.Unpack()
	if err != nil {
		return nil, err
	}
	if len(vector) == s.options.Dims { // one of another model is kept, and compared with none
		d.Vector = vector
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return &change{id: doc.ID, version: doc.Version, month: monthOf(doc.CreatedAt), doc: b}, nil
}
