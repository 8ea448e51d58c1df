package models

import "time"

// CampaignState is where a campaign stands.
type CampaignState string

// The states of a campaign.
const (
	CampaignRunning   CampaignState = "running"   // a worker takes posts
	CampaignPaused    CampaignState = "paused"    // nobody does; posts that were taken go on
	CampaignCancelled CampaignState = "cancelled" // and those on their way end, without being published
	CampaignDone      CampaignState = "done"      // all posts are taken
)

// Campaign is a reanalysis of many posts.
type Campaign struct {
	ID        string        `json:"id"`
	Rev       int64         `json:"rev,omitempty"`   // counts the writes by MoveCampaign
	State     CampaignState `json:"state,omitempty"` // empty: a command takes the posts by itself
	Profile   string        `json:"profile"`
	Version   string        `json:"version"`
	Where     string        `json:"where,omitempty"`
	Since     time.Time     `json:"since,omitzero"`
	Until     time.Time     `json:"until,omitzero"`
	By        string        `json:"by,omitempty"`     // who started it
	Stubs     bool          `json:"stubs,omitempty"`  // all stored posts are taken; purged ones are next
	Cursor    string        `json:"cursor,omitempty"` // the last post it took, so that it can go on
	Posts     int64         `json:"posts"`
	Purged    int64         `json:"purged,omitempty"` // of them, came back from history
	NoImages  int64         `json:"no_images"`        // left out: their images are gone
	Lost      int64         `json:"lost,omitempty"`   // purged, and not found in history
	Cost      float64       `json:"cost,omitempty"`   // CPU seconds that their last generations took
	Error     string        `json:"error,omitempty"`  // why it was paused by itself
	StartedAt time.Time     `json:"started_at"`
	EndedAt   time.Time     `json:"ended_at,omitzero"`
}
