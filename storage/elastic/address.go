package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

const defaultPrefix = "weft"

// Options are what a URL doesn't say. The zero value is for production.
type Options struct {
	Shards   int  // of each month; 1 if zero. A month of 50 GB wants another
	Replicas *int // of each month; nil: 1
	Dims     int  // of image embeddings; 0: they are kept, and can't be searched

	// Policy is an ILM policy of the operator's, given to new months where the
	// cluster has it. It must not make months read-only: old posts change, too.
	Policy string

	// Refresh makes Search and Count see every write that returned
	// before, by refreshing first. It is for tests: else writes show within the
	// cluster's refresh interval of a second.
	Refresh bool

	Linger  time.Duration // how long a write waits for others; 3 ms if zero
	Timeout time.Duration // of each call; 30 s if zero
}

func (o Options) withDefaults() Options {
	if o.Shards == 0 {
		o.Shards = 1
	}
	if o.Replicas == nil {
		one := 1
		o.Replicas = &one
	}
	if o.Linger == 0 {
		o.Linger = 3 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return o
}

// address is a search URL taken apart.
type address struct {
	host           neturl.URL // without credentials
	user, password string
	apiKey         string
	ca             string
	prefix         string
}

var legalPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// builds could be taken for another prefix's.
var likeBuild = regexp.MustCompile(`-(v\d+|write|next|gone)(-|$)`)

// parseAddress reads http(s)://[user:password@]host[:port][/prefix][?ca=FILE&api_key=KEY].
// No error shows the URL, since it may hold a password.
func parseAddress(text string) (address, error) {
	u, err := neturl.Parse(text)
	if err != nil {
		return address{}, errors.New("it is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return address{}, fmt.Errorf("scheme %q; allowed: https, http", u.Scheme)
	}
	if u.Host == "" {
		return address{}, errors.New("it names no host; wanted: https://[user:password@]host[:port][/prefix][?ca=FILE&api_key=KEY]")
	}
	a := address{host: neturl.URL{Scheme: u.Scheme, Host: u.Host}, prefix: strings.Trim(u.Path, "/"), user: u.User.Username()}
	a.password, _ = u.User.Password()
	if a.prefix == "" {
		a.prefix = defaultPrefix
	}
	if !legalPrefix.MatchString(a.prefix) || likeBuild.MatchString(a.prefix) {
		return address{}, fmt.Errorf("prefix %q: up to 64 of a-z, 0-9, _ and -, beginning with a letter or digit, and no part like v1, write, next or gone", a.prefix)
	}
	query, err := neturl.ParseQuery(u.RawQuery)
	if err != nil {
		return address{}, errors.New("what follows the ? can't be read")
	}
	for name, values := range query {
		switch name {
		case "ca":
			a.ca = values[0]
		case "api_key":
			a.apiKey = values[0]
		default:
			return address{}, fmt.Errorf("unknown parameter %q; allowed: ca, api_key", name)
		}
	}
	if a.apiKey != "" && a.user != "" {
		return address{}, errors.New("it has a user and an api_key; give one")
	}
	if a.ca != "" && u.Scheme != "https" {
		return address{}, errors.New("ca is for https")
	}
	return a, nil
}

// transport returns the way to the cluster. It repeats nothing by itself: a
// write's caller knows better when to come again.
func (a address) transport() (*elastictransport.Client, *http.Transport, error) {
	base := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // net/http says so
	base.MaxIdleConnsPerHost = 16
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, nil, fmt.Errorf("ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("ca: %s holds no PEM certificate", a.ca)
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	host := a.host
	client, err := elastictransport.NewClient(
		elastictransport.WithURLs(&host), elastictransport.WithBasicAuth(a.user, a.password), elastictransport.WithAPIKey(a.apiKey),
		elastictransport.WithTransport(base), elastictransport.WithDisableRetry(),
	)
	return client, base, err
}
