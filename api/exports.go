package api

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Exports are sets of posts that workers write to files.
type Exports interface {
	Create(ctx context.Context, owner, format string, q models.SearchQuery) (models.Export, error)
	Export(ctx context.Context, id string) (models.Export, error)
	// Exports lists the newest first, after the cursor.
	Exports(ctx context.Context, after string, limit int) ([]models.Export, error)
	Cancel(ctx context.Context, id string) error
	// Open opens a finished file, of which parts may be read.
	Open(ctx context.Context, key string) (io.ReadSeeker, error)
}

// downloadLife is how long one download may take. Longer ones go on with a Range.
const downloadLife = 30 * time.Minute

// linkLife is how long a link to a file may be used.
const linkLife = time.Hour

// Export is an export as its owner sees it.
type Export struct {
	ID        string             `json:"id"`
	Owner     string             `json:"owner" doc:"Name of the key that asked for it."`
	Format    string             `json:"format"`
	State     models.ExportState `json:"state" enum:"queued,running,done,failed,cancelled"`
	Rows      int64              `json:"rows" doc:"Posts in the finished files."`
	Estimate  int64              `json:"estimate" doc:"About how many there will be at most: rows of the range, which has several for some posts."`
	Error     string             `json:"error,omitempty"`
	CreatedAt time.Time          `json:"created_at"`
	EndedAt   *time.Time         `json:"ended_at,omitempty"`
	ExpiresAt *time.Time         `json:"expires_at,omitempty" doc:"When it is deleted."`
	Files     []ExportFile       `json:"files" nullable:"false" doc:"The finished ones. Each is complete by itself; together they are the export."`
}

// ExportFile is one finished file.
type ExportFile struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	URL    string `json:"url" doc:"Needs no key, and can be used for an hour: whoever has it can read the file. Ask for the export again for a new one."`
}

type exportInput struct {
	Body struct {
		Format     string    `json:"format" enum:"parquet,ndjson,csv"`
		Q          string    `json:"q,omitempty" maxLength:"500" doc:"Full text; all words must occur."`
		Attributes []string  `json:"attributes,omitempty" maxItems:"50" doc:"As name:value."`
		Sources    []string  `json:"sources,omitempty" maxItems:"50"`
		Languages  []string  `json:"languages,omitempty" maxItems:"50"`
		Countries  []string  `json:"countries,omitempty" maxItems:"50"`
		Regions    []string  `json:"regions,omitempty" maxItems:"50" doc:"Of the authors; ISO 3166-2, such as FR-IDF."`
		Profiles   []string  `json:"profiles,omitempty" maxItems:"50"`
		MinLikes   int64     `json:"min_likes,omitempty" minimum:"0"`
		Since      time.Time `json:"since" doc:"Created at this time or later."`
		Until      time.Time `json:"until" doc:"Created before this time."`
	}
}

func (i *exportInput) search() searchInput {
	b := &i.Body
	return searchInput{
		Q: b.Q, Attribute: b.Attributes, Source: b.Sources, Language: b.Languages, Country: b.Countries, Region: b.Regions, Profile: b.Profiles,
		MinLikes: b.MinLikes, Since: b.Since, Until: b.Until, Sort: "oldest",
	}
}

// Resolve checks what the tags can't say.
func (i *exportInput) Resolve(huma.Context) []error {
	s := i.search()
	errs := s.Resolve(nil)
	for n, err := range errs {
		if d, ok := err.(*huma.ErrorDetail); ok { //nolint:errorlint // made above, and wrapped by nobody
			d.Location = map[string]string{"query.attribute": "body.attributes", "query.region": "body.regions", "query.until": "body.until"}[d.Location]
			errs[n] = d
		}
	}
	return errs
}

// ExportID names an export. It is exported since huma passes over what an embedded
// type has otherwise.
type ExportID struct {
	ID string `path:"id" pattern:"^e[a-z0-9]{19}$" doc:"As it was given."`
}

type exportOutput struct{ Body Export }

type exportsInput struct {
	Cursor string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

type exportsOutput struct {
	Body struct {
		Items      []Export `json:"items" nullable:"false"`
		NextCursor string   `json:"next_cursor,omitempty"`
	}
}

type fileInput struct {
	ExportID
	exchange

	N         int    `path:"n" minimum:"1" maximum:"1000000" doc:"Of the file, from 1."`
	Expires   int64  `query:"expires" required:"true" doc:"As in the link."`
	Signature string `query:"signature" required:"true" maxLength:"64" doc:"As in the link."`
	Range     string `header:"Range" maxLength:"200" doc:"Which bytes, such as bytes=1048576- to go on with a download that was cut off."`
	IfRange   string `header:"If-Range" maxLength:"200" doc:"The ETag that the first bytes came with: if the file is another one, it comes from its beginning."`
}

// Resolve is the exchange's: two of what is embedded have one.
func (i *fileInput) Resolve(c huma.Context) []error { return i.exchange.Resolve(c) }

// exports registers the exports.
func (s *server) exports() {
	tags := []string{"exports"}
	file := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	register(s, action{Role: models.Analyst, Creates: true, Operation: huma.Operation{
		OperationID: "create-export", Method: http.MethodPost, Path: "/v1/exports", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary:     "Write all posts that fit to files",
		Description: "Posts of search and the history, each once, the oldest first. A worker writes them; ask for the export to see how far it is.",
	}}, s.createExport)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "list-exports", Method: http.MethodGet, Path: "/v1/exports", Tags: tags, Summary: "List your exports, the newest first; operators see all",
	}}, s.listExports)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "get-export", Method: http.MethodGet, Path: "/v1/exports/{id}", Tags: tags, Summary: "How far an export is, with links to its finished files",
		Errors: []int{http.StatusNotFound},
	}}, s.getExport)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "delete-export", Method: http.MethodDelete, Path: "/v1/exports/{id}", Tags: tags, Summary: "Cancel an export, and delete its files",
		Errors: []int{http.StatusNotFound},
	}}, s.deleteExport)
	register(s, action{Reads: true, Timeout: downloadLife, Operation: huma.Operation{
		OperationID: "download-export", Method: http.MethodGet, Path: "/v1/exports/{id}/files/{n}", Tags: tags, Summary: "Read a finished file by its link",
		Description: "A download that was cut off goes on with Range; ETag is the file's SHA-256.",
		Errors:      []int{http.StatusForbidden, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable},
		Responses: map[string]*huma.Response{
			"200": {Description: "The file.", Content: file}, "206": {Description: "The bytes that were asked for.", Content: file},
		},
	}}, s.downloadExport)
}

func (s *server) createExport(ctx context.Context, in *exportInput) (*exportOutput, error) {
	f := in.search()
	e, err := s.Exports.Create(ctx, of(ctx).who.Name, in.Body.Format, f.query())
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	note(ctx, e.ID, "", e.Format)
	return &exportOutput{s.exported(e)}, nil
}

// exported is what the API tells of an export.
func (s *server) exported(e models.Export) Export {
	out := Export{
		ID: e.ID, Owner: e.Owner, Format: e.Format, State: e.State, Rows: e.Rows, Estimate: e.Estimate, Error: e.Error,
		CreatedAt: e.CreatedAt, Files: []ExportFile{},
	}
	if !e.EndedAt.IsZero() {
		out.EndedAt = &e.EndedAt
	}
	if !e.ExpiresAt.IsZero() {
		out.ExpiresAt = &e.ExpiresAt
	}
	if e.State == models.ExportCancelled {
		return out
	}
	expires := s.Now().Add(linkLife).Unix()
	for n, f := range e.Files {
		out.Files = append(out.Files, ExportFile{Name: f.Name, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, URL: fmt.Sprintf(
			"/v1/exports/%s/files/%d?expires=%d&signature=%s", e.ID, n+1, expires, s.signature(e.ID, n+1, expires))})
	}
	return out
}

// signature lets whoever has it read one file until then.
func (s *server) signature(id string, n int, expires int64) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("export", id, strconv.Itoa(n), strconv.FormatInt(expires, 10)))
}

// mine returns an export that the caller may see: its own, or an operator's any.
func (s *server) mine(ctx context.Context, id string) (models.Export, error) {
	e, err := s.Exports.Export(ctx, id)
	if err == nil && !s.sees(ctx, &e) {
		err = models.ErrNotFound
	}
	if err != nil {
		return e, s.missing(ctx, "export", err)
	}
	return e, nil
}

func (s *server) sees(ctx context.Context, e *models.Export) bool {
	who := of(ctx).who
	return e.Owner == who.Name || who.Role.Allows(models.Operator)
}

func (s *server) getExport(ctx context.Context, in *ExportID) (*exportOutput, error) {
	e, err := s.mine(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &exportOutput{s.exported(e)}, nil
}

func (s *server) listExports(ctx context.Context, in *exportsInput) (*exportsOutput, error) {
	after, ok := s.opened("exports", in.Cursor)
	if !ok {
		return nil, badCursor()
	}
	out := &exportsOutput{}
	out.Body.Items = []Export{}
	for {
		page, err := s.Exports.Exports(ctx, after, 100)
		if err != nil {
			return nil, s.failed(ctx, "documents", err)
		}
		if len(page) == 0 {
			return out, nil
		}
		for i := range page {
			if !s.sees(ctx, &page[i]) {
				after = page[i].ID
				continue
			}
			if len(out.Body.Items) == in.Limit {
				out.Body.NextCursor = s.sealed("exports", after)
				return out, nil
			}
			after = page[i].ID
			out.Body.Items = append(out.Body.Items, s.exported(page[i]))
		}
	}
}

func (s *server) deleteExport(ctx context.Context, in *ExportID) (*struct{}, error) {
	e, err := s.mine(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	note(ctx, e.ID, string(e.State), string(models.ExportCancelled))
	if err := s.Exports.Cancel(ctx, e.ID); err != nil {
		return nil, s.missing(ctx, "export", err)
	}
	return nil, nil //nolint:nilnil // 204
}

// rangePattern is one range of bytes; several are answered with all of the file,
// as RFC 9110 lets a server.
var rangePattern = regexp.MustCompile(`^bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-[1-9][0-9]{0,14})$`)

// part takes ranges out of the request that can't or needn't be heeded, so
// that net/http has no reason for an error, which would be plain text.
func part(in *fileInput, f models.ExportFile) error {
	m := rangePattern.FindStringSubmatch(in.Range)
	if m == nil || (in.IfRange != "" && in.IfRange != etagOf(f)) {
		in.r.Header.Del("Range")
		return nil
	}
	from, _ := strconv.ParseInt(m[1], 10, 64) // digits, or none
	if until, err := strconv.ParseInt(m[2], 10, 64); err == nil && until < from {
		in.r.Header.Del("Range")
		return nil
	}
	if m[1] != "" && from >= f.Bytes {
		return huma.ErrorWithHeaders(huma.NewError(http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("the file has %d bytes", f.Bytes)),
			http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", f.Bytes)}})
	}
	return nil
}

func etagOf(f models.ExportFile) string { return `"` + f.SHA256 + `"` }

func (s *server) downloadExport(ctx context.Context, in *fileInput) (*huma.StreamResponse, error) {
	if !hmac.Equal([]byte(in.Signature), []byte(s.signature(in.ID, in.N, in.Expires))) || s.Now().Unix() >= in.Expires {
		return nil, huma.Error403Forbidden("the link is not one of ours, or its time is over: ask for the export again")
	}
	e, err := s.Exports.Export(ctx, in.ID)
	if err == nil && (in.N > len(e.Files) || e.State == models.ExportCancelled) {
		err = models.ErrNotFound
	}
	if err != nil {
		return nil, s.missing(ctx, "file", err)
	}
	f := e.Files[in.N-1]
	if err := part(in, f); err != nil {
		return nil, err
	}
	r, err := s.Exports.Open(ctx, f.Key)
	if err != nil {
		return nil, s.missing(ctx, "file", err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/octet-stream")
		c.SetHeader("Content-Disposition", `attachment; filename="`+f.Name+`"`)
		c.SetHeader("ETag", etagOf(f))
		http.ServeContent(in.w, in.r, f.Name, time.Time{}, r)
	}}, nil
}
