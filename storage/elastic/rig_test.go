package elastic

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/internal/servers"
)

// newPrefix names indices that no other test uses.
func newPrefix() string { return "t" + strings.ToLower(rand.Text()[:12]) }

// openTest opens a store of its own prefix, and removes it at the end.
func openTest(t testing.TB, change ...func(*Options)) *Search {
	t.Helper()
	return openPrefix(t, newPrefix(), change...)
}

func openPrefix(t testing.TB, prefix string, change ...func(*Options)) *Search {
	t.Helper()
	none := 0
	o := Options{Replicas: &none, Refresh: true, Linger: time.Microsecond}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(t.Context(), servers.URL(t, servers.Elastic)+"/"+prefix, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		removeAll(t, s)
	})
	return s
}

// removeAll deletes what a store made. The context of the test has ended by then.
func removeAll(t testing.TB, s *Search) {
	t.Helper()
	ctx := context.Background()
	var have map[string]any
	if err := s.client.do(ctx, esapi.IndicesGetAliasRequest{Index: []string{s.prefix + "-*"}, ExpandWildcards: "all"}, &have); err != nil {
		t.Error(err)
	}
	var indices []string
	for name := range have {
		indices = append(indices, name)
	}
	if len(indices) > 0 {
		if err := s.client.do(ctx, esapi.IndicesDeleteRequest{Index: indices}, nil); err != nil {
			t.Error(err)
		}
	}
	if err := s.client.do(ctx, esapi.IndicesDeleteIndexTemplateRequest{Name: s.prefix + "-v*"}, nil); err != nil && !refused(err, "index_template_missing_exception") { // a second store of the prefix
		t.Error(err)
	}
}
