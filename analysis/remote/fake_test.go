package remote_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// fake is a server of one model that doubles each number and adds the batch's
// size, as it is told to misbehave.
type fake struct {
	mu       sync.Mutex
	binary   bool
	versions []string
	meta     string                                                                     // of the model; empty: as declared
	requests []int                                                                      // sizes of the batches
	answer   func(w http.ResponseWriter, r *http.Request, values []float32, n int) bool // true: it has answered
}

func (f *fake) start(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func (f *fake) sizes() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.requests...)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v2":
		extensions := []string{}
		if f.binary {
			extensions = append(extensions, "binary_tensor_data")
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "fake", "extensions": extensions})
	case "/v2/models/m":
		if f.meta != "" {
			_, _ = io.WriteString(w, f.meta)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"name": "m", "versions": f.versions,
			"inputs":  []any{map[string]any{"name": "image", "datatype": "FP32", "shape": []int{-1, 3, 16, 16}}},
			"outputs": []any{map[string]any{"name": "logits", "datatype": "FP32", "shape": []int{-1, 2}}},
		})
	case "/v2/models/m/infer", "/v2/models/m/versions/1/infer":
		f.infer(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) infer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	head := body
	if at := r.Header.Get("Inference-Header-Content-Length"); at != "" {
		n, _ := strconv.Atoi(at)
		head = body[:n]
	}
	var in struct {
		Inputs []struct {
			Shape []int     `json:"shape"`
			Data  []float32 `json:"data"`
		} `json:"inputs"`
	}
	if err := json.Unmarshal(head, &in); err != nil || len(in.Inputs) != 1 {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	values := in.Inputs[0].Data
	for raw := body[len(head):]; len(raw) >= 4; raw = raw[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	n := in.Inputs[0].Shape[0]
	f.mu.Lock()
	f.requests = append(f.requests, n)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil && answer(w, r, values, n) {
		return
	}
	out := make([]float32, 0, 2*n)
	for i := range n {
		out = append(out, 2*values[i*len(values)/n], float32(n))
	}
	f.reply(w, []int{n, 2}, out, f.binary)
}

func (f *fake) reply(w http.ResponseWriter, shape []int, values []float32, inBinary bool) {
	o := map[string]any{"name": "logits", "shape": shape, "datatype": "FP32"}
	if !inBinary {
		o["data"] = values
		_ = json.NewEncoder(w).Encode(map[string]any{"outputs": []any{o}})
		return
	}
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	o["parameters"] = map[string]any{"binary_data_size": len(raw)}
	head, _ := json.Marshal(map[string]any{"outputs": []any{o}})
	w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(len(head)))
	_, _ = w.Write(append(head, raw...))
}
