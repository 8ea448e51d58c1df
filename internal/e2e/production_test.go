package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
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
	t.Cleanup(func() { sweep(t, urls, name) })
	return []config.Override{
		{Key: "documents.url", Value: database(t, urls[servers.Mongo], name)},
		{Key: "search.url", Value: strings.TrimSuffix(urls[servers.Elastic], "/") + "/" + name},
		{Key: "history.url", Value: "gs://" + servers.BucketAt(t, urls[servers.GCS])},
		{Key: "history.warehouse", Value: servers.Dataset(t, urls[servers.BigQuery])},
		{Key: "blobs.url", Value: "gs://" + servers.BucketAt(t, urls[servers.GCS])},
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

// sweep leaves the servers as they were: they outlive the test.
func sweep(t *testing.T, urls map[string]string, name string) {
	t.Helper()
	servers.DropIndices(t, urls[servers.Elastic], name)
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

// These hold the laws on the production stores, as the tests of the same names
// without "Production" do on the embedded ones.

func TestOutageProduction(t *testing.T) {
	t.Parallel()
	outageFailsNoRun(t, newProductionRig)
}

func TestPoisonProduction(t *testing.T) {
	t.Parallel()
	poisonEnds(t, newProductionRig)
}
