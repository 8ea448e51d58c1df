package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Bucket makes a bucket on the GCS server, and returns its name.
func Bucket(t testing.TB) string {
	t.Helper()
	return BucketAt(t, URL(t, GCS))
}

// BucketAt makes a bucket on the GCS server at an address. It stays: servers
// that tests share are thrown away as a whole.
func BucketAt(t testing.TB, gcs string) string {
	t.Helper()
	name := "t" + strings.ToLower(rand.Text()[:14])
	call(t, http.MethodPost, strings.TrimSuffix(gcs, "/")+"/storage/v1/b?project=test-project", `{"name": "`+name+`"}`)
	return name
}

// Dataset is the URL of a dataset of the test's own on the BigQuery server at
// endpoint; it is made by who opens it, and dropped at the end.
func Dataset(t testing.TB, endpoint string) string {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text()[:14])
	t.Cleanup(func() {
		call(t, http.MethodDelete, strings.TrimSuffix(endpoint, "/")+"/projects/test-project/datasets/"+name+"?deleteContents=true", "")
	})
	return "bigquery://test-project/" + name + "?endpoint=" + url.QueryEscape(endpoint)
}

// Indices is the URL of a prefix of the test's own on the Elasticsearch at an
// address. The indices whose names begin with it are deleted at the end.
func Indices(t testing.TB, elastic string) string {
	t.Helper()
	elastic = strings.TrimSuffix(elastic, "/")
	prefix := "t" + strings.ToLower(rand.Text()[:14])
	t.Cleanup(func() {
		for index := range strings.FieldsSeq(call(t, http.MethodGet, elastic+"/_cat/indices/"+prefix+"-*?h=index&expand_wildcards=all", "")) {
			call(t, http.MethodDelete, elastic+"/"+index, "")
		}
	})
	return elastic + "/" + prefix
}

// Database is the URL of a database of the test's own on the MongoDB at an
// address; it is made by who writes to it, and dropped at the end, unless the
// server is a test's own and goes as a whole.
func Database(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := "weft_" + strings.ToLower(rand.Text())
	u.Path = "/" + name
	if address != os.Getenv(Mongo) {
		return u.String()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		client, err := mongo.Connect(options.Client().ApplyURI(address))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Database(name).Drop(ctx); err != nil { // it harms nobody, and the stand-in may be busy for long
			t.Logf("drop %s: %v", name, err)
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	})
	return u.String()
}

// call sends a request that must succeed or find nothing, and returns the answer.
func call(t testing.TB, method, address, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, address, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Timeout: 2 * time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("%s: %.300s", resp.Status, answer)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return string(answer)
}
