package e2e

import (
	"os"
	"slices"
	"testing"

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

// newFilesRig is newProductionRig without a warehouse, and with one server of
// the test's own, for tests that kill that one, or workers in the middle of loads: BigQuery refuses
// the second job of a name, its stand-in runs it again, so that rows double and
// the part waits for minutes until it is loaded anew. storage/bigquery shows
// that on a jobs API which refuses.
func newFilesRig(t *testing.T, posts int, retention string, own *servers.Set, name string) *rig {
	t.Helper()
	urls := shared(t)
	urls[name] = own.URL(name)
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

// TestKillsProduction holds the laws where workers are killed. See newOwnMongoRig.
func TestKillsProduction(t *testing.T) { //nolint:tparallel // they go side by side, but not beside other tests
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	for name, test := range map[string]func(*testing.T){
		"poison":         func(t *testing.T) { poisonEnds(t, newOwnMongoRig) },        //nolint:thelper // a test
		"random crashes": func(t *testing.T) { randomCrashes(t, newOwnMongoRig, 60) }, //nolint:thelper // a test
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
	crashPoints(t, newOwnMongoRig)
}

// newOwnMongoRig is for tests that kill workers. Each has a MongoDB of its own: its stand-in is busy for minutes with the connections
// that a killed worker leaves, and has hung under the tests that shared it.
func newOwnMongoRig(t *testing.T, posts int, retention string) *rig {
	t.Helper()
	return newFilesRig(t, posts, retention, servers.Own(t, servers.Mongo), servers.Mongo)
}
