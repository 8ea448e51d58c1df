package elastic

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	a, err := parseAddress("https://weft:s%2Fecret@search.example:9200/staging?ca=/etc/ca.pem")
	if err != nil || a.host.String() != "https://search.example:9200" || a.user != "weft" || a.password != "s/ecret" || a.prefix != "staging" || a.ca != "/etc/ca.pem" {
		t.Errorf("parseAddress = %+v, %v", a, err)
	}
	if a, err = parseAddress("http://localhost:9200"); err != nil || a.prefix != "weft" {
		t.Errorf("parseAddress = %+v, %v; want the prefix weft", a, err)
	}
	for url, words := range map[string]string{
		"ftp://x":                        `scheme "ftp"; allowed: https, http`,
		"https:///weft":                  "names no host",
		"https://u:secret@x/A":           `prefix "A"`,
		"https://u:secret@x/a-v2":        "no part like v1",
		"https://u:secret@x/a-write-b":   "no part like v1",
		"https://u:secret@x?cacert=1":    `unknown parameter "cacert"; allowed: ca, api_key`,
		"https://u:secret@x?api_key=k":   "give one",
		"http://x?ca=f":                  "ca is for https",
		"https://u:secret@x:port/":       "not a URL",
		"https://u:secret@x/weft?ca=%zz": "can't be read",
	} {
		_, err := parseAddress(url)
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("parseAddress(%q) = %v, want %q and no secret", url, err, words)
		}
	}
}

// What a cluster with a certificate of its own sees of who comes.
func TestTLSAndCredentials(t *testing.T) {
	var seen string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(srv.URL, "https://")
	for url, want := range map[string]string{
		"https://weft:secret@" + host + "?ca=" + ca:  "Basic d2VmdDpzZWNyZXQ=",
		"https://" + host + "?api_key=a2V5&ca=" + ca: "APIKey a2V5",
	} {
		seen = ""
		_, err := Open(t.Context(), url, Options{})
		wantClass(t, "Open", err, "unavailable", "401")
		if !strings.EqualFold(seen, want) {
			t.Errorf("the cluster saw %q, want %q", seen, want)
		}
	}
	_, err := Open(t.Context(), "https://"+host, Options{})
	wantClass(t, "Open without the ca", err, "unavailable", "certificate")
	if err := os.WriteFile(ca, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), "https://"+host+"?ca="+ca, Options{})
	wantClass(t, "Open with a broken ca", err, "permanent", "no PEM certificate")
}
