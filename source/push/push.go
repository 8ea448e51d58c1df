// Package push takes posts over HTTP from those who bring them: resellers of
// data, a team's own scripts. The body is the NDJSON of an import, with URLs for
// images, since a stranger names no file of this machine.
//
// It answers 200 only when all that was good is durable. Whatever goes wrong
// before, the same body may be sent again: ids come from the records, so what
// was stored is known, and nothing is there twice.
package push

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source/file"
)

// Store is where posts and deletions go. What its methods return without an
// error is durable. The context names who pushed, see Caller.
type Store interface {
	// Admit stores posts of a source, for the profiles named or, when there are
	// none, for those that match. It counts what became of each.
	Admit(ctx context.Context, source string, profiles []string, posts []models.Post) (counts map[models.AdmissionResult]int, err error)
	// Delete makes what the deletions name be gone for ever, whether it is there yet or not.
	Delete(ctx context.Context, deletions []models.Deletion) error
}

// Token lets one party push.
type Token struct {
	Name    string
	SHA256  string   // of the token, 64 hex digits: the configuration holds no secret
	Sources []string // it may push to; empty: all
}

// Options of a Handler. Zero limits are replaced by defaults.
type Options struct {
	Tokens  []Token
	Body    int64            // bytes of a body, unpacked; 64 MiB
	Line    int              // bytes of a record; 1 MiB
	Posts   int              // records of a body; 10,000
	AtOnce  int              // requests of one token that are worked on; 2
	Timeout time.Duration    // for a body to arrive; 5 minutes
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Handler answers POST /push.
type Handler struct {
	store  Store
	opt    Options
	tokens []holder
}

// holder is a token made ready.
type holder struct {
	Token
	sum  []byte
	busy chan struct{} // a place for each request that is worked on
}

// New returns a handler, or what is wrong with the tokens.
func New(store Store, opt Options) (*Handler, error) {
	opt.Body, opt.Line, opt.Posts = or(opt.Body, 64<<20), or(opt.Line, 1<<20), or(opt.Posts, 10_000)
	opt.AtOnce, opt.Timeout = or(opt.AtOnce, 2), or(opt.Timeout, 5*time.Minute)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{store: store, opt: opt}
	for i, t := range opt.Tokens {
		sum, err := hex.DecodeString(t.SHA256)
		switch {
		case t.Name == "":
			return nil, fmt.Errorf("push: token %d has no name", i+1)
		case slices.ContainsFunc(h.tokens, func(o holder) bool { return o.Name == t.Name }):
			return nil, fmt.Errorf("push: there are two tokens of the name %q", t.Name)
		case err != nil || len(sum) != sha256.Size:
			return nil, fmt.Errorf("push: token %q: sha256 is to be 64 hex digits, as sha256sum prints them", t.Name)
		}
		for _, s := range t.Sources {
			if err := file.CheckSource(s); err != nil {
				return nil, fmt.Errorf("push: token %q: %w", t.Name, err)
			}
		}
		h.tokens = append(h.tokens, holder{Token: t, sum: sum, busy: make(chan struct{}, opt.AtOnce)})
	}
	return h, nil
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// callerKey is the context's key of who pushed.
type callerKey struct{}

// Caller returns the name of the token that a push came with; empty outside of one.
func Caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// holder finds whose token a request carries. It compares hashes with all of
// them, so that the time it takes tells nothing.
func (h *Handler) holder(r *http.Request) (holder, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found holder
	ok := false
	for _, t := range h.tokens {
		if subtle.ConstantTimeCompare(sum[:], t.sum) == 1 {
			found, ok = t, true
		}
	}
	return found, ok && strings.EqualFold(scheme, "Bearer")
}

// ServeHTTP takes one body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, problemf(http.StatusMethodNotAllowed, "%s is not taken here; allowed: POST", r.Method), nil)
		return
	}
	who, ok := h.holder(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		answer(w, problemf(http.StatusUnauthorized, "a header Authorization: Bearer TOKEN is needed, with a token that is configured"), nil)
		return
	}
	p, problem := h.request(r, who)
	if problem != nil {
		answer(w, problem, nil)
		return
	}
	select {
	case who.busy <- struct{}{}:
		defer func() { <-who.busy }()
	default:
		w.Header().Set("Retry-After", "5")
		answer(w, problemf(http.StatusTooManyRequests, "%d requests with the token %q are being worked on; send one after the other", h.opt.AtOnce, who.Name), nil)
		return
	}
	// a server without deadlines has none to set, and its tests' recorder neither
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.opt.Timeout))
	problem = p.run(context.WithValue(r.Context(), callerKey{}, who.Name), http.MaxBytesReader(w, r.Body, h.opt.Body))
	if problem != nil && !problem.Until.IsZero() {
		w.Header().Set("Retry-After", retryAfter(problem.Until.Sub(h.opt.Now())))
	}
	level, status := slog.LevelInfo, http.StatusOK
	if problem != nil {
		level, status = slog.LevelWarn, problem.Status
	}
	h.opt.Log.Log(r.Context(), level, "push", "token", who.Name, "source", p.source, "status", status,
		"records", p.report.Records, "posts", p.report.Posts, "deletions", p.report.Deletions, "rejected", p.report.Refused)
	answer(w, problem, &p.report)
}
