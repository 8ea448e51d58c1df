package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"slices"

	weftimage "weft/analysis/image"
	"weft/models"
)

// together bounds how many images of a post are decoded at one time: at a
// megabyte each, eight are little, and no batch gains by more on a processor.
const together = 8

// picture is an image with the jobs that are to be done on it.
type picture struct {
	media   *models.Media
	jobs    []job
	decoded map[int]image.Image // by the side that was asked for
	decode  float64             // seconds, for reading and decoding
}

// run does the jobs whose results are not known, and counts the images that
// are gone. On an error it returns what was computed before.
func (e *Engine) run(ctx context.Context, post models.Post, jobs []job, known map[string]models.Result) (fresh []models.Result, gone int, err error) {
	runtime.LockOSThread() // whose CPU time is the cost
	defer runtime.UnlockOSThread()
	var pictures []*picture
	var texts []job
	for _, j := range jobs {
		switch _, ok := known[j.result.Key()]; {
		case ok:
		case j.media == nil:
			texts = append(texts, j)
		case len(pictures) > 0 && pictures[len(pictures)-1].media == j.media:
			last := pictures[len(pictures)-1]
			last.jobs = append(last.jobs, j)
		default:
			pictures = append(pictures, &picture{media: j.media, jobs: []job{j}})
		}
	}
	for group := range slices.Chunk(pictures, together) {
		done, lost, err := e.see(ctx, group)
		fresh, gone = append(fresh, done...), gone+lost
		if err != nil {
			return fresh, gone, err
		}
	}
	for _, j := range texts {
		done, err := ask(ctx, j, []Input{{Text: post.Text, Params: j.params}}, []job{j}, []float64{0})
		fresh = append(fresh, done...)
		if err != nil {
			return fresh, gone, err
		}
	}
	return fresh, gone, nil
}

// see shows pictures to their models, up to an error, and counts those that are gone.
func (e *Engine) see(ctx context.Context, group []*picture) (fresh []models.Result, gone int, err error) {
	pixels := e.pixels.Borrow()
	defer pixels.Release()
	seen, gone, readErr := e.read(ctx, group, pixels)
	fresh, err = look(ctx, seen) // of what could be read before an error, too
	return fresh, gone, cmp.Or(readErr, err)
}

// read reads and decodes pictures up to an error, and leaves out those that are gone.
func (e *Engine) read(ctx context.Context, group []*picture, pixels *weftimage.Loan) (seen []*picture, gone int, err error) {
	for _, p := range group {
		started := ThreadSeconds()
		data, err := e.blobs.Get(ctx, p.media.Rendition)
		if errors.Is(err, models.ErrNotFound) {
			gone++
			continue
		}
		if err != nil {
			return seen, gone, fmt.Errorf("read rendition: %w", err)
		}
		p.decoded = map[int]image.Image{}
		for _, j := range p.jobs {
			side := j.info.Side // of the model alone, never of those beside it: its results are kept for ever
			if p.decoded[side] != nil {
				continue
			}
			if p.decoded[side], err = pixels.DecodeAt(data, side); err != nil {
				return seen, gone, fmt.Errorf("decode rendition: %w", err)
			}
		}
		p.decode = ThreadSeconds() - started
		seen = append(seen, p)
	}
	return seen, gone, nil
}

// look asks each model about all the pictures that it has not seen.
func look(ctx context.Context, pictures []*picture) ([]models.Result, error) {
	var order []job // one of each model and parameters
	byModel := map[models.ModelRef][]int{}
	for i, p := range pictures {
		for _, j := range p.jobs {
			ref := models.ModelRef{Name: j.info.Name, Params: j.result.Params}
			if byModel[ref] == nil {
				order = append(order, j)
			}
			byModel[ref] = append(byModel[ref], i)
		}
	}
	var fresh []models.Result
	for _, j := range order {
		ref := models.ModelRef{Name: j.info.Name, Params: j.result.Params}
		var in []Input
		var jobs []job
		var decoding []float64
		for _, i := range byModel[ref] {
			p := pictures[i]
			in = append(in, Input{Image: p.decoded[j.info.Side], Params: j.params})
			at := slices.IndexFunc(p.jobs, func(o job) bool { return o.info.Name == ref.Name && o.result.Params == ref.Params })
			jobs = append(jobs, p.jobs[at])
			decoding = append(decoding, p.decode/float64(len(p.jobs)))
		}
		done, err := ask(ctx, j, in, jobs, decoding)
		fresh = append(fresh, done...)
		if err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// ask shows a model its inputs. What it costs is shared evenly among them; what
// reading each has cost comes on top.
func ask(ctx context.Context, j job, in []Input, jobs []job, reading []float64) ([]models.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	started := ThreadSeconds()
	findings, err := analyzeAll(ctx, j.model, in)
	if err == nil && len(findings) != len(in) {
		err = models.Faultf(models.Permanent, "%d findings for %d inputs", len(findings), len(in))
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", j.info.Name, err)
	}
	each := (ThreadSeconds() - started) / float64(len(in))
	done := make([]models.Result, len(in))
	for i, f := range findings {
		r := jobs[i].result
		for _, a := range f.Attributes {
			a.Model, a.Version = j.info.Name, j.info.Version
			if jobs[i].media != nil {
				a.Image = jobs[i].media.SHA256
			}
			r.Attributes = append(r.Attributes, a)
		}
		r.Embedding = f.Embedding
		r.Cost = each + reading[i] + f.Elsewhere
		done[i] = r
	}
	return done, nil
}

// analyzeAll asks a model for all at once if it can do that.
func analyzeAll(ctx context.Context, m Model, in []Input) ([]Finding, error) {
	if b, ok := m.(Batcher); ok {
		return b.AnalyzeAll(ctx, in)
	}
	out := make([]Finding, len(in))
	for i := range in {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		attributes, err := m.Analyze(ctx, in[i])
		if err != nil {
			return nil, err
		}
		out[i].Attributes = attributes
	}
	return out, nil
}
