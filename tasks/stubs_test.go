package tasks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"sync"
	"time"

	images "weft/analysis/image"
	"weft/models"
	"weft/profile"
	"weft/tasks"
)

// catalog is a small installation: three light models and two heavy ones.
type catalog struct{}

// gives says which attribute each model finds.
func gives() map[string]string {
	return map[string]string{
		"garment-s": "category", "color": "color", "caption": "brand",
		"garment-l": "category", "color-regions": "color",
	}
}

func (catalog) Models(step models.Step) []string {
	if step == models.AnalyzeHeavy {
		return []string{"garment-l", "color-regions"}
	}
	return []string{"garment-s", "color", "caption"}
}

func (catalog) Attributes() []string { return []string{"brand", "category", "color"} }

func (catalog) Gives(model string) []string { return []string{gives()[model]} }

func (catalog) CheckModel(name string, params map[string]any) (models.ModelRef, error) {
	for p := range params {
		return models.ModelRef{}, &models.ParamError{Model: name, Param: p, Problem: "the model takes none"}
	}
	return models.ModelRef{Name: name}, nil
}

// choices are what people may answer.
type choices struct{}

func (choices) Taxonomy() string { return "t1" }

func (choices) Options(attribute string) []string {
	switch attribute {
	case "category":
		return []string{"coat", "dress", "shirt"}
	case "color":
		return []string{"black", "navy", "red"}
	default:
		return nil
	}
}

// fuse replaces a light model's word on an attribute by a heavy one's.
func fuse(results []models.Result) []models.Attribute {
	heavy := catalog{}.Models(models.AnalyzeHeavy)
	said := map[string]bool{}
	for _, r := range results {
		for _, a := range r.Attributes {
			said[a.Name] = said[a.Name] || slices.Contains(heavy, r.Model)
		}
	}
	var out []models.Attribute
	for _, r := range results {
		for _, a := range r.Attributes {
			if !said[a.Name] || slices.Contains(heavy, r.Model) {
				out = append(out, a)
			}
		}
	}
	return out
}

// preparer is the real one, in the type that the fetch step knows.
type preparer struct{ p *images.Preparer }

func (p preparer) Prepare(ctx context.Context, data []byte) (tasks.Prepared, error) {
	out, err := p.p.Prepare(ctx, data)
	return tasks.Prepared{
		Original: out.Original, SHA256: out.SHA256, PHash: out.PHash, Type: out.Type, Width: out.Width, Height: out.Height, Rendition: out.Rendition,
	}, err
}

// picture is a small image; each seed makes another one.
func picture(seed int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 48, 64))
	for y := range 64 {
		for x := range 48 {
			img.Set(x, y, color.RGBA{uint8(seed * 37), uint8(x * 5), uint8(y * 3), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// entry is a task in the memory queue.
type entry struct {
	task    models.Task
	at      time.Time
	retried int
	active  bool
}

// memory is a queue that holds tasks in order, with asynq's rules as far as
// the runner knows them: a task's id is taken until it is acknowledged.
type memory struct {
	mu      sync.Mutex
	entries []*entry
	trip    func() error
	fresh   int // tasks that were not there before
	stale   int // those that were
}

// Enqueue implements tasks.Queue.
func (q *memory) Enqueue(_ context.Context, run models.Run) (bool, error) {
	if q.trip != nil {
		if err := q.trip(); err != nil {
			return false, err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.find(run.Task()) >= 0 {
		q.stale++
		return false, nil
	}
	q.fresh++
	q.entries = append(q.entries, &entry{task: run.Task(), at: run.ProcessAt})
	return true, nil
}

func (q *memory) find(t models.Task) int {
	return slices.IndexFunc(q.entries, func(e *entry) bool { return e.task == t })
}

// next returns the task that is due first, nil if there is none.
func (q *memory) next() *entry {
	var first *entry
	for _, e := range q.entries {
		if !e.active && (first == nil || e.at.Before(first.at)) {
			first = e
		}
	}
	return first
}

// ack forgets a task.
func (q *memory) ack(e *entry) {
	q.entries = slices.DeleteFunc(q.entries, func(o *entry) bool { return o == e })
}

// deathClass marks the end of a worker rather than an error.
const deathClass = "death"

// errOf makes the error of a fault. A panic and a death don't come back.
func errOf(class, at string) error {
	switch class {
	case string(models.Unavailable), string(models.Retryable), string(models.Permanent):
		return models.Faultf(models.Class(class), "%s: made to fail", at)
	case "unclassified":
		return errors.New(at + ": made to fail")
	case "panic":
		panic(at + ": made to panic")
	default:
		return fmt.Errorf("fault at %s: unknown class %q", at, class)
	}
}

// library is a tasks.Profiles over a few parsed profiles.
type library map[string]*profile.Profile

func (l library) Profile(_ context.Context, version string) (*profile.Profile, error) {
	if p := l[version]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("profile %s: %w", version, models.ErrNotFound)
}

// parse reads a profile whose name comes apart from its body.
func parse(name, body string) (*profile.Profile, error) {
	return profile.Parse(name+".yaml", []byte("name: "+name+"\n"+strings.TrimSpace(body)+"\n"), catalog{})
}
