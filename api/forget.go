package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Forgetting makes posts and authors gone.
type Forgetting interface {
	Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	// Foresee counts what Forget would do.
	Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	ForgetLog(ctx context.Context, post string, limit int) ([]models.Audit, error)
}

// AuthorID names an author.
type AuthorID struct {
	Source string `json:"source" pattern:"^[a-z0-9-]{1,32}$" doc:"The network."`
	ID     string `json:"id" minLength:"1" maxLength:"256" doc:"The network's own id of the author, or the handle where it has none."`
}

type forgetInput struct {
	Body struct {
		Posts   []string   `json:"posts,omitempty" maxItems:"1000" doc:"Ids, such as mastodon.k3j2h5."`
		Authors []AuthorID `json:"authors,omitempty" maxItems:"100" doc:"All of their posts, those to come too."`
		Act     models.Act `json:"act,omitempty" enum:"delete,hide,show" default:"delete"`
		By      string     `json:"by,omitempty" enum:"operator,request,author,platform" default:"operator" doc:"Who wants it."`
		Reason  string     `json:"reason,omitempty" maxLength:"500" doc:"Why, for the record. Name nobody."`
		DryRun  bool       `json:"dry_run,omitempty" doc:"Only count what would be done."`
	}
}

// Resolve checks what the tags can't say.
func (i *forgetInput) Resolve(huma.Context) []error {
	var errs []error
	if len(i.Body.Posts)+len(i.Body.Authors) == 0 {
		errs = append(errs, &huma.ErrorDetail{Location: "body", Message: "expected posts or authors"})
	}
	for n, id := range i.Body.Posts {
		if !postPattern.MatchString(id) {
			errs = append(errs, &huma.ErrorDetail{Location: fmt.Sprintf("body.posts[%d]", n), Message: "expected an id like mastodon.112233"})
		}
	}
	return errs
}

func (i *forgetInput) deletions() []models.Deletion {
	var out []models.Deletion
	base := models.Deletion{Act: i.Body.Act, By: i.Body.By, Reason: i.Body.Reason}
	for _, id := range i.Body.Posts {
		d := base
		d.Source, d.NativeID, _ = strings.Cut(id, ".")
		out = append(out, d)
	}
	for _, a := range i.Body.Authors {
		d := base
		d.Source, d.Author = a.Source, a.ID
		out = append(out, d)
	}
	return out
}

// Forgotten counts what was done, or would be.
type Forgotten struct {
	Done     bool `json:"done" doc:"False: this is what would be done."`
	Deleted  int  `json:"deleted" doc:"Posts that were stored."`
	Purged   int  `json:"purged" doc:"Posts that only the history still had."`
	Hidden   int  `json:"hidden"`
	Shown    int  `json:"shown"`
	Authors  int  `json:"authors" doc:"Whose future posts are refused, hidden, or taken again."`
	Unknown  int  `json:"unknown" doc:"Never were here: only a hash is kept, so that they don't come."`
	Repeated int  `json:"repeated" doc:"Had been done before."`
}

type forgetOutput struct{ Body Forgotten }

type forgetLogInput struct {
	Post  string `query:"post" pattern:"^([a-z0-9-]{1,32}[.][A-Za-z0-9_-]{1,48})?$" doc:"Only of this post."`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most lines."`
}

// Forget is one line of the record: the post or author is a hash.
type Forget struct {
	ID      int64           `json:"id"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Act     models.Act      `json:"act"`
	Kind    string          `json:"kind" doc:"post or author"`
	Hash    string          `json:"hash" doc:"Only this store can make it."`
	Reason  string          `json:"reason,omitempty"`
	Posts   int             `json:"posts,omitempty" doc:"Of an author."`
	Receipt *models.Receipt `json:"receipt,omitempty" doc:"There once the history is rewritten."`
}

// forget registers the deletion of posts and authors.
func (s *server) forget() {
	register(s, action{Role: models.Admin, Creates: true, Timeout: 2 * time.Minute, Operation: huma.Operation{
		OperationID: "forget", Method: http.MethodPost, Path: "/v1/forget", Tags: []string{"privacy"},
		Summary:     "Delete, hide or show posts, or all posts of authors, everywhere",
		Description: "Documents, images, search, questions and staged rows at once, the history with the next rewrite, which a worker does. Repeating it changes nothing.",
	}}, s.doForget)
	register(s, action{Role: models.Admin, Operation: huma.Operation{
		OperationID: "list-forgotten", Method: http.MethodGet, Path: "/v1/forget", Tags: []string{"privacy"}, Summary: "List what was forgotten, without content, with receipts",
	}}, s.listForgotten)
}

func (s *server) doForget(ctx context.Context, in *forgetInput) (*forgetOutput, error) {
	do := s.Forgetting.Forget
	if in.Body.DryRun {
		do = s.Forgetting.Foresee
	}
	// the audit log must not keep whom it was about: the record has a hash
	note(ctx, fmt.Sprintf("%d posts, %d authors", len(in.Body.Posts), len(in.Body.Authors)), "", fmt.Sprintf("%s by %s, dry run %t", in.Body.Act, in.Body.By, in.Body.DryRun))
	got, err := do(ctx, in.deletions())
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return &forgetOutput{Forgotten{
		Done: !in.Body.DryRun, Deleted: got.Deleted, Purged: got.Purged, Hidden: got.Hidden, Shown: got.Shown,
		Authors: got.Authors, Unknown: got.Unknown, Repeated: got.Repeated,
	}}, nil
}

func (s *server) listForgotten(ctx context.Context, in *forgetLogInput) (*listOf[Forget], error) {
	lines, err := s.Forgetting.ForgetLog(ctx, in.Post, in.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	var out []Forget
	for _, l := range lines {
		out = append(out, Forget(l))
	}
	return list(out), nil
}
