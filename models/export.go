package models

import "time"

// ExportState is how far an export has come.
type ExportState string

// The states of an export.
const (
	ExportQueued    ExportState = "queued"
	ExportRunning   ExportState = "running"
	ExportDone      ExportState = "done"
	ExportFailed    ExportState = "failed"
	ExportCancelled ExportState = "cancelled"
)

// Ended reports whether nothing more will happen to an export but its deletion.
func (s ExportState) Ended() bool {
	return s == ExportDone || s == ExportFailed || s == ExportCancelled
}

// Export is a set of posts that is written to files in somebody's name. Its
// document says how far it has come, so that any process can go on with it.
type Export struct {
	ID        string       `json:"id"`
	Rev       int64        `json:"rev"`
	Owner     string       `json:"owner"`
	Format    string       `json:"format"`
	Query     SearchQuery  `json:"query"`
	State     ExportState  `json:"state"`
	Place     Place        `json:"place"` // of the last post that is in Files
	Files     []ExportFile `json:"files,omitempty"`
	Writing   string       `json:"writing,omitempty"` // key of the file at work, which is in no list yet
	Rows      int64        `json:"rows"`
	Estimate  int64        `json:"estimate,omitempty"` // of all rows, when it began
	Faults    int          `json:"faults,omitempty"`   // tries that failed, since a file was last finished
	Error     string       `json:"error,omitempty"`
	CreatedAt time.Time    `json:"created_at"`
	EndedAt   time.Time    `json:"ended_at,omitzero"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"` // when it is deleted
}

// ExportFile is one finished file of an export.
type ExportFile struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}
