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
	"strconv"
	"strings"
	"sync"
	"time"

	"weft/models"
	"weft/storage/elastic"
	"weft/storage/storagetest"
)

// benchSearch measures indexing. What is done by hand sends the very documents
// that the adapter sends, the fields that are for searching alone among them, to
// an index with its mapping. Each round has a month, and so an index, of its own.
func benchSearch(ctx context.Context, s setting) (err error) {
	address, err := elasticURL()
	if err != nil {
		return err
	}
	prefix := fmt.Sprintf("bench%d", time.Now().UnixNano())
	h := handmade{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: singles}}, root: address}
	defer func() { err = errors.Join(err, h.sweep(ctx, prefix)) }()
	search, err := elastic.Open(ctx, address+"/"+prefix, elastic.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, search.Close()) }()

	var weft, bulk, single time.Duration
	n, slow := s.posts/rounds, s.slow/rounds
	for round := range rounds {
		docs := month(round, n)
		bodies, err := overheard(ctx, address, fmt.Sprintf("%s-heard-%d", prefix, round), docs, s.callers)
		if err != nil {
			return err
		}
		if err := search.Put(ctx, docs[0]); err != nil { // which makes the month's index, once a month; by hand it is made before, too
			return err
		}
		heard, err := decode(bodies)
		if err != nil {
			return err
		}
		took, err := putAll(ctx, search, s.callers, docs[1:])
		if err != nil {
			return err
		}
		weft += took
		byHand := fmt.Sprintf("%s-hand-%d", prefix, round)
		if err := h.copyMapping(ctx, monthIndex(prefix, round), byHand); err != nil {
			return err
		}
		took, err = bulks(n, func(from, to int) error { return h.bulk(ctx, byHand, heard, from, to) })
		if err != nil {
			return err
		}
		bulk += took
		took, err = side(slow, singles, func(i int) error {
			_, err := h.call(ctx, http.MethodPut, fmt.Sprintf("/%s/_doc/single%d?version=1&version_type=external", byHand, i), bodies[i])
			return err
		})
		if err != nil {
			return err
		}
		single += took
	}
	compare("search", rate((n-1)*rounds, weft), rate(slow*rounds, single), rate(n*rounds, bulk))
	return h.size(ctx, monthIndex(prefix, 0), n)
}

// decode returns what the adapter made of its posts before it was JSON: to make JSON
// of it costs whoever writes documents.
func decode(bodies [][]byte) ([]elastic.Document, error) {
	docs := make([]elastic.Document, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal(body, &docs[i]); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

func monthIndex(prefix string, round int) string {
	return fmt.Sprintf("%s-v1-2026-%02d", prefix, 1+round)
}

// month are the n documents of a round.
func month(round, n int) []models.SearchDoc {
	docs := storagetest.SearchDocs(n)
	for i := range docs {
		docs[i].ID = fmt.Sprintf("bench.%d.%07d", round, i)
		docs[i].CreatedAt = time.Date(2026, time.Month(1+round), 1+i%28, 0, 0, 0, 0, time.UTC)
	}
	return docs
}

func putAll(ctx context.Context, search *elastic.Search, callers int, docs []models.SearchDoc) (time.Duration, error) {
	return side(len(docs), callers, func(i int) error { return search.Put(ctx, docs[i]) })
}

// overheard returns what the adapter sends for documents: what it keeps out of
// _source can't be read back.
func overheard(ctx context.Context, address, prefix string, docs []models.SearchDoc, callers int) ([][]byte, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var bodies [][]byte
	proxy := httputil.NewSingleHostReverseProxy(target)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_bulk") {
			said, _ := io.ReadAll(r.Body) // a shorter one is missed below
			r.Body = io.NopCloser(bytes.NewReader(said))
			mu.Lock()
			for i, line := range bytes.Split(said, []byte("\n")) {
				if i%2 == 1 { // after the line that says where it belongs
					bodies = append(bodies, line)
				}
			}
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	defer listener.Close()
	search, err := elastic.Open(ctx, listener.URL+"/"+prefix, elastic.Options{})
	if err != nil {
		return nil, err
	}
	_, err = putAll(ctx, search, callers, docs)
	if err := errors.Join(err, search.Close()); err != nil {
		return nil, err
	}
	if len(bodies) != len(docs) {
		return nil, fmt.Errorf("the adapter sent %d documents for %d", len(bodies), len(docs))
	}
	return bodies, nil
}

// size prints what a document takes on the disk, once its index is merged into
// one segment: the least that it can take.
func (h handmade) size(ctx context.Context, index string, n int) error {
	if _, err := h.call(ctx, http.MethodPost, "/"+index+"/_forcemerge?max_num_segments=1&flush=true", nil); err != nil {
		return err
	}
	body, err := h.call(ctx, http.MethodGet, "/_cat/indices/"+index+"?h=pri.store.size&bytes=b", nil)
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
	if err != nil {
		return fmt.Errorf("size of %s: %w", index, err)
	}
	fmt.Printf("search_bytes_per_post: %d\n", size/int64(n))
	return nil
}

// handmade speaks to Elasticsearch without any library.
type handmade struct {
	http *http.Client
	root string
}

func (h handmade) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, h.root+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/_bulk") {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, answer)
	}
	return answer, err
}

// copyMapping makes an index like another.
func (h handmade) copyMapping(ctx context.Context, from, to string) error {
	body, err := h.call(ctx, http.MethodGet, "/"+from+"/_mapping", nil)
	if err != nil {
		return err
	}
	var mappings map[string]struct {
		Mappings json.RawMessage `json:"mappings"`
	}
	if err := json.Unmarshal(body, &mappings); err != nil {
		return err
	}
	create, err := json.Marshal(map[string]any{"mappings": mappings[from].Mappings, "settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0}})
	if err != nil {
		return err
	}
	_, err = h.call(ctx, http.MethodPut, "/"+to, create)
	return err
}

func (h handmade) bulk(ctx context.Context, index string, docs []elastic.Document, from, to int) error {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"index":{"_index":%q,"_id":"bench.%07d","version":1,"version_type":"external"}}`+"\n", index, i)
		body, err := json.Marshal(docs[i])
		if err != nil {
			return err
		}
		b.Write(body)
		b.WriteByte('\n')
	}
	answer, err := h.call(ctx, http.MethodPost, "/_bulk", b.Bytes())
	if err == nil && bytes.Contains(answer[:min(200, len(answer))], []byte(`"errors":true`)) {
		err = fmt.Errorf("bulk: %.300s", answer)
	}
	return err
}

func (h handmade) sweep(ctx context.Context, prefix string) error {
	names, err := h.call(ctx, http.MethodGet, "/_cat/indices/"+prefix+"-*?h=index", nil)
	for name := range strings.FieldsSeq(string(names)) {
		_, gone := h.call(ctx, http.MethodDelete, "/"+name, nil)
		err = errors.Join(err, gone)
	}
	return err
}
