// Package bluesky collects posts from Bluesky: live from Jetstream, the public
// stream of all posts, of both its versions, or from search with an account.
//
// The stream carries every post there is, so what a query doesn't want is
// thrown away here. Its cursor moves on all the same. Deletions are passed on
// whether or not their post was ever taken.
package bluesky

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// Name is the connector's name.
const Name = "bluesky"

// Options say whom to call, and as whom.
type Options struct {
	Web         *web.Client // nil: one without limits
	Base        string      // the account's server; https://bsky.social when empty
	Public      string      // answers about known posts without an account; https://public.api.bsky.app when empty
	CDN         string      // the image server; https://cdn.bsky.app when empty
	Stream      string      // the stream's host, with ws:// or wss://, for queries that name none
	Handle      string      // for search; empty: no account
	AppPassword string
	Now         func() time.Time // nil: time.Now
}

// Connector reads Bluesky.
type Connector struct {
	opt Options
	web *web.Client
	now func() time.Time

	mu      sync.Mutex // one log-in at a time
	session session
}

// New returns a connector.
func New(opt Options) *Connector {
	c := &Connector{opt: opt, web: opt.Web, now: opt.Now}
	if c.web == nil {
		c.web = &web.Client{HTTP: &http.Client{Timeout: 30 * time.Second}}
	}
	if c.now == nil {
		c.now = time.Now
	}
	address := func(given, usual string) string { return strings.TrimRight(cmp.Or(given, usual), "/") }
	c.opt.Base = address(opt.Base, "https://bsky.social")
	c.opt.Public = address(opt.Public, "https://public.api.bsky.app")
	c.opt.CDN = address(opt.CDN, "https://cdn.bsky.app")
	return c
}

// Collect reads the stream until ctx ends, or what a search has new.
func (c *Connector) Collect(ctx context.Context, q source.Query, cursor json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		s, err := c.settings(q)
		if err != nil {
			yield(source.Batch{}, err)
			return
		}
		var at position
		if len(cursor) > 0 && json.Unmarshal(cursor, &at) != nil {
			yield(source.Batch{}, models.Faultf(models.Permanent, "query %s: its cursor can't be read", q.Name))
			return
		}
		if s.search {
			c.search(ctx, s, at.Search, yield)
			return
		}
		c.stream(ctx, s, at.Stream, yield)
	}
}

// position is the cursor. A query that changes its mode starts anew.
type position struct {
	Stream *streamAt `json:"stream,omitempty"`
	Search *searchAt `json:"search,omitempty"`
}

func (p position) encode() json.RawMessage {
	raw, err := json.Marshal(p)
	if err != nil { // texts, numbers and times: can't happen, and nil means "as before"
		return nil
	}
	return raw
}
