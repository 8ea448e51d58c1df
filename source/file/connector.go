package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"weft/models"
	"weft/source"
)

// What a batch holds at most: posts, and bytes of them.
const (
	batchRecords = 500
	batchBytes   = 16 << 20
)

// Connector reads a file or folder as often as its query says, and takes it in
// again only when it changed.
type Connector struct{ opt Options }

// New returns a connector.
func New(opt Options) *Connector {
	opt.Deletions = true
	return &Connector{opt: opt}
}

// Params lists what a query may say.
func (c *Connector) Params() []source.Param {
	return []source.Param{
		{Name: "path", Meaning: "the folder of images, .ndjson, .jsonl or .csv file to read", Required: true},
		{Name: "source", Meaning: "the source of records that name none, such as a reseller's name; file when it is not there", Check: CheckSource},
	}
}

// place is how far a path has been read.
type place struct {
	Path    string `json:"path"`
	Mark    string `json:"mark"`              // size and time of change, of a folder a hash over those of its files
	Records int    `json:"records,omitempty"` // taken of it so far
	Whole   bool   `json:"whole,omitempty"`   // all were
}

// Collect reads q's path if it changed since cursor. The mark is taken before
// the reading, so that what is written meanwhile counts as changed at the next turn.
func (c *Connector) Collect(ctx context.Context, q source.Query, cursor json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		path := q.Params["path"]
		mark, err := fingerprint(path)
		if err != nil {
			yield(source.Batch{}, fault(err))
			return
		}
		var done place
		if err := json.Unmarshal(cursor, &done); err != nil || done.Path != path || done.Mark != mark {
			done = place{Path: path, Mark: mark} // what is known already is recognised by its id
		}
		if !done.Whole {
			c.collect(ctx, q, done, yield)
		}
	}
}

func (c *Connector) collect(ctx context.Context, q source.Query, at place, yield func(source.Batch, error) bool) {
	opt := c.opt
	if s := q.Params["source"]; s != "" {
		opt.Source = s
	}
	var b source.Batch
	read, held, size := 0, 0, 0
	flush := func() bool {
		b.Cursor, _ = json.Marshal(at) // texts and numbers: it can't go wrong
		full := b
		b, held, size = source.Batch{}, 0, 0
		return yield(full, nil)
	}
	for it, err := range Read(at.Path, opt) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			if held == 0 || flush() {
				yield(source.Batch{}, fault(err))
			}
			return
		}
		if read++; read <= at.Records {
			continue
		}
		at.Records = read
		held, size = held+1, size+len(it.Post.Raw)+len(it.Post.Text)
		add(&b, it)
		if (held == batchRecords || size >= batchBytes) && !flush() {
			return
		}
	}
	at.Records, at.Whole = 0, true
	flush()
}

// add puts a record where it belongs.
func add(b *source.Batch, it Item) {
	switch {
	case it.Err != nil:
		b.Problems = append(b.Problems, it.Err)
	case it.Delete != nil:
		b.Deletions = append(b.Deletions, *it.Delete)
	default:
		b.Posts = append(b.Posts, it.Post)
	}
	for _, im := range it.Images {
		if b.Files == nil {
			b.Files = map[string]string{}
		}
		b.Files[strings.TrimPrefix(it.Post.Media[im.MediaIndex].URL, "blob:")] = im.Path
	}
}

// Parse reads the content of an NDJSON or CSV file.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	var b source.Batch
	if rec.Status >= http.StatusBadRequest {
		return b, models.Faultf(models.Permanent, "file: a recorded answer of status %d, not the content of a file", rec.Status)
	}
	body := bytes.TrimPrefix(rec.Body, []byte("\uFEFF"))
	read := (*reader).ndjson
	if start := bytes.TrimSpace(body); len(start) == 0 {
		return b, nil
	} else if start[0] != '{' && start[0] != '[' {
		read = (*reader).csv
	}
	for it, err := range stream(bytes.NewReader(body), "file", c.opt, read) {
		if err != nil {
			return b, models.Faultf(models.Permanent, "not the content of an NDJSON or CSV file: %w", err)
		}
		add(&b, it)
	}
	if len(b.Posts)+len(b.Deletions) == 0 && len(b.Problems) > 0 {
		return b, models.Faultf(models.Permanent, "no record of the file can be read: %w", b.Problems[0])
	}
	return b, nil
}

// fingerprint changes with the content of a path, as far as sizes and times tell.
func fingerprint(path string) (string, error) {
	k, err := kindOf(path)
	if err != nil {
		return "", err
	}
	if k != folder {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		return mark(info), nil
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && file != root: // gone since its folder was listed
			return nil
		case err != nil:
			return err
		case file != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if info, err := os.Stat(file); err == nil { // of what a link leads to; one that leads nowhere is no content
			fmt.Fprintf(h, "%q %s\n", file, mark(info))
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:16]), err
}

func mark(info fs.FileInfo) string {
	return fmt.Sprintf("%d@%d", info.Size(), info.ModTime().UnixNano())
}

// fault classifies: a path that isn't there, or isn't as it should be, waits for
// its next turn; a disk that doesn't answer may do so soon.
func fault(err error) error {
	class := models.Permanent
	if _, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		class = models.Unavailable
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		class = models.Unavailable
	}
	return models.Faultf(class, "%w", err)
}
