package history

import (
	"context"
	"fmt"
	"time"

	"weft/models"
)

// Marks keep the watermark, behind which posts may have left search.
type Marks interface {
	Watermark(ctx context.Context) (models.Watermark, error)
	// RaiseWatermark raises it to mark, unless it is there or beyond.
	RaiseWatermark(ctx context.Context, mark models.Watermark) error
	// Stubs pages through the stubs in the order of their posts' ids, after the cursor.
	Stubs(ctx context.Context, after string, max int) ([]models.Stub, error)
}

// marker is the watermark as one pass knows it. Others may have raised it
// meanwhile, and then raising it changes nothing.
type marker struct {
	marks Marks
	known models.Watermark
}

// settle reads the watermark. Documents that were purged before there was one
// don't say: then it comes from their stubs, once. Stubs of long ago don't tell
// when their posts were created, and with one of those it stays Everything:
// that costs queries a look into the history, and is never wrong.
func (m *marker) settle(ctx context.Context) error {
	var err error
	if m.known, err = m.marks.Watermark(ctx); err != nil || m.known != models.Everything {
		return err
	}
	mark := models.WatermarkBehind(time.Time{})
	for after := ""; ; {
		stubs, err := m.marks.Stubs(ctx, after, page)
		if err != nil {
			return fmt.Errorf("list stubs: %w", err)
		}
		if len(stubs) == 0 {
			break
		}
		for i := range stubs {
			if stubs[i].CreatedAt.IsZero() {
				return nil
			}
			mark = max(mark, models.WatermarkBehind(stubs[i].CreatedAt))
			after = stubs[i].Post
		}
	}
	if err := m.marks.RaiseWatermark(ctx, mark); err != nil {
		return err
	}
	m.known = mark
	return nil
}

// clear makes sure that a post created then may leave search.
func (m *marker) clear(ctx context.Context, created time.Time) error {
	mark := models.WatermarkBehind(created)
	if mark <= m.known {
		return nil
	}
	if err := m.marks.RaiseWatermark(ctx, mark); err != nil {
		return err
	}
	m.known = mark
	return nil
}
