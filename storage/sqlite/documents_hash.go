package sqlite

import (
	"weft/models"
	"weft/storage/document"
)

// asides are the columns beside a post's document: author, edited, hidden,
// adult and urls.
func (w *writer) asides(p *models.Post) []any {
	return []any{
		w.salt.Author(p.Source, document.AuthorOf(p.Author)), micros(p.EditedAt), document.HiddenBy(p.Hidden), p.Flagged(models.Adult), document.PendingURLs(p.Media),
	}
}
