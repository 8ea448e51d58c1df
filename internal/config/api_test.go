package config_test

import (
	"strings"
	"testing"

	"weft/internal/config"
	"weft/models"
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

// Who configures an identity provider has said all that a login needs.
func TestOIDC(t *testing.T) {
	const whole = "issuer: 'https://id.example', client_id: weft, client_secret: hunter2, redirect_url: 'https://weft.example/v1/sessions/oidc/callback', roles: ['admins=admin', 'a=b=viewer']"
	for text, want := range map[string]string{
		whole:                         "",
		whole + ", default_role: god": `api.oidc.default_role: "god" is not a role`,
		whole + ", scopes: [email]":   "api.oidc.scopes: openid is not among them",
		whole + ", claim: ''":         "api.oidc.roles: api.oidc.issuer is set, and nobody may do anything",
		strings.Replace(whole, "admins=admin", "admins:admin", 1):                `api.oidc.roles: "admins:admin" is not of the form value=role`,
		strings.Replace(whole, "https://id", "http://id", 1):                     `api.oidc.issuer: "http://id.example" is not https`,
		strings.Replace(whole, "https://id.example", "http://127.0.0.1:9", 1):    "",
		strings.Replace(whole, "/oidc/callback", "/oidc", 1):                     "api.oidc.redirect_url",
		strings.Replace(whole, "https://weft", "http://weft", 1):                 "api.oidc.redirect_url",
		strings.Replace(whole, "client_id: weft, ", "", 1):                       "api.oidc.client_id",
		strings.Replace(whole, ", roles: ['admins=admin', 'a=b=viewer']", "", 1): "nobody may do anything",
		"issuer: ''": "",
	} {
		c, err := config.Load(file(t, "api: {oidc: {"+text+"}}"), nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v; want %q in it", text, err, want)
		case text == whole:
			if r := c.API.OIDC.RoleOf(); r["admins"] != models.Admin || r["a=b"] != models.Viewer || len(r) != 2 {
				t.Errorf("roles %v", r)
			}
			if strings.Contains(c.String(), "hunter2") {
				t.Error("the secret is printed")
			}
		}
	}
}
