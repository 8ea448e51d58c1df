package e2e

import (
	"os"
	"slices"
	"testing"

	"weft/internal/config"
	"weft/internal/servers"
)

// own are the servers of the production stores by their names in internal/servers:
// a MongoDB of the test's own, and what else it wants for itself; the others are
// shared. Its stand-in is busy for minutes with the connections that a killed
// worker leaves, and has hung under the tests that shared it.
func own(t *testing.T, more ...string) (map[string]string, *servers.Set) {
	t.Helper()
	names := more
	if !slices.Contains(more, servers.Mongo) {
		names = append(names, servers.Mongo)
	}
	set, urls := servers.Own(t, names...), map[string]string{}
	for _, name := range []string{servers.Elastic, servers.GCS, servers.BigQuery} {
		if !slices.Contains(names, name) {
			urls[name] = servers.URL(t, name)
		}
	}
	for _, name := range names {
		urls[name] = set.URL(name)
	}
	return urls, set
}

// newProductionRig is newRig on MongoDB, Elasticsearch, GCS and BigQuery, as
// far as there are servers of theirs here.
func newProductionRig(t *testing.T, posts int, retention string) *rig {
	t.Helper()
	urls, _ := own(t)
	return newRigOn(t, posts, retention, func() []config.Override { return production(t, urls) })
}

// newFilesRig is newProductionRig without a warehouse, for tests that kill servers, or workers
// in the middle of loads: BigQuery refuses the second job of a name, its stand-in runs it again,
// so that rows double and the part waits for minutes until it is loaded anew. storage/bigquery
// shows that on a jobs API which refuses.
func newFilesRig(t *testing.T, posts int, retention string) *rig {
	t.Helper()
	urls, _ := own(t)
	return newFilesRigOn(t, posts, retention, urls)
}

func newFilesRigOn(t *testing.T, posts int, retention string, urls map[string]string) *rig {
	t.Helper()
	return newRigOn(t, posts, retention, func() []config.Override {
		return slices.DeleteFunc(production(t, urls), func(o config.Override) bool { return o.Key == "history.warehouse" })
	})
}

// production makes a place of its own on each server.
func production(t *testing.T, urls map[string]string) []config.Override {
	t.Helper()
	return []config.Override{
		{Key: "documents.url", Value: servers.Database(t, urls[servers.Mongo])},
		{Key: "search.url", Value: servers.Indices(t, urls[servers.Elastic])},
		{Key: "history.url", Value: "gs://" + servers.BucketAt(t, urls[servers.GCS])},
		{Key: "history.warehouse", Value: servers.Dataset(t, urls[servers.BigQuery])},
		{Key: "blobs.url", Value: "gs://" + servers.BucketAt(t, urls[servers.GCS])},
	}
}

// These hold the laws on the production stores, as the tests of the same names
// without "Production" do on the embedded ones.

func TestOutageProduction(t *testing.T) {
	t.Parallel()
	outageFailsNoRun(t, newProductionRig)
}

// TestKillsProduction holds the laws where workers are killed.
func TestKillsProduction(t *testing.T) { //nolint:tparallel // they go side by side, but not beside other tests
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	for name, test := range map[string]func(*testing.T){
		"poison":         func(t *testing.T) { poisonEnds(t, newFilesRig) },        //nolint:thelper // a test
		"random crashes": func(t *testing.T) { randomCrashes(t, newFilesRig, 60) }, //nolint:thelper // a test
		"bad network":    badNetwork,
		"restore":        restoreFromBackup,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of their time they wait for leases
			test(t)
		})
	}
}

// TestCrashPointsProduction is not a part of make test: with a MongoDB for each
// of the points it takes a quarter of an hour.
func TestCrashPointsProduction(t *testing.T) { //nolint:tparallel // see TestCrashPoints
	if os.Getenv("WEFT_TEST_LONG") == "" {
		t.Skip("takes a quarter of an hour: make crash-stores")
	}
	crashPoints(t, newFilesRig)
}
