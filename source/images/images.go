// Package images opens the addresses of posts' images. The addresses come from
// strangers, so nothing in here trusts them: a request goes to the public
// internet or nowhere, whatever a name resolves to and wherever a redirect
// points, and what comes back is bounded in size, type and time.
package images

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"weft/models"
)

// Options bound what an Opener does. The zero value is fine.
type Options struct {
	Bytes   int64          // largest image; 32 MiB when 0
	Timeout time.Duration  // for one image, from the first lookup to the last byte; 20 s when 0
	PerHost int            // requests to one host at one time; 4 when 0
	Agent   string         // User-Agent
	Allow   []netip.Prefix // addresses that may be called although they are not public, on any port: tests and intranets
	Proxy   *url.URL       // nil: none, whatever the environment says. A proxy resolves names itself, so it must refuse private addresses itself
}

const (
	defaultBytes   = 32 << 20
	defaultTimeout = 20 * time.Second
	defaultPerHost = 4
	maxRedirects   = 5
	maxURL         = 8 << 10
	sniffed        = 512 // what http.DetectContentType looks at
)

// Opener reads images over HTTP and HTTPS. It is safe for concurrent use.
type Opener struct {
	opt    Options
	client *http.Client
	turns  *turns
}

// New returns an Opener. It takes no proxy from the environment and keeps no cookies.
func New(opt Options) *Opener {
	opt.Bytes = cmp.Or(opt.Bytes, defaultBytes)
	opt.Timeout = cmp.Or(opt.Timeout, defaultTimeout)
	opt.PerHost = cmp.Or(opt.PerHost, defaultPerHost)
	dialer := &net.Dialer{Timeout: opt.Timeout, ControlContext: newGuard(opt.Allow).control}
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableCompression:     true, // images gain nothing from it, and what is packed twice could be a bomb
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    opt.PerHost,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
	}
	if opt.Proxy != nil {
		transport.Proxy = http.ProxyURL(opt.Proxy)
		transport.DialContext = (&net.Dialer{Timeout: opt.Timeout}).DialContext
	}
	return &Opener{
		opt: opt, turns: newTurns(opt.PerHost),
		client: &http.Client{Transport: transport, CheckRedirect: checkRedirect},
	}
}

// Open reads the image at address. Its errors name the address without its
// query, which may hold a signature.
//
// An image that is not there (any more) is a permanent fault that wraps
// models.ErrGone. All trouble of the host is Retryable and never Unavailable:
// Unavailable would stop the whole queue of fetches, whose other images lie on
// other hosts.
func (o *Opener) Open(ctx context.Context, address string) ([]byte, error) {
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	where := u.Host + u.EscapedPath()
	leave, err := o.turns.enter(ctx, u.Host)
	if err != nil {
		return nil, trouble(ctx, where, errors.New("no turn came: too many images of this host at one time"))
	}
	defer leave()
	limited, cancel := context.WithTimeout(ctx, o.opt.Timeout)
	defer cancel()
	resp, err := o.client.Do(o.request(limited, u))
	if err != nil {
		return nil, o.explain(ctx, where, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(where, resp.StatusCode)
	}
	data, err := o.read(where, resp)
	if err != nil {
		if _, ok := errors.AsType[*models.Fault](err); ok {
			return nil, err
		}
		return nil, o.explain(ctx, where, err)
	}
	return data, nil
}

// parse refuses what is no web address. It never quotes more than the host.
func parse(address string) (*url.URL, error) {
	if len(address) > maxURL {
		return nil, models.Faultf(models.Permanent, "its address is over %d bytes", maxURL)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, models.Faultf(models.Permanent, "its address can't be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, models.Faultf(models.Permanent, "its address is neither http nor https")
	case u.Hostname() == "":
		return nil, models.Faultf(models.Permanent, "its address has no host")
	}
	u.User, u.Fragment = nil, ""
	return u, nil
}

func (o *Opener) request(ctx context.Context, u *url.URL) *http.Request {
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}}).WithContext(ctx)
	// What costs least to decode comes first, for hosts that let us choose.
	req.Header.Set("Accept", "image/jpeg, image/png, image/webp;q=0.9, image/avif;q=0.8, image/*;q=0.5")
	req.Header.Set("User-Agent", cmp.Or(o.opt.Agent, "weft"))
	refer(req)
	return req
}

// refer sets the one Referer that a host insists on. Otherwise none is sent:
// the one that net/http makes of a redirect would carry the first address' signature.
func refer(req *http.Request) {
	req.Header.Del("Referer")
	if host := strings.ToLower(req.URL.Hostname()); host == "sinaimg.cn" || strings.HasSuffix(host, ".sinaimg.cn") {
		req.Header.Set("Referer", "https://weibo.com/")
	}
}

var (
	errRedirects = fmt.Errorf("it redirects more than %d times", maxRedirects)
	errScheme    = errors.New("it redirects to an address that is neither http nor https")
)

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errRedirects
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return errScheme
	}
	req.URL.User = nil
	refer(req)
	return nil
}

// read looks at the first bytes before it takes the rest: a video or a page
// isn't read to its end.
func (o *Opener) read(where string, resp *http.Response) ([]byte, error) {
	tooLarge := models.Faultf(models.Permanent, "%s: over the limit of %.0f MB", where, float64(o.opt.Bytes)/(1<<20))
	if resp.ContentLength > o.opt.Bytes {
		return nil, tooLarge
	}
	body := bufio.NewReaderSize(resp.Body, sniffed)
	head, err := body.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := checkType(where, head); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, o.opt.Bytes+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > o.opt.Bytes:
		return nil, tooLarge
	}
	return data, nil
}

// checkType tells images by their first bytes; what the host calls them doesn't count.
func checkType(where string, head []byte) error {
	mime, _, _ := strings.Cut(http.DetectContentType(head), ";")
	switch {
	case len(head) == 0:
		return models.Faultf(models.Permanent, "%s: an empty answer", where)
	case strings.HasPrefix(mime, "image/"), len(head) >= 12 && string(head[4:8]) == "ftyp" && !strings.HasPrefix(mime, "video/"):
		return nil
	case mime == "text/html":
		return models.Faultf(models.Permanent, "%s: a page for people instead of an image", where)
	default:
		return models.Faultf(models.Permanent, "%s: not an image: %s", where, mime)
	}
}

// refusal is the fault for a status.
func refusal(where string, status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone,
		http.StatusUnavailableForLegalReasons:
		// 400, 401 and 403 are what hosts say of a signature that has run out.
		return models.Faultf(models.Permanent, "%s answered %d: %w", where, status, models.ErrGone)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return models.Faultf(models.Retryable, "%s answered %d", where, status)
	}
	if status >= 500 {
		return models.Faultf(models.Retryable, "%s answered %d", where, status)
	}
	return models.Faultf(models.Permanent, "%s answered %d instead of an image", where, status)
}

// explain turns an error of net/http, which quotes whole addresses, into a fault.
func (o *Opener) explain(ctx context.Context, where string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		err = fmt.Errorf("its host has no address: %s", e.Err)
	}
	for _, never := range []error{errRedirects, errScheme} {
		if errors.Is(err, never) {
			return models.Faultf(models.Permanent, "%s: %w", where, never)
		}
	}
	if errors.Is(err, errPrivate) || errors.Is(err, ssrf.ErrProhibitedPort) {
		return models.Faultf(models.Permanent, "%s: %w", where, bare(err))
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("it took longer than %s", o.opt.Timeout)
	}
	return trouble(ctx, where, err)
}

// trouble is the host's, unless the worker is being stopped.
func trouble(ctx context.Context, where string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return models.Faultf(models.Unavailable, "%s: %w", where, context.Canceled)
	}
	return models.Faultf(models.Retryable, "%s: %w", where, err)
}

// bare is what the guard said, without net's words around it.
func bare(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}
