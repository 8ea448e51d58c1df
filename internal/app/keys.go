package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weft/api"
	"weft/models"
)

// FirstKey makes an admin's key if the documents are embedded and there is no key
// at all: somebody must be able to hand out the others. It returns what its
// holder sends, when it is new and only then.
func (a *App) FirstKey(ctx context.Context) (shown string, err error) {
	if !strings.HasPrefix(a.Config.Documents.URL, "sqlite:") {
		return "", nil
	}
	all, err := a.Documents.Keys(ctx)
	if err != nil || len(all) > 0 {
		return "", err
	}
	shown, _, err = a.CreateKey(ctx, "first start", models.Admin, 0, "weft")
	return shown, err
}

// CreateKey makes a key, which ends by itself after life (0: never). It returns
// what its holder sends, which is stored nowhere.
func (a *App) CreateKey(ctx context.Context, name string, role models.Role, life time.Duration, by string) (shown string, k models.APIKey, err error) {
	if !role.Known() {
		return "", k, fmt.Errorf("role %q: allowed are %v", role, models.Roles())
	}
	if n := len([]rune(name)); n < 1 || n > 64 {
		return "", k, fmt.Errorf("the name %q has %d letters; allowed are 1 to 64", name, n)
	}
	shown, k = api.NewKey(name, role, by, a.opt.Now())
	if life > 0 {
		k.ExpiresAt = k.CreatedAt.Add(life)
	}
	if err := a.Documents.AddKey(ctx, k); err != nil {
		return "", k, fmt.Errorf("app: key: %w", err)
	}
	return shown, k, nil
}

// RevokeKey ends a key for ever.
func (a *App) RevokeKey(ctx context.Context, id string) error {
	return a.Documents.RevokeKey(ctx, id, a.opt.Now())
}
