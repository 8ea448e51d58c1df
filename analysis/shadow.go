package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"weft/models"
)

// Shadow is another version of a model, which runs beside it and changes
// nothing. Its Info bears the active model's name and its own version.
type Shadow struct {
	Name  string  // of its declaration
	Share float64 // of the posts
	Model Model
}

// Looked says what became of a shadow's look at a post.
type Looked struct {
	Shadow  string
	Outcome string  // seen, failed, or skipped: the shadow was too slow
	Cost    float64 // CPU seconds
	Err     error
}

// The outcomes.
const (
	ShadowSeen    = "seen"
	ShadowFailed  = "failed"
	ShadowSkipped = "skipped"
)

// waiting is how many posts may wait for shadows in a process. Beyond them
// posts are skipped: to compare models takes a sample of posts, not each.
const waiting = 64

// ShadowOptions of Shadows.
type ShadowOptions struct {
	Timeout time.Duration // of one look
	Observe func(Looked)  // may be nil
}

// Shadows runs models beside the active ones, one post at a time, after the
// step and out of its sight: whatever they do, the step's outcome is there before.
// It is safe for concurrent use.
type Shadows struct {
	all   []beside
	queue chan offered
	opt   ShadowOptions
}

type beside struct {
	Shadow

	engine *Engine // of this one model
}

// offered is a post that a shadow is to see.
type offered struct {
	by     beside
	ref    models.ModelRef
	post   models.Post
	images []models.Media
}

// NewShadows returns what runs the shadows. Their results are kept where those
// of all models are.
func NewShadows(all []Shadow, blobs Blobs, results Results, opt ShadowOptions) (*Shadows, error) {
	s := &Shadows{queue: make(chan offered, waiting), opt: opt}
	for _, sh := range all {
		reg, err := NewRegistry(sh.Model) // its own: several may be versions of one model
		if err != nil {
			return nil, fmt.Errorf("shadow %s: %w", sh.Name, err)
		}
		s.all = append(s.all, beside{Shadow: sh, engine: NewEngine(reg, blobs, results)})
	}
	return s, nil
}

// offer lets those shadows see a post whose active model is among refs. It never waits.
func (s *Shadows) offer(post models.Post, images []models.Media, refs []models.ModelRef) {
	for _, b := range s.all {
		for _, ref := range refs {
			if ref.Name != b.Model.Info().Name || !InShare(post.ID, b.Share) {
				continue
			}
			select {
			case s.queue <- offered{b, ref, models.Post{ID: post.ID, Text: post.Text}, images}:
			default:
				s.tell(Looked{Shadow: b.Name, Outcome: ShadowSkipped})
			}
		}
	}
}

// Run lets shadows look until ctx ends. What waits then is skipped.
func (s *Shadows) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-s.queue:
			cost, err := s.see(ctx, l)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.tell(Looked{l.by.Name, ShadowFailed, cost, err})
			default:
				s.tell(Looked{l.by.Name, ShadowSeen, cost, nil})
			}
		}
	}
}

// see is one look. A panic is the shadow's trouble alone.
func (s *Shadows) see(ctx context.Context, l offered) (cost float64, err error) {
	if s.opt.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.opt.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("shadow %s panicked: %v\n%s", l.by.Name, p, debug.Stack())
		}
	}()
	_, cost, err = l.by.engine.Analyze(ctx, l.post, l.images, []models.ModelRef{l.ref})
	return cost, err
}

func (s *Shadows) tell(l Looked) {
	if s.opt.Observe != nil {
		s.opt.Observe(l)
	}
}

// InShare reports whether a post is among a share of all posts, always the
// same ones: all shadows see the same, and a larger share those of a smaller too.
func InShare(post string, share float64) bool {
	sum := sha256.Sum256([]byte("shadow\x00" + post))
	return float64(binary.BigEndian.Uint64(sum[:]))/math.MaxUint64 < share || share >= 1
}

// Beside is an Engine whose posts are offered to shadows.
type Beside struct {
	Engine  *Engine
	Shadows *Shadows
}

// Analyze is the engine's; see there.
func (b Beside) Analyze(ctx context.Context, post models.Post, images []models.Media, refs []models.ModelRef) (results []models.Result, cost float64, err error) {
	results, cost, err = b.Engine.Analyze(ctx, post, images, refs)
	if err == nil {
		b.Shadows.offer(post, images, refs)
	}
	return results, cost, err
}
