package live

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vbauerster/mpb/v8"
)

// terminal is a fake one: it keeps every frame that is flushed.
type terminal struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	width  int
	frames []string
	wrong  string
}

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(b)
}

func (t *terminal) ReadFrom(r io.Reader) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.ReadFrom(r)
}

func (t *terminal) IsTerminal() bool               { return true }
func (t *terminal) GetTermSize() (int, int, error) { return t.width, 50, nil }

func (t *terminal) Flush(lines int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := strings.Count(t.buf.String(), "\n"); n != lines {
		t.wrong = fmt.Sprintf("%d lines were drawn, %d will be cleared", n, lines)
	}
	t.frames = append(t.frames, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(t.buf.String(), ""))
	t.buf.Reset()
	return nil
}

// last returns the newest frame.
func (t *terminal) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.frames) == 0 {
		return ""
	}
	return t.frames[len(t.frames)-1]
}

func snapshot() Snapshot {
	return Snapshot{
		Steps: []StepSnapshot{
			{Step: "fetch", Queued: 0, Active: 0, Done: 40},
			{Step: "analyze-light", Queued: 20, Active: 4, Done: 16},
		},
		Outcomes: map[string]int64{"failed": 1, "done": 9, "parked": 2},
		Elapsed:  4 * time.Second, Total: 40,
	}
}

func TestViewInATerminal(t *testing.T) {
	term := &terminal{width: 80}
	v := newView(io.Discard, "demo", mpb.WithConsoleWriter(term))
	v.Update(Snapshot{Total: 40})
	v.Update(snapshot())
	v.Close()
	v.Close()
	v.Update(snapshot()) // too late: ignored
	if term.wrong != "" {
		t.Error(term.wrong)
	}
	want := strings.Join([]string{
		"demo: 12/40 posts, 3 posts/s, 0:04",
		"  fetch         " + strings.Repeat("█", 27) + "      0 queued   0 active     40 done",
		"  analyze-light " + strings.Repeat("█", 10) + strings.Repeat("▓", 2) + strings.Repeat("▒", 13) + "··     20 queued   4 active     16 done",
		"  done 9, parked 2, failed 1",
		"",
	}, "\n")
	if d := cmp.Diff(want, term.last()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for line := range strings.SplitSeq(term.last(), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d wide: %q", n, line)
		}
	}
}

func TestViewInANarrowTerminal(t *testing.T) {
	term := &terminal{width: 30}
	v := newView(io.Discard, "demo", mpb.WithConsoleWriter(term))
	v.Update(snapshot())
	v.Close()
	if got := strings.Count(term.last(), "\n"); got != 4 {
		t.Errorf("%d lines:\n%s", got, term.last())
	}
	for line := range strings.SplitSeq(term.last(), "\n") {
		if n := len([]rune(line)); n > 30 {
			t.Errorf("%d wide: %q", n, line)
		}
	}
}

func TestViewWithoutATerminal(t *testing.T) {
	var b bytes.Buffer
	v := NewView(&b, "demo")
	for ms := 0; ms <= 5000; ms += 500 {
		s := snapshot()
		s.Elapsed = time.Duration(ms) * time.Millisecond
		s.Outcomes = map[string]int64{"done": int64(ms / 100)}
		v.Update(s)
	}
	v.Close()
	want := strings.Join([]string{
		"demo: 0/40 posts, 0 posts/s, 0:00; waiting: analyze-light 24",
		"demo: 20/40 posts, 10 posts/s, 0:02; done 20; waiting: analyze-light 24",
		"demo: 40/40 posts, 10 posts/s, 0:04; done 40; waiting: analyze-light 24",
		"demo: 50/40 posts, 10 posts/s, 0:05; done 50; waiting: analyze-light 24",
		"",
	}, "\n")
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestRateForgets(t *testing.T) {
	v := NewView(io.Discard, "demo")
	for s := range 60 { // fast for 30 s, then nothing
		v.Update(Snapshot{Elapsed: time.Duration(s) * time.Second, Outcomes: map[string]int64{"done": int64(100 * min(s, 30))}})
		if s == 20 && v.rate() != 100 {
			t.Errorf("rate while running: %v", v.rate())
		}
	}
	if v.rate() != 0 {
		t.Errorf("rate after 30 s of nothing: %v", v.rate())
	}
}

func TestCells(t *testing.T) {
	for _, c := range []struct {
		n, most int64
		want    int
	}{{0, 100, 0}, {1, 1000, 1}, {50, 100, 10}, {999, 1000, 19}, {100, 100, 20}, {5, 0, 0}, {200, 100, 20}} {
		if got := cells(c.n, c.most, 20); got != c.want {
			t.Errorf("cells(%d, %d) = %d, want %d", c.n, c.most, got, c.want)
		}
	}
}

func TestProgressInATerminal(t *testing.T) {
	for _, total := range []int64{0, 200} {
		term := &terminal{width: 100}
		p := newProgress(io.Discard, total, "posts", "import", mpb.WithConsoleWriter(term))
		p.Add(50)
		p.Add(25)
		p.Close()
		p.Close()
		want := "75/200 posts"
		if total == 0 {
			want = "75 posts"
		}
		if !strings.HasPrefix(term.last(), "import") || !strings.Contains(term.last(), " "+want+", ") {
			t.Errorf("total %d: %q", total, term.last())
		}
	}
}

func TestProgressThatLearnsItsTotal(t *testing.T) {
	term := &terminal{width: 100}
	p := newProgress(io.Discard, 0, "posts", "import", mpb.WithConsoleWriter(term))
	p.Add(10)
	p.SetTotal(10)
	p.Close()
	if !strings.Contains(term.last(), " 10/10 posts") {
		t.Errorf("%q", term.last())
	}
}

func TestProgressWithoutATerminal(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 1000, "posts", "import")
	for range 100 {
		p.Add(10)
	}
	p.Close()
	want := "import: 25 % (250 of 1000 posts)\nimport: 50 % (500 of 1000 posts)\nimport: 75 % (750 of 1000 posts)\nimport: 100 % (1000 of 1000 posts)\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	b.Reset()
	short := NewProgress(&b, 30, "posts", "import")
	short.Add(30)
	short.Close()
	if b.Len() > 0 {
		t.Errorf("short work wrote %q", b.String())
	}
}
