package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/internal/config"
)

func TestParseRedis(t *testing.T) {
	for url, want := range map[string]config.RedisServer{
		"redis://localhost":             {Kind: "redis", Addrs: []string{"localhost:6379"}},
		"redis://:6380/3":               {Kind: "redis", Addrs: []string{"localhost:6380"}, DB: 3},
		"redis://[::1]:6380/":           {Kind: "redis", Addrs: []string{"[::1]:6380"}},
		"redis://:s%40c%2Fr%3Fe%25t@a":  {Kind: "redis", Addrs: []string{"a:6379"}, Password: "s@c/r?e%t"},
		"rediss://weft:a@b@h:1/2?ca=/c": {Kind: "rediss", Addrs: []string{"h:1"}, User: "weft", Password: "a@b", DB: 2, TLS: true, CA: "/c"},
		"rediss://h:1?cert=c.pem&key=k.pem&server_name=redis.example": {
			Kind: "rediss", Addrs: []string{"h:1"}, TLS: true, Cert: "c.pem", Key: "k.pem", ServerName: "redis.example"},
		"redis-sentinel://u:p@a,b:2,c:3/main?db=4&sentinel_user=s&sentinel_password=t%26&tls=true&ca=%2Fx": {
			Kind: "redis-sentinel", Addrs: []string{"a:26379", "b:2", "c:3"}, Master: "main", User: "u", Password: "p", DB: 4,
			SentinelUser: "s", SentinelPassword: "t&", TLS: true, CA: "/x"},
		"redis-cluster://a:1,b:2/0?tls=false": {Kind: "redis-cluster", Addrs: []string{"a:1", "b:2"}},
	} {
		got, err := config.ParseRedis(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", url, d)
		}
	}
}

// TestRefusedRedis: every refusal names the key, says what is allowed, and
// shows no part of a password, not even of one that was not percent-encoded.
func TestRefusedRedis(t *testing.T) {
	for url, want := range map[string]string{
		"http://u:hunter2@a":                                        "redis-cluster:",
		"redis://":                                                  "names no place",
		"redis:a:1":                                                 "not of the form",
		"redis://u:hun/hunter2@a:1/0":                               "write @ as %40, / as %2F",
		"redis://u:hun?hunter2@a:1/0":                               "? as %3F",
		"redis://u:hun#hunter2@a:1/0":                               "# as %23",
		"redis://u:hunter2%zz@a:1":                                  "percent-encoded",
		"redis://hunter2@a:1":                                       "no user:password",
		"redis://a:1,b:2":                                           "redis-sentinel:// and redis-cluster://",
		"redis://a:1/hunter2":                                       "not a number",
		"redis://a:hunter2":                                         "host 1 is not of the form host:port",
		"redis-cluster://a:1,,b:2":                                  "host 2 is not of the form host:port",
		"redis-cluster://a:70000":                                   "1 to 65535",
		"redis-cluster://a:1/3":                                     "no databases",
		"redis-cluster://a:1?db=3":                                  `"db" is unknown; allowed: ca, cert, key, server_name, tls`,
		"redis-sentinel://a:1,b:2":                                  "NAME",
		"redis-sentinel://a:1/m?db=x":                               "db is not a number",
		"redis-sentinel://a:1/m?tls=yes":                            "neither true nor false",
		"redis-sentinel://a:1/m?sentinel_password=x&hunter2":        "parameter 2 is unknown",
		"redis-sentinel://a:1/m?sentinel_user=x":                    "without sentinel_password",
		"redis-sentinel://a:1/m?ca=x":                               "tls=true",
		"redis://a:1?ca=x":                                          "rediss://",
		"rediss://a:1?tls=true":                                     `"tls" is unknown`,
		"rediss://a:1?skip_verify=true":                             "allowed: ca, cert, key, server_name",
		"rediss://a:1?cert=x":                                       "key belong together",
		"rediss://a:1?ca=x&ca=y":                                    "twice",
		"rediss://a:1?ca=":                                          "empty",
		"redis-sentinel://a:1/m?sentinel_password=hunter2%zz&db=1":  "percent-encoded",
		"redis-sentinel://u:hunter2@a:1/m?sentinel_password=hun@er": "write @ as %40",
	} {
		_, err := config.Load("", nil, config.Override{Key: "redis.url", Value: url})
		if err == nil || !strings.Contains(err.Error(), "redis.url: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is shown: %v", url, err)
		}
	}
}

// FuzzParseRedis: whatever is accepted can be dialled, and no error shows what
// stands before the last @.
func FuzzParseRedis(f *testing.F) {
	f.Add("redis://u:p@a:1/0")
	f.Add("redis-sentinel://a,b:2/m?db=1&tls=true&ca=x")
	f.Add("redis-cluster://[::1]:1,b")
	f.Fuzz(func(t *testing.T, url string) {
		s, err := config.ParseRedis(url)
		if err == nil && (len(s.Addrs) == 0 || (s.Kind == config.RedisSentinel) != (s.Master != "")) {
			t.Errorf("%q: %+v", url, s)
		}
		if err != nil && strings.Contains(url, "xyzzy@") && strings.Contains(err.Error(), "xyzzy") {
			t.Errorf("%q: %v", url, err)
		}
	})
}
