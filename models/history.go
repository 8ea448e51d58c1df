package models

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Row is one line of the history: a post as one profile published it. Rows are
// never changed; the newest of a (post, profile) is the one with the highest
// (generation, rev).
type Row struct {
	Post       string          `json:"post"`
	Profile    string          `json:"profile"`
	Generation int             `json:"generation"`
	Rev        int64           `json:"rev"`
	Source     string          `json:"source"`
	CreatedAt  time.Time       `json:"created_at"`
	ArchivedAt time.Time       `json:"archived_at"`
	Body       json.RawMessage `json:"body"` // the Frozen document
}

// Frozen is what a row keeps whole: enough to bring the post back.
type Frozen struct {
	Post     Post    `json:"post"`
	Run      Run     `json:"run"`
	Timeline []Entry `json:"timeline"`
}

// Key identifies a row. Staging the same key twice is harmless.
func (r *Row) Key() string {
	return fmt.Sprintf("%s/%s/%d/%d", r.Post, r.Profile, r.Generation, r.Rev)
}

// Day is the partition that a row belongs to: the UTC day its post was created.
func (r *Row) Day() string { return r.CreatedAt.UTC().Format(time.DateOnly) }

// Checksum is an order-independent fingerprint of rows: the sum, modulo 2^64,
// of the first eight bytes of each row's SHA-256 over key and body.
func Checksum(rows []Row) uint64 {
	var sum uint64
	for i := range rows {
		sum += rows[i].Checksum()
	}
	return sum
}

// Checksum is the first eight bytes of the SHA-256 over a row's key and body.
func (r *Row) Checksum() uint64 {
	h := sha256.New()
	h.Write([]byte(r.Key()))
	h.Write([]byte{0})
	h.Write(r.Body)
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Tally is what a file or table was found to hold of a part.
type Tally struct {
	Rows     int
	Checksum uint64
}

// PartState is how far a part of the history has come.
type PartState string

// A part's life. Each state is a fact that survives a crash; the part builder
// goes on from whichever it finds.
const (
	PartStaged   PartState = "staged"   // rows are assigned, the file is not there
	PartWritten  PartState = "written"  // the file is there
	PartLoading  PartState = "loading"  // it belongs to the load job Load, which may have begun
	PartLoaded   PartState = "loaded"   // the warehouse has it
	PartVerified PartState = "verified" // counts and checksum agree: its posts may be purged
)

// Part is one Parquet file of one day and source.
type Part struct {
	ID       string    `json:"id"`
	Day      string    `json:"day"` // YYYY-MM-DD
	Source   string    `json:"source"`
	State    PartState `json:"state"`
	Rows     int       `json:"rows"`
	Checksum uint64    `json:"checksum"`
	Bytes    int64     `json:"bytes"`
	MadeAt   time.Time `json:"made_at"`
	Load     string    `json:"load,omitempty"`     // the job that brings it into the warehouse; of a written part, one whose rows must go first
	Loads    int       `json:"loads,omitempty"`    // how many jobs were booked for it: more than one after a mismatch
	Replaces []string  `json:"replaces,omitempty"` // the parts whose rows it has, but for those that were erased
}

// Holds reports whether p is the part id, or was made of it.
func (p *Part) Holds(id string) bool { return p.ID == id || slices.Contains(p.Replaces, id) }

// Path is where the part's file lies below the history's root: a Hive-partitioned layout.
func (p *Part) Path() string {
	return fmt.Sprintf("dt=%s/source=%s/part-%s.parquet", p.Day, p.Source, p.ID)
}

// ParsePath returns what Path tells of a part: its id, day and source.
func ParsePath(path string) (Part, bool) {
	dir, file, ok := strings.Cut(path, "/part-")
	day, source, both := strings.Cut(strings.TrimPrefix(dir, "dt="), "/source=")
	p := Part{ID: strings.TrimSuffix(file, ".parquet"), Day: day, Source: source}
	return p, ok && both && p.Path() == path
}

// BlobRef says that a post needs a blob until Expires (zero: until it is deleted).
type BlobRef struct {
	Key     string
	Post    string
	Expires time.Time
}
