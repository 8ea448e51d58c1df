package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sony/gobreaker/v2"

	"weft/analysis/zoo"
	"weft/models"
)

// longest bounds an answer: 64 masks of 512 × 512 numbers.
const longest = 64 << 20

// headerLength tells how much of a body is JSON; tensors follow it.
const headerLength = "Inference-Header-Content-Length"

// session is a model on a server.
type session struct {
	name    string
	client  *http.Client
	remote  zoo.Remote
	path    string
	input   string
	outputs []string
	graph   zoo.Graph
	binary  bool
	breaker *gobreaker.CircuitBreaker[map[string]zoo.Tensor]
	batches *batcher
}

func (s *session) Graph() zoo.Graph { return s.graph }

// Close waits for the requests under way.
func (s *session) Close() error {
	s.batches.close()
	return nil
}

// Run sends a batch, together with those of other callers. elsewhere is its share
// of the time that its request took: an upper bound of what the server computed
// for it on one thread.
func (s *session) Run(ctx context.Context, batch zoo.Tensor) (map[string]zoo.Tensor, float64, error) {
	return s.batches.do(ctx, batch)
}

// infer sends one request.
func (s *session) infer(batch zoo.Tensor) (map[string]zoo.Tensor, error) {
	outputs, err := s.breaker.Execute(func() (map[string]zoo.Tensor, error) { return s.request(batch) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, models.Faultf(models.Unavailable, "remote: model %s: %s failed %d times in a row, and is left alone for %s", s.name, s.remote.URL, failures, rest)
	}
	return outputs, err
}

func (s *session) request(batch zoo.Tensor) (map[string]zoo.Tensor, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.remote.Timeout) // of all callers whose inputs are in it
	defer cancel()
	body, header, err := encode(batch, s.input, s.outputs, s.binary)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "remote: model %s: %w", s.name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.path+"/infer", bytes.NewReader(body))
	if err != nil {
		return nil, models.Faultf(models.Permanent, "remote: model %s: %w", s.name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.binary {
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set(headerLength, strconv.Itoa(header))
	}
	head, answer, err := s.do(req)
	if err != nil {
		class := models.Unavailable
		var said *status
		if errors.As(err, &said) && said.ofInput() {
			class = models.Permanent
		}
		return nil, models.Faultf(class, "remote: model %s at %s: %w", s.name, s.remote.URL, err)
	}
	outputs, err := decode(answer, head.Get(headerLength), s.outputs, batch.Shape[0])
	if err != nil { // the other side answers nonsense: not this post's trouble
		return nil, models.Faultf(models.Unavailable, "remote: model %s at %s answered what can't be read: %w", s.name, s.remote.URL, err)
	}
	return outputs, nil
}

// status is an answer that is an error.
type status struct {
	code int
	text string
}

func (s *status) Error() string { return fmt.Sprintf("status %d: %s", s.code, s.text) }

// ofInput reports whether the server blames what it was sent.
func (s *status) ofInput() bool {
	return s.code == http.StatusBadRequest || s.code == http.StatusUnprocessableEntity || s.code == http.StatusRequestEntityTooLarge
}

// do sends a request and reads its whole answer.
func (s *session) do(req *http.Request) (http.Header, []byte, error) {
	res, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, longest+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(body) > longest:
		return nil, nil, fmt.Errorf("an answer of more than %d bytes", longest)
	case res.StatusCode != http.StatusOK:
		const shown = 200
		text := strings.TrimSpace(string(body[:min(len(body), shown)]))
		return nil, nil, &status{res.StatusCode, text}
	}
	return res.Header, body, nil
}
