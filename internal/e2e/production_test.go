package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/internal/config"
	"weft/internal/servers"
)

// servers that the production stores run on, by the names of internal/servers.
func shared(t *testing.T) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for _, name := range []string{servers.Mongo, servers.Elastic, servers.GCS, servers.BigQuery} {
		urls[name] = servers.URL(t, name)
	}
	return urls
}

// newProductionRig is newRig on MongoDB, Elasticsearch, GCS and BigQuery, as
// far as there are servers of theirs here.
func newProductionRig(t *testing.T, posts int, retention string) *rig {
	t.Helper()
	urls := shared(t)
	return newRigOn(t, posts, retention, func() []config.Override { return production(t, urls) })
}

// production makes a place of its own on each server.
func production(t *testing.T, urls map[string]string) []config.Override {
	t.Helper()
	name := "e2e" + strings.ToLower(rand.Text()[:12])
	for _, bucket := range []string{name, name + "-images"} {
		makeBucket(t, urls[servers.GCS], bucket)
	}
	t.Cleanup(func() { sweep(t, urls, name) })
	gcs := "?endpoint=" + url.QueryEscape(urls[servers.GCS])
	return []config.Override{
		{Key: "documents.url", Value: database(t, urls[servers.Mongo], name)},
		{Key: "search.url", Value: strings.TrimSuffix(urls[servers.Elastic], "/") + "/" + name},
		{Key: "history.url", Value: "gs://" + name + gcs},
		{Key: "history.warehouse", Value: "bigquery://test-project/" + name + "?endpoint=" + url.QueryEscape(urls[servers.BigQuery])},
		{Key: "blobs.url", Value: "gs://" + name + "-images" + gcs},
	}
}

// database puts the name of a database into the URL of a server.
func database(t *testing.T, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func makeBucket(t *testing.T, gcs, name string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	call(t, http.MethodPost, strings.TrimSuffix(gcs, "/")+"/storage/v1/b?project=test-project", body)
}

// call sends a request that must succeed, and returns the answer.
func call(t *testing.T, method, address string, body []byte) string {
	t.Helper()
	req, err := http.NewRequest(method, address, bytes.NewReader(body)) //nolint:noctx // also called when the test's context has ended
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, address, resp.Status, answer, err)
	}
	return string(answer)
}

// sweep leaves the servers as they were: they outlive the test.
func sweep(t *testing.T, urls map[string]string, name string) {
	t.Helper()
	elastic := strings.TrimSuffix(urls[servers.Elastic], "/")
	for index := range strings.FieldsSeq(call(t, http.MethodGet, elastic+"/_cat/indices/"+name+"-*?h=index", nil)) {
		call(t, http.MethodDelete, elastic+"/"+index, nil)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(urls[servers.Mongo]))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := client.Database(name).Drop(ctx); err != nil {
		t.Error(fmt.Errorf("drop %s: %w", name, err))
	}
	if err := client.Disconnect(ctx); err != nil {
		t.Error(err)
	}
}
