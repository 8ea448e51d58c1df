package live

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// StepSnapshot is how much work stands at one step.
type StepSnapshot struct {
	Step   string
	Queued int64
	Active int64
	Done   int64
}

// Snapshot is the state of a pipeline at one moment.
type Snapshot struct {
	Steps    []StepSnapshot
	Outcomes map[string]int64 // how many ended, by how
	Elapsed  time.Duration
	Total    int64 // expected; 0 when unknown
}

// ended is how many have come to an end, in whatever way.
func (s Snapshot) ended() int64 {
	var n int64
	for _, v := range s.Outcomes {
		n += v
	}
	return n
}

const (
	plainEvery = 2 * time.Second // between plain lines
	rateOver   = 5 * time.Second // the time that the shown rate is of
)

// View shows snapshots. It is safe for concurrent use.
type View struct {
	w       io.Writer
	bars    *mpb.Progress // nil without a terminal
	lines   []*mpb.Bar    // one bar a line: mpb clears as many lines as it has bars
	refresh chan any
	done    chan struct{} // closed with the view

	mu      sync.Mutex
	title   string
	now     Snapshot
	past    []Snapshot // of the last rateOver, oldest first
	written time.Duration
	pending bool // now was not written
	closed  bool
}

// NewView shows on w: redrawn in place if that is a terminal.
func NewView(w io.Writer, title string) *View {
	if !isTerminal(w) {
		return newView(w, title)
	}
	return newView(w, title, mpb.WithOutput(w))
}

// newView draws with mpb if it is told where.
func newView(w io.Writer, title string, options ...mpb.ContainerOption) *View {
	v := &View{w: w, title: title, written: -plainEvery, done: make(chan struct{})}
	if len(options) == 0 {
		return v
	}
	v.refresh = make(chan any)
	v.bars = mpb.New(append(options, mpb.WithManualRefresh(v.refresh))...)
	return v
}

// grow makes the lines: a headline, one per step, and the outcomes.
func (v *View) grow(steps int) {
	for len(v.lines) < steps+2 {
		n := len(v.lines)
		filler := mpb.BarFillerFunc(func(w io.Writer, st decor.Statistics) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			_, err := io.WriteString(w, v.line(n, st.AvailableWidth))
			return err
		})
		v.lines = append(v.lines, v.bars.New(0, builder{filler}, mpb.BarFillerTrim()))
	}
}

// builder hands out a filler that is there already.
type builder struct{ mpb.BarFiller }

// Build is what mpb calls when it adds the bar.
func (b builder) Build() mpb.BarFiller { return b.BarFiller }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Update shows s. Calling it more than ten times a second costs without showing more.
func (v *View) Update(s Snapshot) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return
	}
	v.now = s
	v.past = append(v.past, s)
	for len(v.past) > 2 && s.Elapsed-v.past[1].Elapsed >= rateOver {
		v.past = v.past[1:]
	}
	v.pending = true
	if v.bars == nil && s.Elapsed-v.written >= plainEvery {
		v.plain()
	}
	v.mu.Unlock()
	if v.bars != nil {
		v.grow(len(s.Steps))
		select {
		case v.refresh <- nil:
		case <-v.done:
		}
	}
}

// Close draws the last snapshot and leaves it on the screen.
func (v *View) Close() {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return
	}
	v.closed = true
	if v.bars == nil && v.pending {
		v.plain()
	}
	v.mu.Unlock()
	if v.bars != nil {
		for _, line := range v.lines {
			line.Abort(false)
		}
		v.bars.Wait()
	}
	close(v.done)
}

// plain writes the snapshot as one line, for logs.
func (v *View) plain() {
	var steps []string
	for _, s := range v.now.Steps {
		if n := s.Queued + s.Active; n > 0 {
			steps = append(steps, fmt.Sprintf("%s %d", s.Step, n))
		}
	}
	line := v.summary()
	if o := outcomes(v.now.Outcomes); o != "" {
		line += "; " + o
	}
	if len(steps) > 0 {
		line += "; waiting: " + strings.Join(steps, ", ")
	}
	fmt.Fprintln(v.w, line)
	v.written, v.pending = v.now.Elapsed, false
}

// summary is the headline: how many, how fast, how long.
func (v *View) summary() string {
	n := fmt.Sprint(v.now.ended())
	if v.now.Total > 0 {
		n += fmt.Sprintf("/%d", v.now.Total)
	}
	return fmt.Sprintf("%s: %s posts, %.0f posts/s, %s", v.title, n, v.rate(), clock(v.now.Elapsed))
}

// rate is posts per second over the last few seconds.
func (v *View) rate() float64 {
	if len(v.past) == 0 {
		return 0
	}
	first, last := v.past[0], v.past[len(v.past)-1]
	if len(v.past) == 1 {
		first = Snapshot{}
	}
	d := (last.Elapsed - first.Elapsed).Seconds()
	if d <= 0 {
		return 0
	}
	return max(0, float64(last.ended()-first.ended())/d)
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// outcomes lists counts by name, the usual ones first.
func outcomes(counts map[string]int64) string {
	order := []string{"done", "parked", "dropped", "failed", "superseded"}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		i, j := slices.Index(order, a), slices.Index(order, b)
		if i < 0 || j < 0 {
			if i != j {
				return j - i // the known before the unknown
			}
			return strings.Compare(a, b)
		}
		return i - j
	})
	var out []string
	for _, name := range names {
		if counts[name] > 0 {
			out = append(out, fmt.Sprintf("%s %d", name, counts[name]))
		}
	}
	return strings.Join(out, ", ")
}

// line is the n-th line, in at most width cells.
func (v *View) line(n, width int) string {
	switch {
	case n == 0:
		return cut(v.summary(), width)
	case n > len(v.now.Steps):
		return cut("  "+outcomes(v.now.Outcomes), width)
	}
	name, most := 0, v.now.Total
	for _, s := range v.now.Steps {
		name, most = max(name, len(s.Step)), max(most, s.Queued+s.Active+s.Done)
	}
	s := v.now.Steps[n-1]
	figures := fmt.Sprintf("%6d queued %3d active %6d done", s.Queued, s.Active, s.Done)
	label := fmt.Sprintf("  %-*s ", name, s.Step)
	room := min(60, width-len(label)-len(figures)-1)
	if room < 8 { // too narrow for a bar
		return cut(label+figures, width)
	}
	return label + stacked(s, most, room) + " " + figures
}

// The colours of a bar, as terminals know them: green, yellow, dim.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

// stacked is a bar of what is done, active and queued, on the scale of most.
func stacked(s StepSnapshot, most int64, room int) string {
	done, active, queued := cells(s.Done, most, room), cells(s.Active, most, room), cells(s.Queued, most, room)
	active = min(active, room-done)
	queued = min(queued, room-done-active)
	return green + strings.Repeat("█", done) + yellow + strings.Repeat("▓", active) +
		reset + strings.Repeat("▒", queued) + dim + strings.Repeat("·", room-done-active-queued) + reset
}

// cells is n on the scale of most, rounded down: nearly all is not shown as all,
// but a few are not shown as none either.
func cells(n, most int64, room int) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return min(room, max(1, int(n*int64(room)/most)))
}

// cut shortens a line of plain text to a width.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) > width {
		return string(r[:max(0, width)])
	}
	return s
}
