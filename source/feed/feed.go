// Package feed collects posts from RSS, Atom and JSON Feed: brands' blogs,
// Tumblr, Flickr, WordPress and whatever else offers one. No account is needed.
//
// A feed is a window on the newest posts. What leaves the window isn't deleted;
// only what a feed says to be deleted is (RFC 6721).
package feed

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"weft/source"
	"weft/source/web"
)

// Name is the source that posts carry.
const Name = "feed"

// Options say how a Connector works.
type Options struct {
	Web *web.Client
	// Base stands for the scheme and host of each query's url when it is not empty.
	Base string
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Connector reads feeds. It is safe for concurrent use.
type Connector struct{ opt Options }

// New makes a connector.
func New(opt Options) *Connector {
	if opt.Web == nil {
		opt.Web = &web.Client{}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Connector{opt: opt}
}

// defaultBackfill is how many pages are read the first time.
const defaultBackfill = 10

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "url", Meaning: "the feed's address", Required: true, Check: func(v string) error { _, err := parseURL(v); return err }},
		{Name: "backfill", Meaning: fmt.Sprintf("how many pages are read the first time, of feeds that have several (default %d)", defaultBackfill), Check: func(v string) error { _, err := parseCount(v); return err }},
	}
}

func parseURL(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("an address such as https://blog.example/feed is wanted")
	}
	return u, nil
}

func parseCount(v string) (int, error) {
	if v == "" {
		return defaultBackfill, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("%q: a number from 1 to 10000 is wanted", v)
	}
	return n, nil
}
