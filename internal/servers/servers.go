// Package servers tells tests where the real servers are that scripts/services
// started. A server that isn't there makes a test skip with the reason; in CI it
// makes it fail, since there every server can be had.
package servers

import (
	"os"
	"testing"
)

// The servers, by the variable that holds their address. NAME_MISSING may say
// why there is none.
const (
	Mongo         = "WEFT_TEST_MONGO_URL"          // mongodb://HOST:PORT/?…, without a database
	Elastic       = "WEFT_TEST_ELASTIC_URL"        // http://HOST:PORT
	GCS           = "WEFT_TEST_GCS_URL"            // http://HOST:PORT, the JSON API's root
	BigQuery      = "WEFT_TEST_BIGQUERY_URL"       // http://HOST:PORT/bigquery/v2/, of the project test-project; reads the buckets of GCS
	BigQueryGRPC  = "WEFT_TEST_BIGQUERY_GRPC"      // HOST:PORT
	S3            = "WEFT_TEST_S3_URL"             // http://HOST:PORT
	Redis         = "WEFT_TEST_REDIS_URL"          // redis://HOST:PORT/0
	RedisTLS      = "WEFT_TEST_REDIS_TLS_URL"      // rediss://weft:PASSWORD@HOST:PORT/0?ca=FILE, with an ACL user
	RedisSentinel = "WEFT_TEST_REDIS_SENTINEL_URL" // redis-sentinel://HOST:PORT,…/MASTER
	RedisCluster  = "WEFT_TEST_REDIS_CLUSTER_URL"  // redis-cluster://HOST:PORT,…
	OIP           = "WEFT_TEST_OIP_URL"            // http://HOST:PORT of the Open Inference Protocol: tiny, garment-s and garment-l, each in version 1
	Python        = "WEFT_TEST_PYTHON"             // the path of a python with pandas, pyarrow, polars and duckdb
)

// URL returns the address that the variable name holds. Tests share the
// servers: each takes a database, index prefix or bucket of its own.
func URL(t testing.TB, name string) string {
	t.Helper()
	return find(t, name, os.Getenv)
}

// find looks a server up, and ends the test if there is none.
func find(t testing.TB, name string, lookup func(string) string) string {
	t.Helper()
	if url := lookup(name); url != "" {
		return url
	}
	reason := lookup(name + "_MISSING")
	if reason == "" {
		reason = `run the tests by make test, or first: eval "$(scripts/services start --env)"`
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not set: %s", name, reason)
	}
	t.Skipf("%s is not set: %s", name, reason)
	return ""
}
