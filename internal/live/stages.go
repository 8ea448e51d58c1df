package live

import "io"

// Stages shows how far a long task is that has several stages: a Progress for
// each, one after the other.
type Stages struct {
	w     io.Writer
	unit  string
	bar   *Progress // nil before the first
	title string
	done  int64
}

// NewStages shows stages on w.
func NewStages(w io.Writer, unit string) *Stages { return &Stages{w: w, unit: unit} }

// Tell says how many units of how many are done in a stage; of is 0 if that is
// not known yet. Another title than before begins the next stage.
func (s *Stages) Tell(title string, done, of int64) {
	if s.bar == nil || title != s.title {
		s.Close()
		s.bar, s.title, s.done = NewProgress(s.w, of, s.unit, title), title, 0
	}
	s.bar.SetTotal(of)
	s.bar.Add(done - s.done)
	s.done = done
}

// Close ends the last stage.
func (s *Stages) Close() {
	if s.bar != nil {
		s.bar.Close()
	}
}
