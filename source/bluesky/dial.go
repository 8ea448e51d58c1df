package bluesky

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

const (
	maxFrame = 4 << 20          // servers are asked to send no more than maxRecord
	silence  = 30 * time.Second // after this the connection is tried
	answer   = 10 * time.Second // within this it must react
)

// errTooOld means that the server has no events as old as the cursor.
var errTooOld = errors.New("the cursor is older than the stream's look-back")

// frame is a message, or why there are no more.
type frame struct {
	data []byte
	err  error
}

// dial connects and returns the messages as they come. The channel is closed
// when ctx ends; otherwise its last frame has an error. It holds few messages,
// so a consumer that is slow slows the server down.
func (c *Connector) dial(ctx context.Context, address string) (<-chan frame, error) {
	where := hostOf(address)
	key := source.Key{Source: Name, Host: where}
	if c.web.Limits != nil {
		if err := c.web.Limits.Wait(ctx, key, source.Rate{N: 30, Per: 5 * time.Minute}); err != nil {
			return nil, err
		}
	}
	header := http.Header{}
	if c.web.Agent != "" {
		header.Set("User-Agent", c.web.Agent)
	}
	// The library reads a time-out of the client as one of the handshake alone.
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{ //nolint:bodyclose // the library has read it
		HTTPClient: c.web.HTTP, HTTPHeader: header, Subprotocols: []string{"xrpc.v1.json"},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, c.refused(ctx, key, resp, err)
	}
	conn.SetReadLimit(maxFrame)
	out := make(chan frame, 64)
	go pump(ctx, conn, where, out)
	return out, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// pump reads conn until it ends.
func pump(ctx context.Context, conn *websocket.Conn, where string, out chan<- frame) {
	defer close(out)
	defer func() { _ = conn.CloseNow() }()
	life, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	heard := make(chan struct{}, 1)
	var reading atomic.Bool
	go watch(life, conn, heard, &reading, stop)
	for {
		reading.Store(true)
		_, data, err := conn.Read(life)
		reading.Store(false)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			err = broke(where, err, context.Cause(life))
		}
		select {
		case out <- frame{data, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
		select {
		case heard <- struct{}{}:
		default:
		}
	}
}

var errSilent = errors.New("nothing was heard, and a ping had no answer")

// watch pings a silent server. Sending data would end the connection; a ping is
// none. While the consumer is busy nobody reads, and no answer could be seen.
func watch(ctx context.Context, conn *websocket.Conn, heard <-chan struct{}, reading *atomic.Bool, stop context.CancelCauseFunc) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
		case <-timer.C:
			if reading.Load() && dead(ctx, conn) && reading.Load() && len(heard) == 0 {
				stop(errSilent)
				return
			}
		}
		timer.Reset(silence)
	}
}

func dead(ctx context.Context, conn *websocket.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return conn.Ping(ctx) != nil
}

// broke says how a connection ended, without its address's query.
func broke(where string, err, cause error) error {
	if errors.Is(cause, errSilent) {
		return models.Faultf(models.Unavailable, "stream %s: %v", where, errSilent)
	}
	if ce, ok := errors.AsType[websocket.CloseError](err); ok {
		return models.Faultf(models.Unavailable, "stream %s: closed by the server: %d %s", where, ce.Code, clip(ce.Reason))
	}
	return models.Faultf(models.Unavailable, "stream %s: %v", where, err)
}

// refused sorts why there was no connection.
func (c *Connector) refused(ctx context.Context, key source.Key, resp *http.Response, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if resp == nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op
		}
		return models.Faultf(models.Unavailable, "stream %s: %v", key.Host, err)
	}
	var body []byte
	if resp.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	}
	told := asObject(body)
	name, message := clip(told.text("error")), told.text("message")
	message = message[:min(len(message), 300)]
	switch code := resp.StatusCode; {
	case code == http.StatusBadRequest && name == "CursorTooOld":
		return errTooOld
	case code == http.StatusTooManyRequests:
		until := c.now().Add(wait(resp.Header.Get("Retry-After")))
		if c.web.Limits != nil {
			if err := c.web.Limits.Report(ctx, key, source.Signal{Until: until}); err != nil {
				return err
			}
		}
		return &source.Trouble{Kind: source.Throttled, Until: until, Err: fmt.Errorf("stream %s answered 429", key.Host)}
	case code == http.StatusForbidden || code == http.StatusUnauthorized:
		return &source.Trouble{Kind: source.Stopped, Do: "name another host in the query", Err: fmt.Errorf("stream %s answered %d", key.Host, code)}
	case code == http.StatusNotFound:
		return models.Faultf(models.Permanent, "stream %s answered 404: it doesn't speak this version; try stream: v1, or another host", key.Host)
	case code >= 500 || code < 400 || web.IsHTML(resp.Header, body):
		return models.Faultf(models.Unavailable, "stream %s answered %d", key.Host, code)
	default:
		return models.Faultf(models.Permanent, "stream %s answered %d: %s: %s", key.Host, code, cmp.Or(name, "no reason"), message)
	}
}

// wait reads Retry-After; a minute when it tells nothing.
func wait(after string) time.Duration {
	if n, err := strconv.Atoi(after); err == nil && n >= 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	return time.Minute
}
