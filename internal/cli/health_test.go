package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	defer server.Close()
	for _, c := range []struct {
		args   string
		want   int
		stderr string
	}{
		{server.URL + "/readyz", ExitOK, ""},
		{server.URL + "/other", ExitUnavailable, "503 Service Unavailable"},
		{away.URL, ExitUnavailable, "connection refused"},
		{"nonsense", ExitUnavailable, "unsupported protocol"},
		{"http://a:b:c", ExitUsage, "invalid port"},
		{"", ExitUsage, "accepts 1 arg"},
	} {
		var stderr strings.Builder
		env := &Env{Stdout: io.Discard, Stderr: &stderr}
		if got := env.Run(healthCommand(), strings.Fields(c.args)); got != c.want || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%q: exit %d, want %d; stderr %q, want %q in it", c.args, got, c.want, stderr.String(), c.stderr)
		}
	}
}
