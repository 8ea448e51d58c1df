package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"weft/models"
)

// Finder looks posts up in parts' files.
type Finder interface {
	Find(ctx context.Context, parts []models.Part, ids []string) ([]models.Row, error)
}

// Lister lists parts.
type Lister interface {
	Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error)
}

// Reader finds rows by the manifest, while parts are merged and rewritten.
type Reader struct {
	parts Lister
	files Finder
}

// NewReader returns a reader.
func NewReader(parts Lister, files Finder) *Reader { return &Reader{parts: parts, files: files} }

// listings is how often the manifest is read anew because a part was replaced
// under the reader's hands.
const listings = 10

// Find returns every row of posts in the parts named, or those that took their
// place, each once. missing are parts that there are none of, and whose files are
// not there.
func (r *Reader) Find(ctx context.Context, named, posts []string) (rows []models.Row, missing []string, err error) {
	f := finding{seen: map[string]bool{}, left: map[string]bool{}}
	for _, id := range named {
		f.left[id] = true
	}
	for range listings {
		parts, err := r.parts.Parts(ctx, models.PartVerified, allParts)
		if err != nil {
			return nil, nil, fmt.Errorf("history: list verified parts: %w", err)
		}
		lacking, err := r.look(ctx, parts, posts, &f)
		if err != nil {
			return nil, nil, err
		}
		missing = nil
		for id := range f.left {
			missing = append(missing, cmp.Or(lacking[id], "part "+id))
		}
		if len(lacking) == 0 || !r.replaced(ctx, lacking) {
			break
		}
	}
	slices.Sort(missing)
	return f.rows, missing, nil
}

// finding is how far a Find has come.
type finding struct {
	rows []models.Row
	seen map[string]bool // rows, since a part that is read later may be made of one that was read before
	left map[string]bool // ids of parts that were not read yet
}

// look reads those of parts that are left, and returns the paths of files that
// are not there, by the ids they have the rows of.
func (r *Reader) look(ctx context.Context, parts []models.Part, posts []string, f *finding) (lacking map[string]string, err error) {
	lacking = map[string]string{}
	for i := range parts {
		ids := heldBy(&parts[i], f.left)
		if len(ids) == 0 {
			continue
		}
		found, err := r.files.Find(ctx, parts[i:i+1], posts)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
		for _, id := range ids {
			if err != nil {
				lacking[id] = parts[i].Path()
				continue
			}
			delete(f.left, id)
		}
		for _, row := range found {
			if key := row.Key(); !f.seen[key] {
				f.seen[key] = true
				f.rows = append(f.rows, row)
			}
		}
	}
	return lacking, nil
}

// heldBy returns which of the ids the part is, or was made of.
func heldBy(part *models.Part, ids map[string]bool) (held []string) {
	if ids[part.ID] {
		held = append(held, part.ID)
	}
	for _, id := range part.Replaces {
		if ids[id] {
			held = append(held, id)
		}
	}
	return held
}

// replaced reports whether one of the files that are not there belongs to no
// part any more.
func (r *Reader) replaced(ctx context.Context, lacking map[string]string) bool {
	parts, err := r.parts.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return false
	}
	paths := map[string]bool{}
	for i := range parts {
		paths[parts[i].Path()] = true
	}
	for _, path := range lacking {
		if !paths[path] {
			return true
		}
	}
	return false
}
