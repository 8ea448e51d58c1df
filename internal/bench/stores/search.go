package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weft/storage/elastic"
	"weft/storage/storagetest"
)

// benchSearch measures indexing. What is done by hand sends the very documents
// that the adapter stored, to an index with its mapping.
func benchSearch(ctx context.Context, s setting) (err error) {
	address, err := elasticURL()
	if err != nil {
		return err
	}
	prefix := fmt.Sprintf("bench%d", time.Now().UnixNano())
	h := handmade{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}, root: address}
	defer func() { err = errors.Join(err, h.sweep(ctx, prefix)) }()
	search, err := elastic.Open(ctx, address+"/"+prefix, elastic.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, search.Close()) }()

	docs := storagetest.SearchDocs(s.posts)
	for i := range docs {
		docs[i].CreatedAt = time.Date(2026, 1, 1+i%28, 0, 0, 0, 0, time.UTC) // one month, one index
	}
	weft, err := side(s.posts, callers, func(i int) error { return search.Put(ctx, docs[i]) })
	if err != nil {
		return err
	}
	docs = nil
	bodies, err := h.prepare(ctx, prefix, s.posts)
	if err != nil {
		return err
	}
	bulk, err := bulks(s.posts, func(from, to int) error { return h.bulk(ctx, prefix+"-bulk", bodies, from, to) })
	if err != nil {
		return err
	}
	single, err := side(s.slow, callers, func(i int) error {
		_, err := h.call(ctx, http.MethodPut, fmt.Sprintf("/%s-single/_doc/%d?version=1&version_type=external", prefix, i), bodies[i])
		return err
	})
	if err != nil {
		return err
	}
	compare("search", rate(s.posts, weft), rate(s.slow, single), rate(s.posts, bulk))
	return h.size(ctx, prefix+"-bulk", s.posts)
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

// prepare makes the indices, and returns what the adapter stored.
func (h handmade) prepare(ctx context.Context, prefix string, n int) ([][]byte, error) {
	names, err := h.call(ctx, http.MethodGet, "/_cat/indices/"+prefix+"-*?h=index", nil)
	if err != nil {
		return nil, err
	}
	index, _, _ := strings.Cut(strings.TrimSpace(string(names)), "\n")
	body, err := h.call(ctx, http.MethodGet, "/"+index+"/_mapping", nil)
	if err != nil {
		return nil, err
	}
	var mappings map[string]struct {
		Mappings json.RawMessage `json:"mappings"`
	}
	if err := json.Unmarshal(body, &mappings); err != nil {
		return nil, err
	}
	for _, name := range []string{prefix + "-bulk", prefix + "-single"} {
		create, err := json.Marshal(map[string]any{"mappings": mappings[index].Mappings, "settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0}})
		if err != nil {
			return nil, err
		}
		if _, err := h.call(ctx, http.MethodPut, "/"+name, create); err != nil {
			return nil, err
		}
	}
	if _, err := h.call(ctx, http.MethodPost, "/"+index+"/_refresh", nil); err != nil {
		return nil, err
	}
	return h.read(ctx, index, n)
}

// read returns every document of an index, page by page.
func (h handmade) read(ctx context.Context, index string, n int) ([][]byte, error) {
	bodies := make([][]byte, 0, n)
	path, ask := "/"+index+"/_search?scroll=1m", []byte(`{"size": 2000, "sort": ["_doc"]}`)
	for {
		body, err := h.call(ctx, http.MethodPost, path, ask)
		if err != nil {
			return nil, err
		}
		var page struct {
			Scroll string `json:"_scroll_id"`
			Hits   struct {
				Hits []struct {
					Source json.RawMessage `json:"_source"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, hit := range page.Hits.Hits {
			bodies = append(bodies, hit.Source)
		}
		if len(page.Hits.Hits) == 0 {
			break
		}
		path, ask = "/_search/scroll", fmt.Appendf(nil, `{"scroll": "1m", "scroll_id": %q}`, page.Scroll)
	}
	if len(bodies) != n {
		return nil, fmt.Errorf("the index has %d of %d documents", len(bodies), n)
	}
	return bodies, nil
}

func (h handmade) bulk(ctx context.Context, index string, bodies [][]byte, from, to int) error {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"index":{"_index":%q,"_id":"%d","version":1,"version_type":"external"}}`+"\n", index, i)
		b.Write(bodies[i])
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
