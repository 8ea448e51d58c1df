package models

// Near is an image that looks like another one: perhaps the same photo, scaled
// or saved anew. It shares nothing with it but its looks.
type Near struct {
	Post     string `json:"post"`
	Image    int    `json:"image"`    // its place in the post's media, from 0
	Distance int    `json:"distance"` // of their perceptual hashes: bits that differ, of 64
}
