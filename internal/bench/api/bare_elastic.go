package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/storage/elastic"
)

// bareElastic asks Elasticsearch by its client alone. A post it gets out of the
// index that it knows the post to be in, which the API has to find.
type bareElastic struct {
	corpus    *corpus
	transport *elastictransport.Client
	base      *http.Transport
	prefix    string

	adapter *elastic.Search // whose requests are overheard
	wire    *httptest.Server
	mu      sync.Mutex
	heard   []byte // the last search that it sent
}

func openElastic(ctx context.Context, at, prefix string, c *corpus) (*bareElastic, error) {
	host, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	b := &bareElastic{corpus: c, base: &http.Transport{MaxIdleConnsPerHost: 16}, prefix: prefix}
	if b.transport, err = elastictransport.NewClient(elastictransport.WithURLs(host), elastictransport.WithTransport(b.base), elastictransport.WithDisableRetry()); err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(host)
	b.wire = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			said, _ := io.ReadAll(r.Body) // what is cut off finds other posts, which is noticed
			r.Body = io.NopCloser(bytes.NewReader(said))
			b.mu.Lock()
			b.heard = said
			b.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	b.adapter, err = elastic.Open(ctx, b.wire.URL+"/"+prefix, elastic.Options{})
	return b, err
}

// do sends a request and reads its answer.
func (b *bareElastic) do(ctx context.Context, req esapi.Request) ([]byte, error) {
	res, err := req.Do(ctx, b.transport)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.IsError() {
		err = fmt.Errorf("elasticsearch: %s %.300s", res.Status(), body)
	}
	return body, err
}

func (b *bareElastic) get(ctx context.Context, i int) error {
	index := fmt.Sprintf("%s-v1-%s", b.prefix, b.corpus.created(i).Format("2006-01"))
	_, err := b.do(ctx, esapi.GetRequest{Index: index, DocumentID: postID(i)})
	return err
}

// prepare overhears what the adapter sends. A view, which relevance asks for on top,
// is left out: a client that wants one page needs none.
func (b *bareElastic) prepare(ctx context.Context, q query) (*prepared, []string, int64, error) {
	p := &prepared{query: q}
	if _, err := b.adapter.Search(ctx, q.models); err != nil {
		return nil, nil, 0, err
	}
	b.mu.Lock()
	said := b.heard
	b.mu.Unlock()
	var request map[string]json.RawMessage
	if err := json.Unmarshal(said, &request); err != nil {
		return nil, nil, 0, fmt.Errorf("overheard %.100s: %w", said, err)
	}
	delete(request, "pit")
	var err error
	if p.body, err = json.Marshal(request); err != nil {
		return nil, nil, 0, err
	}
	answer, err := b.do(ctx, b.request(p))
	if err != nil {
		return nil, nil, 0, err
	}
	var got struct {
		Hits struct {
			Total struct {
				Value int64 `json:"value"`
			} `json:"total"`
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	err = json.Unmarshal(answer, &got)
	var ids []string
	for _, h := range got.Hits.Hits {
		ids = append(ids, h.ID)
	}
	return p, ids[:min(len(ids), q.models.Limit)], got.Hits.Total.Value, err // one more is asked for, to know of a next page
}

// request is the adapter's.
func (b *bareElastic) request(p *prepared) esapi.SearchRequest {
	partial, yes := false, true
	req := esapi.SearchRequest{Index: []string{b.prefix}, IgnoreUnavailable: &yes, AllowPartialSearchResults: &partial, Body: bytes.NewReader(p.body)}
	if p.kind == "relevance" {
		req.SearchType = "dfs_query_then_fetch"
	}
	return req
}

func (b *bareElastic) search(ctx context.Context, p *prepared) error {
	_, err := b.do(ctx, b.request(p))
	return err
}

// drop deletes what was filled.
func (b *bareElastic) drop(ctx context.Context) error {
	var all []error
	for m := range months {
		index := fmt.Sprintf("%s-v1-%s", b.prefix, b.corpus.month(m).Format("2006-01"))
		_, err := b.do(ctx, esapi.IndicesDeleteRequest{Index: []string{index}})
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (b *bareElastic) Close() error {
	err := b.adapter.Close()
	b.wire.Close()
	b.base.CloseIdleConnections()
	return err
}
