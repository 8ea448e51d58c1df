package live

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows how far one long task is. It is safe for concurrent use.
type Progress struct {
	w     io.Writer
	bars  *mpb.Progress // nil without a terminal
	bar   *mpb.Bar
	unit  string
	title string

	mu     sync.Mutex
	total  int64
	n      int64
	told   int64 // quarters
	closed bool
}

// plainLeast is the total below which nothing is written without a terminal:
// short work needs no log.
const plainLeast = 1000

// NewProgress shows a task of total units on w: as a bar if that is a terminal,
// else as a line at each quarter of long ones. A total of 0 is not known yet.
func NewProgress(w io.Writer, total int64, unit, title string) *Progress {
	if !isTerminal(w) {
		return newProgress(w, total, unit, title)
	}
	return newProgress(w, total, unit, title, mpb.WithOutput(w))
}

// newProgress draws with mpb if it is told where.
func newProgress(w io.Writer, total int64, unit, title string, options ...mpb.ContainerOption) *Progress {
	p := &Progress{w: w, total: total, unit: unit, title: title}
	if len(options) == 0 {
		return p
	}
	p.bars = mpb.New(options...)
	count := decor.Any(func(s decor.Statistics) string {
		if s.Total <= 0 {
			return fmt.Sprintf(" %d %s", s.Current, unit)
		}
		return fmt.Sprintf(" %d/%d %s", s.Current, s.Total, unit)
	})
	style := mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("·").Rbound("")
	p.bar = p.bars.New(max(0, total), style,
		mpb.BarWidth(40), mpb.PrependDecorators(decor.Name(title)),
		mpb.AppendDecorators(count, decor.Name(", "), decor.AverageSpeed(0, "%.0f/s"), decor.Name(", "), left()))
	return p
}

// left is the time that is left at the average speed; nothing while unknown.
func left() decor.Decorator {
	start := time.Now()
	return decor.Any(func(s decor.Statistics) string {
		if s.Total <= 0 || s.Current <= 0 || s.Completed || s.Aborted {
			return clock(time.Since(start))
		}
		rest := time.Duration(float64(time.Since(start)) * float64(s.Total-s.Current) / float64(s.Current))
		return clock(rest) + " left"
	})
}

// Add counts n more units.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += n
	if p.bar != nil {
		p.bar.IncrInt64(n)
		return
	}
	if p.total < plainLeast || p.closed {
		return
	}
	if q := min(4, 4*p.n/p.total); q > p.told {
		p.told = q
		fmt.Fprintf(p.w, "%s: %d %% (%d of %d %s)\n", p.title, 25*q, p.n, p.total, p.unit)
	}
}

// SetTotal tells how many units there will be, when that becomes known.
func (p *Progress) SetTotal(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
	if p.bar != nil {
		p.bar.SetTotal(total, false)
	}
}

// Close draws the last state and leaves it on the screen.
func (p *Progress) Close() {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed || p.bar == nil {
		return
	}
	p.bar.Abort(false)
	p.bars.Wait()
}
