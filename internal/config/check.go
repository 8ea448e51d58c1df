package config

import (
	"net"
	neturl "net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/models"
)

var (
	environmentPattern = regexp.MustCompile(`^[a-z0-9]{0,16}$`)
	schemePattern      = regexp.MustCompile(`^([a-z][a-z0-9+.-]*):`)
)

// check finds what is wrong beyond a single value's form.
func (l *loader) check() {
	c := l.config
	if !environmentPattern.MatchString(c.Environment) {
		l.refuse("environment", "%q is not up to 16 of a-z and 0-9", c.Environment)
	}
	if c.Data == "" {
		l.refuse("data", "a folder is wanted")
	}
	l.checkRedis()
	l.scheme("documents.url", c.Documents.URL, "", "sqlite", "mongodb", "mongodb+srv")
	l.scheme("search.url", c.Search.URL, "", "sqlite", "https", "http")
	l.scheme("history.url", c.History.URL, "", "duckdb", "gs", "s3")
	l.checkWarehouse()
	l.scheme("blobs.url", c.Blobs.URL, "", "file", "gs", "s3")
	if c.Tracing.Endpoint != "" {
		l.scheme("tracing.endpoint", c.Tracing.Endpoint, "", "http", "https")
	}
	if l.address("redis.listen", c.Redis.Listen) && !loopback(c.Redis.Listen) {
		l.refuse("redis.listen", "%q is not a loopback address, and the embedded Redis has no password; take 127.0.0.1:<port>", c.Redis.Listen)
	}
	if c.Metrics.Listen != "" {
		l.address("metrics.listen", c.Metrics.Listen)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		l.refuse("log.format", "%q is not a format; allowed: text, json", c.Log.Format)
	}
	if c.Limits.DecodePixels < c.Limits.ImagePixels {
		l.refuse("limits.decode_pixels", "%d is less than limits.image_pixels (%d): the largest image could never be decoded", c.Limits.DecodePixels, c.Limits.ImagePixels)
	}
	l.checkTimes()
	l.checkAPI()
	l.checkSources()
}

// checkWarehouse wants the files where the warehouse can load them from.
func (l *loader) checkWarehouse() {
	h := l.config.History
	if h.Warehouse == "" {
		return
	}
	l.scheme("history.warehouse", h.Warehouse, "", "bigquery")
	if !strings.HasPrefix(h.URL, "gs://") {
		l.refuse("history.warehouse", "BigQuery loads from gs:// alone, and history.url is %q", Redact(h.URL))
	}
}

func (l *loader) checkTimes() {
	c := l.config
	for _, s := range models.Steps() {
		if d := c.Steps.Timeouts[s]; d%time.Second != 0 {
			l.refuse("steps.timeouts."+string(s), "%s is not a number of whole seconds", d)
		}
	}
	if step, longest := c.Steps.Longest(); c.Drain <= longest {
		l.refuse("drain", "%s is not longer than the longest time-out (steps.timeouts.%s: %s), so a running step could be cut off",
			short(c.Drain), step, short(longest))
	}
}

func (l *loader) checkAPI() {
	l.address("api.listen", l.config.API.Listen)
	l.address("monitor.listen", l.config.Monitor.Listen)
	if l.config.API.OIDC.Issuer != "" {
		l.checkOIDC()
	}
}

// callback is the path of the API that an identity provider sends browsers to.
const callback = "/v1/sessions/oidc/callback"

// checkOIDC wants all that a login needs, and that nobody can read it on the way.
func (l *loader) checkOIDC() {
	o := l.config.API.OIDC
	l.private("api.oidc.issuer", o.Issuer)
	if u := l.private("api.oidc.redirect_url", o.RedirectURL); u != nil && (u.Path != callback || u.RawQuery != "") {
		l.refuse("api.oidc.redirect_url", "%q doesn't end in the host and %s", Redact(o.RedirectURL), callback)
	}
	if o.ClientID == "" {
		l.refuse("api.oidc.client_id", "api.oidc.issuer is set, and Weft has no name there")
	}
	if !slices.Contains(o.Scopes, "openid") {
		l.refuse("api.oidc.scopes", "openid is not among them, without which the provider says nothing of who it is")
	}
	for _, r := range o.Roles {
		if i := strings.LastIndex(r, "="); i < 1 || !models.Role(r[i+1:]).Known() {
			l.refuse("api.oidc.roles", "%q is not of the form value=role; roles are %v", r, models.Roles())
		}
	}
	if o.DefaultRole != "" && !models.Role(o.DefaultRole).Known() {
		l.refuse("api.oidc.default_role", "%q is not a role; allowed: %v", o.DefaultRole, models.Roles())
	}
	if o.DefaultRole == "" && (len(o.Roles) == 0 || o.Claim == "") {
		l.refuse("api.oidc.roles", "api.oidc.issuer is set, and nobody may do anything: name api.oidc.claim and roles, or api.oidc.default_role")
	}
}

// private wants the address of something on this machine, or https.
func (l *loader) private(name, text string) *neturl.URL {
	u, err := neturl.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		l.refuse(name, "%q is not a complete URL", Redact(text))
		return nil
	case u.Scheme == "https", u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
		return u
	}
	l.refuse(name, "%q is not https, and not of this machine", Redact(text))
	return nil
}

// refuse reports a problem with a key where its value was set.
func (l *loader) refuse(name, format string, args ...any) {
	l.problem(l.where(name), name, format, args...)
}

// scheme wants text to be the word alone or a URL with one of schemes.
func (l *loader) scheme(name, text, alone string, schemes ...string) {
	if alone != "" && text == alone {
		return
	}
	allowed := strings.Join(schemes, ":, ") + ":"
	if alone != "" {
		allowed = alone + ", " + allowed
	}
	m := schemePattern.FindStringSubmatch(text)
	if len(m) < 2 || !slices.Contains(schemes, m[1]) {
		l.refuse(name, "%q is not of a known kind; allowed: %s", Redact(text), allowed)
		return
	}
	rest := strings.TrimPrefix(text, m[0])
	switch m[1] {
	case "sqlite", "duckdb": // a path follows
	case "mongodb": // may name several hosts, which is no URL in the strict sense
	case RedisSingle, RedisTLS, RedisSentinel, RedisCluster: // likewise; ParseRedis reads them
	default:
		if u, err := neturl.Parse(text); err != nil || (u.Host == "" && u.Path == "") {
			l.refuse(name, "%q is not a complete URL", Redact(text))
			return
		}
	}
	if strings.Trim(rest, "/") == "" {
		l.refuse(name, "%q names no place after %s", text, m[0])
	}
}

// address wants host:port with a port from 0 to 65535.
func (l *loader) address(name, text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.refuse(name, "%q is not an address of the form host:port", text)
		return false
	}
	return true
}

// loopback reports whether only this machine can reach the address.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
