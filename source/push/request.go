package push

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"weft/models"
	"weft/source/file"
)

// What goes to the store at once: records, and bytes of them.
const (
	batchRecords = 500
	batchBytes   = 16 << 20
)

// maxRejected is how many rejected records the answer names; the rest is counted.
const maxRejected = 1000

// maxReason bounds what is said of one.
const maxReason = 300

// report tells the caller what became of the records.
type report struct {
	Records   int                            `json:"records"`
	Posts     map[models.AdmissionResult]int `json:"posts"`     // as the store counts them
	Deletions int                            `json:"deletions"` // made durable
	Refused   int                            `json:"rejected_total"`
	Rejected  []rejected                     `json:"rejected"`
}

// rejected is a record that was not taken.
type rejected struct {
	Line   int    `json:"line"`
	Field  string `json:"field,omitempty"` // empty: the record as a whole
	Reason string `json:"reason"`
}

// pushing is one request on its way.
type pushing struct {
	h         *Handler
	source    string
	profiles  []string
	packed    bool
	report    report
	posts     []models.Post
	deletions []models.Deletion
	size      int
}

// types are the names that NDJSON goes by.
func types() []string {
	return []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json"}
}

// request reads what r asks for, but for its body.
func (h *Handler) request(r *http.Request, who holder) (*pushing, *problem) {
	p := &pushing{h: h, report: report{Posts: map[models.AdmissionResult]int{}, Rejected: []rejected{}}}
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != "source" && name != "profile" {
			return nil, problemf(http.StatusBadRequest, "unknown parameter %q; allowed: source, profile", name)
		}
	}
	p.source = query.Get("source")
	if err := file.CheckSource(p.source); err != nil || len(query["source"]) != 1 {
		return nil, problemf(http.StatusBadRequest, "the parameter source is needed once, as 1 to 32 of a-z, 0-9 and -: who the posts are of")
	}
	if len(who.Sources) > 0 && !slices.Contains(who.Sources, p.source) {
		return nil, problemf(http.StatusForbidden, "the token %q may not push to %q; allowed: %s", who.Name, p.source, strings.Join(who.Sources, ", "))
	}
	for _, list := range query["profile"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(p.profiles, name) {
				p.profiles = append(p.profiles, name)
			}
		}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || !slices.Contains(types(), kind) {
		return nil, problemf(http.StatusUnsupportedMediaType, "Content-Type %.100q is not taken; allowed: %s, with one object a line", r.Header.Get("Content-Type"), strings.Join(types(), ", "))
	}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "gzip":
		p.packed = true
	case "", "identity":
	default:
		return nil, problemf(http.StatusUnsupportedMediaType, "Content-Encoding %.100q is not taken; allowed: gzip, identity", encoding)
	}
	if r.ContentLength > h.opt.Body {
		return nil, h.tooBig()
	}
	return p, nil
}

func (h *Handler) tooBig() *problem {
	return problemf(http.StatusRequestEntityTooLarge, "the body is over %d bytes (unpacked); send it in parts", h.opt.Body)
}

// run reads the body and stores what is good in it.
func (p *pushing) run(ctx context.Context, body io.Reader) *problem {
	if p.packed {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return p.broken(err)
		}
		body = &bounded{in: unpacked, left: p.h.opt.Body}
	}
	opt := file.Options{Source: p.source, Now: p.h.opt.Now, MaxLine: p.h.opt.Line, Deletions: true, URLsOnly: true}
	for it, err := range file.ReadNDJSON(body, "body", opt) {
		if err != nil {
			return p.broken(err)
		}
		if p.report.Records == p.h.opt.Posts {
			if problem := p.flush(ctx); problem != nil {
				return problem
			}
			return problemf(http.StatusRequestEntityTooLarge, "there are over %d records; those before line %d are taken, send the others in parts", p.h.opt.Posts, it.Line)
		}
		p.report.Records++
		p.take(ctx, it)
		if len(p.posts)+len(p.deletions) >= batchRecords || p.size >= batchBytes {
			if problem := p.flush(ctx); problem != nil {
				return problem
			}
		}
	}
	return p.flush(ctx)
}

// take sorts one record.
func (p *pushing) take(ctx context.Context, it file.Item) {
	switch {
	case it.Err != nil:
		p.reject(it.Line, it.Err.Field, it.Err.Reason)
	case it.Delete != nil && it.Delete.Source != p.source, it.Delete == nil && it.Post.Source != p.source:
		p.reject(it.Line, "source", "this request is for "+p.source+" alone")
	case it.Delete != nil:
		if it.Delete.Reason == "" {
			it.Delete.Reason = "pushed by " + Caller(ctx)
		}
		p.deletions = append(p.deletions, *it.Delete)
	default:
		p.posts = append(p.posts, it.Post)
		p.size += len(it.Post.Raw) + len(it.Post.Text)
	}
}

func (p *pushing) reject(line int, field, reason string) {
	p.report.Refused++
	if len(reason) > maxReason { // it may quote a value of a megabyte
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	if len(p.report.Rejected) < maxRejected {
		p.report.Rejected = append(p.report.Rejected, rejected{Line: line, Field: field, Reason: reason})
	}
}

// flush hands over what was read. Deletions go last: of a post and its deletion
// in one batch, the deletion holds.
func (p *pushing) flush(ctx context.Context) *problem {
	if len(p.posts) > 0 {
		counts, err := p.h.store.Admit(ctx, p.source, p.profiles, p.posts)
		for result, n := range counts {
			p.report.Posts[result] += n
		}
		if err != nil {
			return p.refused(err)
		}
	}
	if len(p.deletions) > 0 {
		if err := p.h.store.Delete(ctx, p.deletions); err != nil {
			return p.refused(err)
		}
		p.report.Deletions += len(p.deletions)
	}
	p.posts, p.deletions, p.size = nil, nil, 0 // not reused: the store may hold on to them
	return nil
}

// broken is the problem of a body that can't be read to its end.
func (p *pushing) broken(err error) *problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, errTooBig) {
		return p.h.tooBig()
	}
	return problemf(http.StatusBadRequest, "the body can't be read to its end: %v", err)
}

var errTooBig = errors.New("too big")

// bounded ends in errTooBig once more than left bytes were read, however small
// they were packed.
type bounded struct {
	in   io.Reader
	left int64
}

// Read reads one byte more than is allowed, to know whether there is one.
func (b *bounded) Read(buf []byte) (int, error) {
	if int64(len(buf)) > b.left+1 {
		buf = buf[:b.left+1]
	}
	n, err := b.in.Read(buf)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooBig
	}
	return n, err
}
