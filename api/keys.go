package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Keys hands keys out and takes them back.
type Keys interface {
	AddKey(ctx context.Context, k models.APIKey) error
	Keys(ctx context.Context) ([]models.APIKey, error)
	// RevokeKey ends a key for ever, or is models.ErrNotFound.
	RevokeKey(ctx context.Context, id string, at time.Time) error
}

// Key is what the API tells of a key: all but its secret.
type Key struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Role      models.Role `json:"role" enum:"viewer,labeler,analyst,operator,admin"`
	CreatedAt time.Time   `json:"created_at"`
	CreatedBy string      `json:"created_by,omitempty" doc:"Id of the key that made it."`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
	RevokedAt *time.Time  `json:"revoked_at,omitempty"`
	UsedAt    *time.Time  `json:"used_at,omitempty" doc:"Last use, to the minute."`
}

func keyShown(k models.APIKey) Key {
	return Key{
		ID: k.ID, Name: k.Name, Role: k.Role, CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy,
		ExpiresAt: moment(k.ExpiresAt), RevokedAt: moment(k.RevokedAt), UsedAt: moment(k.UsedAt),
	}
}

// moment is nil for no time at all.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type keysOutput struct {
	Body struct {
		Items []Key `json:"items" nullable:"false"`
	}
}

type createKeyInput struct {
	Body struct {
		Name      string      `json:"name" minLength:"1" maxLength:"64" doc:"Who it is for." example:"ana's notebook"`
		Role      models.Role `json:"role" enum:"viewer,labeler,analyst,operator,admin"`
		ExpiresAt *time.Time  `json:"expires_at,omitempty" doc:"It ends by itself then; never when missing."`
	}
}

type createKeyOutput struct {
	Body struct {
		Key
		Secret string `json:"secret" doc:"What goes into Authorization: Bearer. It is shown this once."`
	}
}

type keyInput struct {
	ID string `path:"id" pattern:"^[a-z0-9]{10}$" doc:"Of the key."`
}

// keys registers what admins do with keys.
func (s *server) keys() {
	register(s, action{Role: models.Admin, Operation: huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/v1/keys", Tags: []string{"access"}, Summary: "List all keys, the newest first",
	}}, s.listKeys)
	register(s, action{Role: models.Admin, Creates: true, Secret: true, Operation: huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/v1/keys", Tags: []string{"access"}, Summary: "Make a key",
		DefaultStatus: http.StatusCreated,
	}}, s.createKey)
	register(s, action{Role: models.Admin, Operation: huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: "/v1/keys/{id}", Tags: []string{"access"}, Summary: "End a key",
		Description: "It lets nobody in any more: here at once, in other processes within five seconds.", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}}, s.revokeKey)
}

func (s *server) listKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	all, err := s.Keys.Keys(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &keysOutput{}
	out.Body.Items = []Key{}
	for _, k := range all {
		out.Body.Items = append(out.Body.Items, keyShown(k))
	}
	return out, nil
}

func (s *server) createKey(ctx context.Context, in *createKeyInput) (*createKeyOutput, error) {
	secret, k := NewKey(in.Body.Name, in.Body.Role, of(ctx).who.ID, s.Now())
	if at := in.Body.ExpiresAt; at != nil {
		if !at.After(k.CreatedAt) {
			return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.expires_at", Message: "expected a time to come"})
		}
		k.ExpiresAt = at.UTC()
	}
	if err := s.Keys.AddKey(ctx, k); err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	note(ctx, k.ID, "", fmt.Sprintf("%s: %s", k.Name, k.Role))
	out := &createKeyOutput{}
	out.Body.Key, out.Body.Secret = keyShown(k), secret
	return out, nil
}

func (s *server) revokeKey(ctx context.Context, in *keyInput) (*struct{}, error) {
	if in.ID == of(ctx).who.ID {
		return nil, huma.Error409Conflict("this is the key that asks: use another to end it")
	}
	note(ctx, in.ID, "", "revoked")
	err := s.Keys.RevokeKey(ctx, in.ID, s.Now())
	if errors.Is(err, models.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no such key")
	}
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	s.Guard.Forget(in.ID)
	return nil, nil //nolint:nilnil // huma's way to say: no content
}
