package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// errClosed is what every call after Close returns.
var errClosed = models.Faultf(models.Unavailable, "search is closed")

// client sends single requests.
type client struct {
	transport esapi.Transport
	timeout   time.Duration
}

// do sends a request and decodes its answer into out, which may be nil. A
// refusal is a *refusal.
func (c *client) do(ctx context.Context, req esapi.Request, out any) error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := req.Do(limited, c.transport)
	if err != nil {
		return broken(ctx, err)
	}
	defer res.Body.Close()
	if res.IsError() {
		return readRefusal(res)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body)
	} else {
		err = json.NewDecoder(res.Body).Decode(out)
	}
	if err != nil {
		return broken(ctx, fmt.Errorf("read the answer: %w", err))
	}
	return nil
}

// broken classifies what kept a request from being answered: the caller's own
// end, or the cluster's trouble.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return models.Faultf(models.Unavailable, "elasticsearch: %w", err)
}

// refusal is an error that Elasticsearch answered with, for a request or for
// one document of it.
type refusal struct {
	status int
	kind   string
	reason string
}

func (r *refusal) Error() string {
	if r.kind == "" {
		return fmt.Sprintf("elasticsearch: status %d %s", r.status, r.reason)
	}
	return fmt.Sprintf("elasticsearch: %s (%s, status %d)", r.reason, r.kind, r.status)
}

// cause is how Elasticsearch words an error.
type cause struct {
	Type     string  `json:"type"`
	Reason   string  `json:"reason"`
	CausedBy *cause  `json:"caused_by"`
	Root     []cause `json:"root_cause"`
}

func (c cause) refusal(status int) *refusal {
	r := &refusal{status: status, kind: c.Type, reason: c.Reason}
	if c.Type == "search_phase_execution_exception" && len(c.Root) > 0 { // "all shards failed" says nothing
		r.kind, r.reason = c.Root[0].Type, c.Root[0].Reason
	}
	for by := c.CausedBy; by != nil; by = by.CausedBy {
		if by.Reason != "" && by.Reason != r.reason {
			r.reason += ": " + by.Reason
		}
	}
	return r
}

// readRefusal reads an error out of an answer: a proxy in between may word it
// as it likes.
func readRefusal(res *esapi.Response) *refusal {
	const enough = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(res.Body, enough)) // what came has to do
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	var c cause
	if json.Unmarshal(body, &said) == nil && json.Unmarshal(said.Error, &c) == nil && c.Type != "" {
		return c.refusal(res.StatusCode)
	}
	return &refusal{status: res.StatusCode, reason: http.StatusText(res.StatusCode)}
}

// class says whose trouble a refusal is. Rights and blocks are the operator's
// to mend, so they spend no post's attempts.
func (r *refusal) class() models.Class {
	switch {
	case r.status >= 500, r.status == http.StatusTooManyRequests, r.status == http.StatusRequestTimeout,
		r.status == http.StatusUnauthorized, r.status == http.StatusForbidden, r.status == http.StatusNotFound:
		return models.Unavailable
	case strings.Contains(r.reason, "no write index is defined for alias"): // two builds have the month
		return models.Unavailable
	}
	return models.Permanent
}

// refused reports whether err is a refusal of this kind.
func refused(err error, kind string) bool {
	var r *refusal
	return errors.As(err, &r) && r.kind == kind
}

// fault words err for the caller and classifies a refusal.
func fault(what string, err error) error {
	var r *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return models.Faultf(r.class(), "%s: %w", what, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// body encodes what is plain data.
func body(v any) io.Reader {
	b, err := json.Marshal(v)
	if err != nil { // a number that JSON has none for: the answer will say that nothing came
		return bytes.NewReader(nil)
	}
	return bytes.NewReader(b)
}

func yes() *bool { t := true; return &t }
