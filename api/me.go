package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Me is who asks.
type Me struct {
	ID   string      `json:"id" doc:"Of the key; or oidc:, what the identity provider calls them, @ and the provider."`
	Name string      `json:"name"`
	Role models.Role `json:"role" enum:"viewer,labeler,analyst,operator,admin"`
	CSRF string      `json:"csrf,omitempty" doc:"Of a session: the value of X-CSRF-Token that its writes must carry."`
}

type meOutput struct{ Body Me }

func meOf(p models.Principal) Me { return Me{ID: p.ID, Name: p.Name, Role: p.Role, CSRF: p.CSRF} }

// me registers who am I.
func (s *server) me() {
	register(s, action{Role: models.Viewer, Operation: huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/v1/me", Tags: []string{"access"}, Summary: "Tell who asks",
	}}, func(ctx context.Context, _ *struct{}) (*meOutput, error) {
		return &meOutput{meOf(of(ctx).who)}, nil
	})
}
