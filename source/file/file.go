// Package file reads posts from files: a folder of images, NDJSON (one JSON
// object a line) or CSV. It is how a team brings in what it already has.
//
// A bad record never stops the good ones: it is yielded with its file, line,
// field and reason, and the caller writes it to a file of rejects. Importing
// again changes nothing, since ids come from the records and not from the day.
//
// Images are only named and hashed here (one read of each file); the importer
// stores them. Memory stays bounded by the longest line, whatever the file.
package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"weft/models"
)

// DefaultSource is the source of records that name none.
const DefaultSource = "file"

// maxLine is the longest line of NDJSON, record of CSV or side-car: the text
// of a post is a few kB everywhere, so what is longer isn't a post.
const maxLine = 8 << 20

// Options change how files are read. The zero value is fine.
type Options struct {
	Source       string           // of records that name none; DefaultSource when empty
	AllowOutside bool             // images may lie outside of the file's folder
	Now          func() time.Time // when posts are collected; time.Now when nil
	MaxLine      int              // 8 MiB when 0
	Deletions    bool             // records with "deleted": true are taken; otherwise they are refused
	URLsOnly     bool             // images must be URLs: the records come from afar, and name no file of this machine
}

// Item is one record: a post with its images, or what is wrong with it.
type Item struct {
	Post   models.Post
	Delete *models.Deletion // what the record wants to be gone; Post is empty then
	Images []LocalImage     // those to be stored, under the key in their Media's URL
	Line   int              // 0 in folders
	Err    *BadRecord       // the other fields but Line and Done are empty then
	Done   int64            // how much was read up to here, in the unit of Total
}

// LocalImage is an image file that a post's Media stands for.
type LocalImage struct {
	MediaIndex int
	Path       string
}

// BadRecord is a record that was refused.
type BadRecord struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Field  string `json:"field,omitempty"` // empty: the record as a whole
	Reason string `json:"reason"`
	Raw    string `json:"raw"` // cut after 1,000 bytes
}

// Error says where and what.
func (b *BadRecord) Error() string {
	where := b.File
	if b.Line > 0 {
		where = fmt.Sprintf("%s:%d", b.File, b.Line)
	}
	if b.Field != "" {
		where += ": " + b.Field
	}
	return where + ": " + b.Reason
}

var sourcePattern = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// reader is one reading of one path.
type reader struct {
	path   string // of the file or folder, or what stands for it
	base   string // image paths are relative to it; empty: there are none to read
	inside string // base with symbolic links resolved
	opt    Options
}

// Read yields the records of path: of a folder, a .ndjson, .jsonl or .csv file.
// An error ends the sequence and means that no more can be read; what is wrong
// with a single record is in its Item.
func Read(path string, opt Options) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		r, kind, err := newReader(path, opt)
		if err == nil {
			switch kind {
			case folder:
				err = r.folder(yield)
			case ndjson:
				err = r.open(yield, r.ndjson)
			case table:
				err = r.open(yield, r.csv)
			}
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Item{}, err)
		}
	}
}

// errStop says that the consumer wants no more.
var errStop = errors.New("stop")

// CheckSource tells what is wrong with the name of a source.
func CheckSource(name string) error {
	if !sourcePattern.MatchString(name) {
		return fmt.Errorf("source %q is not 1 to 32 of a-z, 0-9 and -", name)
	}
	return nil
}

type kind int

const (
	folder kind = iota
	ndjson
	table
)

// complete fills in what opt leaves out.
func (opt Options) complete() (Options, error) {
	if opt.Source == "" {
		opt.Source = DefaultSource
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.MaxLine <= 0 {
		opt.MaxLine = maxLine
	}
	return opt, CheckSource(opt.Source)
}

func newReader(path string, opt Options) (*reader, kind, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, 0, fmt.Errorf("import %s: %w", path, err)
	}
	k, err := kindOf(path)
	if err != nil {
		return nil, 0, err
	}
	r := &reader{path: path, base: path, opt: opt}
	if k != folder {
		r.base = filepath.Dir(path)
	}
	if r.inside, err = filepath.EvalSymlinks(r.base); err == nil {
		r.inside, err = filepath.Abs(r.inside)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("import %s: %w", path, err)
	}
	return r, k, nil
}

func kindOf(path string) (kind, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("import: %w", err)
	}
	ext := strings.ToLower(filepath.Ext(path))
	switch {
	case info.IsDir():
		return folder, nil
	case ext == ".ndjson" || ext == ".jsonl":
		return ndjson, nil
	case ext == ".csv":
		return table, nil
	}
	return 0, fmt.Errorf("import %s: unknown kind of file; allowed: a folder, .ndjson, .jsonl, .csv", path)
}

// open calls read with the lines of the file.
func (r *reader) open(yield func(Item, error) bool, read func(*lineReader, func(Item, error) bool) error) error {
	f, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	lines, err := newLineReader(f, r.opt.MaxLine)
	if err == nil {
		err = read(lines, yield)
	}
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("import %s: %w", r.path, err)
	}
	return err
}

// bad makes the item of a record that is refused.
func (r *reader) bad(line int, field, raw, format string, args ...any) Item {
	return Item{Line: line, Err: newBad(r.path, line, field, raw, format, args...)}
}

const maxRaw = 1000

func newBad(file string, line int, field, raw, format string, args ...any) *BadRecord {
	raw = strings.ToValidUTF8(raw[:min(len(raw), maxRaw)], "\uFFFD")
	return &BadRecord{File: file, Line: line, Field: field, Reason: fmt.Sprintf(format, args...), Raw: raw}
}

// Total tells how much there is to read, for a progress bar: images of a
// folder, else bytes.
func Total(path string) (n int64, unit string, err error) {
	k, err := kindOf(path)
	if err != nil {
		return 0, "", err
	}
	if k == folder {
		err := walk(path, func(string, fs.DirEntry) error { n++; return nil })
		return n, "images", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, "", fmt.Errorf("import: %w", err)
	}
	return info.Size(), "bytes", nil
}

// Rejects writes refused records as NDJSON.
type Rejects struct {
	out *json.Encoder
	n   int
}

// NewRejects returns a writer of rejects to w.
func NewRejects(w io.Writer) *Rejects {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // people read it
	return &Rejects{out: e}
}

// Write adds one record.
func (r *Rejects) Write(b *BadRecord) error {
	r.n++
	if err := r.out.Encode(b); err != nil {
		return fmt.Errorf("write reject: %w", err)
	}
	return nil
}

// Count tells how many were written.
func (r *Rejects) Count() int { return r.n }
