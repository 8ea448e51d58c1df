package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/models"
)

// exchange gives a session's operations what huma hides: cookies are net/http's.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
}

// Resolve takes the request as it is.
func (e *exchange) Resolve(c huma.Context) []error {
	e.r, e.w = humago.Unwrap(c)
	return nil
}

type loginInput struct {
	exchange
	Body struct {
		Key string `json:"key" minLength:"1" maxLength:"200" doc:"An API key."`
	}
}

type logoutInput struct{ exchange }

// sessions registers login and logout of the web app.
func (s *server) sessions() {
	register(s, action{Operation: huma.Operation{
		OperationID: "log-in", Method: http.MethodPost, Path: "/v1/session", Tags: []string{"access"}, Summary: "Begin a session with a key",
		Description: "For web pages: the answer sets a cookie that scripts can't read. Its writes then carry csrf of the answer in X-CSRF-Token.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}}, s.logIn)
	register(s, action{Role: models.Viewer, Reads: true, Operation: huma.Operation{
		OperationID: "log-out", Method: http.MethodDelete, Path: "/v1/session", Tags: []string{"access"}, Summary: "End the session",
		DefaultStatus: http.StatusNoContent,
	}}, s.logOut)
}

func (s *server) logIn(ctx context.Context, in *loginInput) (*meOutput, error) {
	if err := http.NewCrossOriginProtection().Check(in.r); err != nil {
		return nil, huma.Error403Forbidden("this request comes from another web site")
	}
	who, err := s.Guard.Login(in.w, in.r, in.Body.Key)
	switch {
	case Wait(err) > 0:
		return nil, tooMany(Wait(err))
	case Nobody(err):
		return nil, huma.Error401Unauthorized("there is no such key, or it lets nobody in any more")
	case err != nil:
		return nil, s.failed(ctx, "documents", err)
	}
	of(ctx).who = who
	return &meOutput{meOf(who)}, nil
}

func (s *server) logOut(ctx context.Context, in *logoutInput) (*struct{}, error) {
	if err := s.Guard.Logout(in.w, in.r); err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return nil, nil //nolint:nilnil // huma's way to say: no content
}
