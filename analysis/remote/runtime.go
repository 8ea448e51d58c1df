package remote

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"weft/analysis/zoo"
	"weft/models"
)

// When a server is left alone, and for how long.
const (
	failures = 5
	rest     = 10 * time.Second
)

// patience is how long a server may take to describe a model.
const patience = 10 * time.Second

// binaryExtension is how a server says that it takes tensors in binary.
const binaryExtension = "binary_tensor_data"

// Runtime opens models on servers. It is safe for concurrent use.
type Runtime struct{ client *http.Client }

// New returns a runtime. Its connections are kept for the next requests.
func New() *Runtime {
	return &Runtime{client: &http.Client{Transport: &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
	}}}
}

// metadata is what a server says of a model.
type metadata struct {
	Versions []string   `json:"versions"`
	Inputs   []wirePort `json:"inputs"`
	Outputs  []wirePort `json:"outputs"`
}

type wirePort struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// Open asks the server what the model offers, and holds the declaration against it.
func (r *Runtime) Open(ctx context.Context, d zoo.Declaration) (zoo.Session, error) {
	if d.Remote == nil {
		return nil, models.Faultf(models.Permanent, "remote: model %s has no server", d.Name)
	}
	s := &session{name: d.Name, client: r.client, remote: *d.Remote, input: d.Input.Name, breaker: newBreaker(d.Name)}
	for _, o := range d.Outputs {
		s.outputs = append(s.outputs, o.Name)
	}
	var server struct {
		Extensions []string `json:"extensions"`
	}
	if err := s.describe(ctx, d.Remote.URL+"/v2", &server); err != nil {
		return nil, err
	}
	s.binary = slices.Contains(server.Extensions, binaryExtension)
	s.path = d.Remote.URL + "/v2/models/" + neturl.PathEscape(d.Remote.Model)
	var meta metadata
	if err := s.describe(ctx, s.path, &meta); err != nil {
		return nil, err
	}
	switch {
	case len(meta.Versions) == 0: // the server keeps none apart
	case slices.Contains(meta.Versions, d.Remote.Revision):
		s.path += "/versions/" + neturl.PathEscape(d.Remote.Revision)
	default:
		return nil, models.Faultf(models.Permanent, "remote: model %s: the server has no version %q of %s; it offers %s", d.Name, d.Remote.Revision, d.Remote.Model, strings.Join(meta.Versions, ", "))
	}
	s.graph = zoo.Graph{Inputs: ports(meta.Inputs), Outputs: ports(meta.Outputs)}
	if len(meta.Inputs)+len(meta.Outputs) > 0 { // some servers don't tell
		if err := d.Check(s.graph); err != nil {
			return nil, models.Faultf(models.Permanent, "remote: %w", err)
		}
	}
	most := d.Remote.Batch
	if i := slices.IndexFunc(meta.Inputs, func(p wirePort) bool { return p.Name == d.Input.Name }); i >= 0 {
		if shape := meta.Inputs[i].Shape; len(shape) > 0 && shape[0] > 0 {
			most = min(most, int(shape[0]))
		}
	}
	s.batches = newBatcher(most, d.Remote.Delay, s.infer)
	return s, nil
}

// newBreaker opens after some failures of the server in a row. What is wrong with
// one input doesn't count.
func newBreaker(name string) *gobreaker.CircuitBreaker[map[string]zoo.Tensor] {
	return gobreaker.NewCircuitBreaker[map[string]zoo.Tensor](gobreaker.Settings{
		Name: name, Timeout: rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
		IsSuccessful: func(err error) bool { return err == nil || models.ClassOf(err) == models.Permanent },
	})
}

// describe reads a piece of metadata.
func (s *session) describe(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return models.Faultf(models.Permanent, "remote: model %s: %w", s.name, err)
	}
	_, body, err := s.do(req)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return models.Faultf(models.Unavailable, "remote: model %s: GET %s: %w", s.name, url, err)
	}
	return nil
}

func ports(all []wirePort) []zoo.Port {
	out := make([]zoo.Port, len(all))
	for i, p := range all {
		out[i] = zoo.Port{Name: p.Name, Type: p.Datatype, Shape: p.Shape}
	}
	return out
}

// Close lets the connections go.
func (r *Runtime) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
