package models

// ProfileVersion names one stored version of a profile.
type ProfileVersion struct {
	Name    string `json:"name"`
	Version string `json:"version"` // content hash of its body
}
