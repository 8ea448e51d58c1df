package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"weft/models"
)

// Audit keeps who changed what.
type Audit interface {
	PutAuditLine(ctx context.Context, l models.AuditLine) error
	AuditLines(ctx context.Context, f models.AuditFilter) ([]models.AuditLine, error)
}

// recorded writes a line of the audit log before the action, so that nothing is
// done without one, and again after it with what came of it.
func (s *server) recorded(act *action, do http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, now := of(r.Context()), s.Now().UTC()
		line := models.AuditLine{
			ID: models.AuditID(now), At: now.Truncate(time.Millisecond),
			By: req.who.ID, Name: req.who.Name, Role: req.who.Role, Action: act.OperationID, Target: r.URL.Path, Request: req.id,
		}
		if err := s.Audit.PutAuditLine(r.Context(), line); err != nil {
			s.writeFailure(w, r, "documents", err)
			return
		}
		out := &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			line.Before, line.After, line.Status = brief(req.before), brief(req.after), out.status
			if req.target != "" {
				line.Target = req.target
			}
			if !out.begun { // it panics: serve answers with 500
				line.Status = http.StatusInternalServerError
			}
			// what was done is done, even if the caller is gone
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
			defer cancel()
			if err := s.Audit.PutAuditLine(ctx, line); err != nil {
				s.Log.ErrorContext(ctx, "api: the audit log lacks how a write ended", "request", req.id, "action", line.Action, "status", line.Status, "error", err)
			}
		}()
		do.ServeHTTP(out, r)
	})
}

// brief keeps a line of the audit log short.
func brief(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
