package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

type auditInput struct {
	By     string `query:"by" maxLength:"200" doc:"Only of this key or person."`
	Action string `query:"action" maxLength:"64" doc:"Only of this operation, such as create-key."`
	Cursor string `query:"cursor" pattern:"^([0-9a-f]{13}-[a-z0-9]{10})?$" doc:"next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most lines on a page."`
}

// AuditLine is one write.
type AuditLine struct {
	ID      string      `json:"id"`
	At      time.Time   `json:"at"`
	By      string      `json:"by" doc:"Id of the key, or oidc: and a name."`
	Name    string      `json:"name"`
	Role    models.Role `json:"role"`
	Action  string      `json:"action" doc:"The operation."`
	Target  string      `json:"target"`
	Before  string      `json:"before,omitempty"`
	After   string      `json:"after,omitempty"`
	Request string      `json:"request_id"`
	Status  int         `json:"status" doc:"Of the answer; 0 when the end is not known."`
}

type auditOutput struct {
	Body struct {
		Items      []AuditLine `json:"items" nullable:"false"`
		NextCursor string      `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	}
}

// audit registers the audit log.
func (s *server) audit() {
	register(s, action{Role: models.Admin, Operation: huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/v1/audit", Tags: []string{"access"}, Summary: "List who changed what, the newest first",
	}}, s.listAudit)
}

func (s *server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	lines, err := s.Audit.AuditLines(ctx, models.AuditFilter{By: in.By, Action: in.Action, Before: in.Cursor, Limit: in.Limit + 1})
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &auditOutput{}
	out.Body.Items = []AuditLine{}
	for i, l := range lines {
		if i == in.Limit {
			out.Body.NextCursor = lines[i-1].ID
			break
		}
		out.Body.Items = append(out.Body.Items, AuditLine(l))
	}
	return out, nil
}
