package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"weft/models"
	"weft/source"
)

// problem is an answer as RFC 9457 has it.
type problem struct {
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail"`
	Until  time.Time `json:"-"` // when to come back
}

func problemf(status int, format string, args ...any) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// refused is the problem of a store that did not take a batch. What it says is
// logged and not told: it names hosts and files of ours.
func (p *pushing) refused(err error) *problem {
	p.h.opt.Log.Error("push: store", "source", p.source, "error", err)
	now := p.h.opt.Now()
	if t, ok := source.AsTrouble(err); ok && t.Kind == source.Throttled {
		out := problemf(http.StatusTooManyRequests, "there is too much to do already; what the counts tell of is stored, send the rest later")
		out.Until = t.Until
		return out
	}
	switch {
	case errors.Is(err, models.ErrNotFound):
		return problemf(http.StatusBadRequest, "one of the profiles %q is not there", p.profiles)
	case models.ClassOf(err) == models.Permanent:
		return problemf(http.StatusInternalServerError, "the posts could not be stored; the log says why")
	}
	out := problemf(http.StatusServiceUnavailable, "the store does not answer; what the counts tell of is stored, send the body again later")
	out.Until = now.Add(30 * time.Second)
	return out
}

// answer writes the report, or the problem with as much as was done before it.
func answer(w http.ResponseWriter, p *problem, r *report) {
	var body any = r
	kind, status := "application/json", http.StatusOK
	if p != nil {
		kind, status = "application/problem+json", p.Status
		body = struct {
			*problem
			*report
		}{p, r}
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever has gone reads no error either
}

func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
