package feed

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"weft/source"
	"weft/source/web"
)

// errGone is a feed that its owner took away for good.
var errGone = errors.New("410: the feed is gone for good; remove the query")

// Parse reads a recorded feed of any kind.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	d, err := c.document(rec)
	if err != nil || d == nil {
		return source.Batch{}, err
	}
	return d.batch(public(rec.URL), c.opt.Now()), nil
}

// document takes an answer apart; nil if there is nothing new in it.
func (c *Connector) document(rec source.Exchange) (*document, error) {
	switch {
	case rec.Status == http.StatusNotModified:
		return nil, nil //nolint:nilnil // nothing new is no error
	case rec.Status == http.StatusGone:
		return nil, errGone
	case rec.Status >= http.StatusMultipleChoices:
		return nil, fmt.Errorf("%d: an error, not a feed", rec.Status)
	}
	// Some serve feeds as text/html, so the body decides.
	if web.IsHTML(nil, rec.Body) {
		return nil, errors.New("a page for people, not a feed; the feed's address stands in its <link rel=\"alternate\">")
	}
	return read(rec.Body, rec.Header.Get("Content-Type"))
}

// public is an address without what may be secret in it.
func public(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.RawQuery, u.User, u.Fragment = "", nil, ""
	return u.String()
}
