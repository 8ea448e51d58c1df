// Command analysis measures how many images a second are decoded and looked at by
// the shipped models, and prints each figure as "name: value".
//
// Python does the same in the same run, with Pillow and its own ONNX Runtime of the
// same version, in turns with us. Each figure is the median of some rounds, and a
// ratio that of the rounds' ratios: a machine that others share is fast and slow in
// turns, so that the best round of each side compares its luck.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	weftimage "weft/analysis/image"
	"weft/analysis/learned"
	"weft/analysis/onnx"
	"weft/analysis/zoo"
	"weft/internal/bench/quantile"
	"weft/internal/config"
	"weft/internal/evaluate"
)

func main() {
	photos := flag.String("photos", "../shared/data/clothing/validation", "folder of photos, a sub-folder per class")
	n := flag.Int("n", 200, "how many of them")
	rounds := flag.Int("rounds", 5, "how often each job is done; the median counts")
	flag.Parse()
	if err := run(context.Background(), *photos, *n, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench-analysis:", err)
		os.Exit(1)
	}
}

// subject is what is measured: renditions, and the two models.
type subject struct {
	renditions   [][]byte
	decoded      []image.Image
	pixels       weftimage.Pixels
	light, heavy *learned.Net
}

func run(ctx context.Context, photos string, n, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "weft-bench-analysis-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := prepare(photos, dir, n)
	if err != nil {
		return err
	}
	other, err := startPython(ctx, s, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.close()) }()
	fmt.Printf("images: %d\n", len(s.renditions))
	for _, job := range []string{"decode", "decode_scaled", "light", "heavy"} {
		for _, cores := range []int{1, 2} {
			if err := compare(ctx, s, other, job, cores, rounds); err != nil {
				return fmt.Errorf("%s: %w", job, err)
			}
		}
	}
	for _, job := range []string{"light_step", "heavy_step"} { // with decoding and scaling, as a worker does; Python has no counterpart
		for _, cores := range []int{1, 2} {
			var rates []float64
			for range rounds {
				rate, err := s.rate(ctx, job, cores)
				if err != nil {
					return fmt.Errorf("%s: %w", job, err)
				}
				rates = append(rates, rate)
			}
			fmt.Printf("%s_per_second_%d: %.1f\n", job, cores, quantile.Median(rates))
		}
	}
	return memory()
}

// prepare makes the renditions that fetch would have stored, and opens the models.
func prepare(photos, dir string, n int) (*subject, error) {
	all, err := evaluate.Photos(photos)
	if err != nil {
		return nil, err
	}
	s := &subject{}
	step := max(1, len(all)/max(1, n))
	for i := 0; i < len(all) && len(s.renditions) < n; i += step {
		data, err := os.ReadFile(all[i].Path)
		if err != nil {
			return nil, err
		}
		p, err := weftimage.Prepare(data, weftimage.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", all[i].Path, err)
		}
		img, err := weftimage.DecodeRendition(p.Rendition)
		if err != nil {
			return nil, err
		}
		s.renditions = append(s.renditions, p.Rendition)
		if len(s.decoded) < tensors {
			s.decoded = append(s.decoded, img)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)), p.Rendition, 0o600); err != nil {
			return nil, err
		}
	}
	declared, err := zoo.Shipped(nil)
	if err != nil {
		return nil, err
	}
	runtime := onnx.New(onnx.Options{Folders: config.Analysis{}.Folders()})
	for _, d := range declared {
		switch d.Name {
		case "garment-s":
			s.light = learned.NewNet(d, runtime)
		case "garment-l":
			s.heavy = learned.NewNet(d, runtime)
		default:
			continue
		}
		graph, err := d.ONNX.Read()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, d.Name+".onnx"), graph, 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// compare does a job in turns with Python.
func compare(ctx context.Context, s *subject, other *python, job string, cores, rounds int) error {
	var ours, theirs, ratios []float64
	for range rounds {
		our, err := s.rate(ctx, job, cores)
		if err != nil {
			return err
		}
		their, err := other.rate(job, cores)
		if err != nil {
			return err
		}
		ours, theirs, ratios = append(ours, our), append(theirs, their), append(ratios, our/their)
	}
	against := "python"
	if strings.HasPrefix(job, "decode") {
		against = "pillow"
	}
	fmt.Printf("%s_per_second_%d: %.1f\n%s_%s_per_second_%d: %.1f\n%s_vs_%s_%d: %.2f\n",
		job, cores, quantile.Median(ours), against, job, cores, quantile.Median(theirs), job, against, cores, quantile.Median(ratios))
	return nil
}

// rate does a job once over all images, and returns how many a second were done.
func (s *subject) rate(ctx context.Context, job string, cores int) (float64, error) {
	do, err := s.job(ctx, job)
	if err != nil {
		return 0, err
	}
	for i := range min(4, len(s.renditions)) {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	g, _ := errgroup.WithContext(ctx)
	var next atomic.Int64 // who is ready takes the next one, as in Python's pool
	for range cores {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(s.renditions)); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	return float64(len(s.renditions)) / time.Since(began).Seconds(), err
}

// job is what is done with image i.
func (s *subject) job(ctx context.Context, name string) (func(i int) error, error) {
	decode := func(side int) func(int) error {
		return func(i int) error {
			pixels := s.pixels.Borrow()
			defer pixels.Release()
			_, err := pixels.DecodeAt(s.renditions[i], side)
			return err
		}
	}
	step := func(n *learned.Net) func(int) error {
		return func(i int) error {
			pixels := s.pixels.Borrow()
			defer pixels.Release()
			img, err := pixels.DecodeAt(s.renditions[i], n.Declaration().Input.Side)
			if err == nil {
				_, _, err = n.Images(ctx, []image.Image{img})
			}
			return err
		}
	}
	switch name {
	case "decode":
		return decode(0), nil
	case "decode_scaled":
		return decode(s.light.Declaration().Input.Side), nil
	case "light":
		return s.infer(ctx, s.light)
	case "heavy":
		return s.infer(ctx, s.heavy)
	case "light_step":
		return step(s.light), nil
	default:
		return step(s.heavy), nil
	}
}

// tensors are as many as a model is asked about in turn: all of them would take
// more memory than a worker has.
const tensors = 16

// infer is the graph alone, on tensors that are ready.
func (s *subject) infer(ctx context.Context, n *learned.Net) (func(i int) error, error) {
	session, err := n.Open(ctx)
	if err != nil {
		return nil, err
	}
	var ready []zoo.Tensor
	for _, img := range s.decoded {
		ready = append(ready, learned.Tensor([]image.Image{img}, n.Declaration().Input))
	}
	return func(i int) error {
		_, _, err := session.Run(ctx, ready[i%len(ready)])
		return err
	}, nil
}

// memory is what this process, which has both models open and some images decoded,
// took at most: about what a worker takes, whatever the number of photos.
func memory() error {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil //nolint:nilerr // other systems don't tell
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int
		if name, rest, _ := strings.Cut(lines.Text(), ":"); name == "VmHWM" || name == "VmRSS" {
			if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%d", &kb); err == nil {
				fmt.Printf("memory_%s_mb: %.0f\n", map[string]string{"VmHWM": "peak", "VmRSS": "now"}[name], float64(kb)/1024)
			}
		}
	}
	return nil
}

// python is the other side.
type python struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startPython(ctx context.Context, s *subject, dir string) (*python, error) {
	where, err := exec.CommandContext(ctx, "scripts/bench-python").Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/bench-python: %w", err)
	}
	side := func(n *learned.Net) string { return fmt.Sprint(n.Declaration().Input.Side) }
	p := &python{cmd: exec.CommandContext(ctx, strings.TrimSpace(string(where)), "internal/bench/analysis/other.py",
		filepath.Join(dir, "garment-s.onnx"), side(s.light), filepath.Join(dir, "garment-l.onnx"), side(s.heavy), dir)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = p.out.ReadString('\n')
	return p, err
}

func (p *python) rate(job string, cores int) (float64, error) {
	if _, err := fmt.Fprintf(p.in, "%s %d\n", job, cores); err != nil {
		return 0, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("python: %w", err)
	}
	var n, seconds float64
	if _, err := fmt.Sscan(line, &n, &seconds); err != nil {
		return 0, fmt.Errorf("python answered %q: %w", line, err)
	}
	return n / seconds, nil
}

func (p *python) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }
