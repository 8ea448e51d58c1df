package config_test

import (
	"strings"
	"testing"

	"weft/internal/config"
)

// An API that other machines can reach wants tokens, each of a form that holds
// no secret.
func TestAPI(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		"api: {listen: '0.0.0.0:8090'}":                                         "api.listen: \"0.0.0.0:8090\" can be reached from other machines: name a token in api.tokens",
		"api: {listen: ':8090'}":                                                "can be reached from other machines",
		"api: {listen: ''}":                                                     "not an address of the form host:port",
		"api: {tokens: [hunter2]}":                                              "api.tokens: token 1 is not of the form name:hash",
		"api: {tokens: ['ana:" + sum + "', 'ana:" + sum + "']}":                 "there are two of its name",
		"api: {listen: '0.0.0.0:8090', tokens: ['ana:" + sum + "']}":            "",
		"api: {listen: '[::1]:8090'}":                                           "",
		"api: {listen: 'localhost:0', tokens: 'ana:" + sum + ",b:" + sum + "'}": "",
	} {
		c, err := config.Load(file(t, text), nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v; want %q in it", text, err, want)
		case strings.Contains(c.String(), sum):
			t.Errorf("%s: the hash is printed", text)
		}
	}
}
