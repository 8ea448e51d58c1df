package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"weft/models"
)

const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotency    = 200
	// keptFor is how long an answer is repeated; pendingFor how long a request
	// whose end is not known holds up its repetition: longer than one may take.
	keptFor    = 24 * time.Hour
	pendingFor = 2 * time.Minute
	// A longer answer is not kept; then a repetition is told that it was done.
	maxKept = 256 << 10
)

// Requests keeps what requests with an Idempotency-Key were answered.
type Requests interface {
	// ReserveRequest keeps r. If one of its id is there and not expired at r.At,
	// that one is returned with models.ErrConflict.
	ReserveRequest(ctx context.Context, r models.Reservation) (models.Reservation, error)
	SettleRequest(ctx context.Context, r models.Reservation) error
	ReleaseRequest(ctx context.Context, id string) error
}

// once does an action a single time for each Idempotency-Key, and repeats the
// answer to whoever asks the same again. A request that failed here (5xx) or was
// turned away for now (429) may be tried again under its key.
func (s *server) once(act *action, do http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(idempotencyHeader)
		if len(key) > maxIdempotency {
			writeProblem(w, r, http.StatusUnprocessableEntity, "the Idempotency-Key is longer than 200 characters")
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			writeProblem(w, r, http.StatusRequestEntityTooLarge, "the body is over 1 MiB, or broke off")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		now := s.Now().UTC()
		mine := models.Reservation{
			ID: digest(of(r.Context()).who.ID, act.OperationID, key), Hash: digest(r.URL.RequestURI(), string(body)), At: now, Expires: now.Add(max(pendingFor, act.Timeout+time.Minute)),
		}
		there, err := s.Requests.ReserveRequest(r.Context(), mine)
		if errors.Is(err, models.ErrConflict) {
			repeat(w, r, mine, there)
			return
		}
		if err != nil {
			s.writeFailure(w, r, "documents", err)
			return
		}
		s.settle(w, r, act, mine, do)
	})
}

// settle does the action and keeps its answer.
func (s *server) settle(w http.ResponseWriter, r *http.Request, act *action, mine models.Reservation, do http.Handler) {
	out := &copied{answer: answer{ResponseWriter: w, status: http.StatusOK}}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
		defer cancel()
		var err error
		if !out.begun || out.status >= 500 || out.status == http.StatusTooManyRequests {
			err = s.Requests.ReleaseRequest(ctx, mine.ID)
		} else {
			mine.Status, mine.Expires = out.status, mine.At.Add(keptFor)
			if out.kept.Len() <= maxKept && (!act.Secret || out.status >= 300) {
				mine.Body = out.kept.Bytes()
				mine.Header = map[string]string{"Content-Type": w.Header().Get("Content-Type"), "Location": w.Header().Get("Location"), "ETag": w.Header().Get("ETag")}
			}
			err = s.Requests.SettleRequest(ctx, mine)
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "api: an answer was not kept for repetitions", "request", of(ctx).id, "action", act.OperationID, "error", err)
		}
	}()
	do.ServeHTTP(out, r)
}

// repeat answers a request that was there before.
func repeat(w http.ResponseWriter, r *http.Request, mine, there models.Reservation) {
	switch {
	case there.Hash != mine.Hash:
		writeProblem(w, r, http.StatusUnprocessableEntity, "this Idempotency-Key was used for another request")
	case there.Status == 0:
		w.Header().Set("Retry-After", "1")
		writeProblem(w, r, http.StatusConflict, "the first request of this Idempotency-Key has not ended yet")
	case there.Header == nil:
		writeProblem(w, r, http.StatusConflict, "this was done by an earlier request of the same Idempotency-Key; its answer is not kept")
	default:
		for k, v := range there.Header {
			if v != "" {
				w.Header().Set(k, v)
			}
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(there.Status)
		_, _ = w.Write(there.Body) // the caller went away
	}
}

// copied keeps what is answered, up to a limit.
type copied struct {
	answer
	kept bytes.Buffer
}

// Write keeps and sends b.
func (c *copied) Write(b []byte) (int, error) {
	if c.kept.Len() <= maxKept {
		c.kept.Write(b)
	}
	return c.answer.Write(b)
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
