package remote_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"weft/analysis/remote"
	"weft/analysis/zoo"
	"weft/models"
)

const declared = `models:
  - name: far
    tier: analyze-heavy
    task: classify
    runtime: {remote: {url: "URL", model: m, version: 1, timeout: 5s, batch: 4, delay: 1s}}
    input: {name: image, side: 16}
    outputs: [{name: logits, as: attribute, attribute: category, classes: [a, b]}]
`

func declaration(t testing.TB, body string) zoo.Declaration {
	t.Helper()
	all, err := zoo.Read("m.yaml", []byte(body), zoo.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func open(t testing.TB, url string, changes ...string) zoo.Session {
	t.Helper()
	s, err := remote.New().Open(t.Context(), declaration(t, strings.NewReplacer(changes...).Replace(strings.Replace(declared, "URL", url, 1))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// images are n inputs whose first numbers are from, from+1, …
func images(from, n int) zoo.Tensor {
	const each = 3 * 16 * 16
	t := zoo.Tensor{Shape: []int64{int64(n), 3, 16, 16}, Floats: make([]float32, n*each)}
	for i := range n {
		t.Floats[i*each] = float32(from + i)
	}
	return t
}

// Tensors go in binary where the server offers it, as JSON elsewhere; the path
// has the version where the server keeps several.
func TestWire(t *testing.T) {
	for _, f := range []*fake{{}, {binary: true}, {versions: []string{"1", "2"}}, {binary: true, versions: []string{"1"}}} {
		name := fmt.Sprintf("binary %v, versions %v", f.binary, f.versions)
		s := open(t, f.start(t))
		got, elsewhere, err := s.Run(t.Context(), images(7, 4))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 4 {
			if v := got["logits"].Floats[2*i]; v != float32(2*(7+i)) {
				t.Errorf("%s: answer %d is %v", name, i, v)
			}
		}
		if elsewhere <= 0 {
			t.Errorf("%s: it cost nothing", name)
		}
	}
}

// Inputs of concurrent callers share requests, never more than fit into one, and
// each caller gets its own answer.
func TestBatches(t *testing.T) {
	f := &fake{binary: true}
	s := open(t, f.start(t))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			got, _, err := s.Run(t.Context(), images(i, 1))
			if err != nil || got["logits"].Floats[0] != float32(2*i) {
				t.Errorf("caller %d: %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range f.sizes() {
		sum += n
		if n > 4 {
			t.Errorf("a request of %d inputs", n)
		}
	}
	if sum != 8 || len(f.sizes()) != 2 {
		t.Errorf("requests of %v inputs, want two of 4", f.sizes())
	}
	if got, _, err := s.Run(t.Context(), images(0, 9)); err != nil || len(got["logits"].Floats) != 18 {
		t.Errorf("nine at once: %v, %v", got, err)
	}
}

// One input that the server refuses fails alone.
func TestOneBadInput(t *testing.T) {
	f := &fake{answer: func(w http.ResponseWriter, _ *http.Request, values []float32, n int) bool {
		for i := range n {
			if values[i*len(values)/n] == 2 {
				http.Error(w, "the second is bad", http.StatusBadRequest)
				return true
			}
		}
		return false
	}}
	s := open(t, f.start(t))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			got, _, err := s.Run(t.Context(), images(i, 1))
			if i == 2 {
				if models.ClassOf(err) != models.Permanent || err == nil || !strings.Contains(err.Error(), "the second is bad") {
					t.Errorf("the bad one: %v, %v", got, err)
				}
			} else if err != nil || got["logits"].Floats[0] != float32(2*i) {
				t.Errorf("caller %d: %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

// What goes wrong is told apart by whose trouble it is.
func TestFaults(t *testing.T) {
	say := func(code int) func(http.ResponseWriter, *http.Request, []float32, int) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ []float32, _ int) bool {
			http.Error(w, "no", code)
			return true
		}
	}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, []float32, int) bool
		binary bool
		class  models.Class
		want   string
	}{
		"bad input":  {say(400), false, models.Permanent, "status 400: no"},
		"too many":   {say(429), false, models.Unavailable, "status 429"},
		"broken":     {say(500), false, models.Unavailable, "status 500"},
		"restarting": {say(503), false, models.Unavailable, "status 503"},
		"unloaded":   {say(404), false, models.Unavailable, "status 404"},
		"slow": {func(_ http.ResponseWriter, r *http.Request, _ []float32, _ int) bool {
			<-r.Context().Done()
			return true
		}, false, models.Unavailable, "deadline exceeded"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request, _ []float32, _ int) bool {
			_, _ = w.Write([]byte("hm"))
			return true
		}, false, models.Unavailable, "can't be read"},
		"other shape": {func(w http.ResponseWriter, _ *http.Request, _ []float32, n int) bool {
			new(fake).reply(w, []int{n + 1, 2}, make([]float32, 2*n+2), false)
			return true
		}, false, models.Unavailable, "has the shape [2 2]"},
		"wrong count": {func(w http.ResponseWriter, _ *http.Request, _ []float32, n int) bool {
			new(fake).reply(w, []int{n, 3}, make([]float32, 2*n), true)
			return true
		}, true, models.Unavailable, "2 numbers for 1 inputs"},
		"huge shape": {func(w http.ResponseWriter, _ *http.Request, _ []float32, n int) bool {
			new(fake).reply(w, []int{n, 1 << 40, 1 << 40}, nil, false)
			return true
		}, false, models.Unavailable, "can't be read"},
		"other output": {func(w http.ResponseWriter, _ *http.Request, _ []float32, _ int) bool {
			_, _ = w.Write([]byte(`{"outputs": []}`))
			return true
		}, false, models.Unavailable, "output logits is missing"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request, _ []float32, n int) bool {
			w.Header().Set("Inference-Header-Content-Length", "95")
			_, _ = fmt.Fprintf(w, `{"outputs": [{"name": "logits", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}1234`)
			return true
		}, true, models.Unavailable, "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answer: tc.answer, binary: tc.binary}
			timeout := "1m"
			if name == "slow" {
				timeout = "100ms"
			}
			s := open(t, f.start(t), "5s", timeout, "batch: 4", "batch: 1")
			_, _, err := s.Run(t.Context(), images(1, 1))
			if err == nil || models.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v (%s), want %s and %q", err, models.ClassOf(err), tc.class, tc.want)
			}
		})
	}
}

// A server that fails again and again is left alone: it isn't even asked.
func TestBreaker(t *testing.T) {
	f := &fake{answer: func(w http.ResponseWriter, _ *http.Request, _ []float32, _ int) bool {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return true
	}}
	s := open(t, f.start(t), "batch: 4", "batch: 1")
	var last error
	for range 8 {
		_, _, last = s.Run(t.Context(), images(1, 1))
	}
	if n := len(f.sizes()); n != 5 {
		t.Errorf("it was asked %d times, want 5", n)
	}
	if models.ClassOf(last) != models.Unavailable || !strings.Contains(last.Error(), "left alone") {
		t.Errorf("the last error: %v", last)
	}
}

// A caller who leaves isn't awaited, and harms nobody.
func TestCallerLeaves(t *testing.T) {
	f := &fake{}
	s := open(t, f.start(t), "delay: 1s", "delay: 200ms")
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := s.Run(gone, images(1, 1)); err == nil {
		t.Error("who left got an answer")
	}
	if got, _, err := s.Run(t.Context(), images(2, 1)); err != nil || got["logits"].Floats[0] != 4 {
		t.Errorf("who stayed: %v, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		f     *fake
		class models.Class
		want  string
	}{
		"no such version": {&fake{versions: []string{"7", "8"}}, models.Permanent, `the server has no version "1" of m; it offers 7, 8`},
		"another graph": {&fake{meta: `{"inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, 4]}], "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 3]}]}`},
			models.Permanent, `the graph has no input "image"; it offers x UINT8 [n,4]`},
		"no metadata": {&fake{meta: "?"}, models.Unavailable, "GET "},
	} {
		_, err := remote.New().Open(t.Context(), declaration(t, strings.Replace(declared, "URL", tc.f.start(t), 1)))
		if err == nil || models.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s and %q", name, err, tc.class, tc.want)
		}
	}
	_, err := remote.New().Open(t.Context(), declaration(t, strings.Replace(declared, "URL", "http://127.0.0.1:1", 1)))
	if err == nil || models.ClassOf(err) != models.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
}
