package history

import (
	"context"

	"weft/models"
)

// Warehouse is a table that holds the rows of the parts, for those who query
// it; the files stay the truth. Every row in it says which part it is of.
//
// Several builders may be at work on the same parts, one of them slow. So what
// changes the table has a name, and happens once under that name.
type Warehouse interface {
	// Load brings the files of parts into the table, as the one job named load: a
	// job of that name that was begun before is waited for, and not begun again.
	// An error that isn't models.Unavailable says that the job ended and brought
	// nothing; Unavailable, that it may not have begun, or may still run.
	Load(ctx context.Context, load string, parts []models.Part) error
	// Tally counts and sums what the table holds of parts, by part id. A part of
	// which it holds nothing is missing in the answer.
	Tally(ctx context.Context, parts []models.Part) (map[string]models.Tally, error)
	// Remove deletes the rows of parts. Rows that are not there are a success. Of a
	// part with a Load it does so once: a second call waits for the first, and
	// leaves alone what came since. Of a part without one it does so at each call.
	Remove(ctx context.Context, parts []models.Part) error
}
