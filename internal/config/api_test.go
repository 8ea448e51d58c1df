package config_test

import (
	"strings"
	"testing"

	"weft/internal/config"
)

// Whoever asks the API needs a key, so it may listen anywhere.
func TestAPI(t *testing.T) {
	for text, want := range map[string]string{
		"api: {listen: ''}":             "not an address of the form host:port",
		"api: {rate: 0}":                "api.rate: \"0\" is not a whole number above 0",
		"api: {session: 1s}":            "api.session: 1s is too short",
		"api: {tokens: [hunter2]}":      "unknown key \"api.tokens\"",
		"api: {listen: '0.0.0.0:8090'}": "",
		"api: {listen: 'localhost:0'}":  "",
	} {
		_, err := config.Load(file(t, text), nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v; want %q in it", text, err, want)
		}
	}
}
