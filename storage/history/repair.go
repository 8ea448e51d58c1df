package history

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weft/models"
)

// Difference is a verified part that the table doesn't hold as the books say.
type Difference struct {
	Part  models.Part
	Table models.Tally // zero: it holds nothing of the part
}

// Differences compares the table with the verified parts of the days from first
// to last (YYYY-MM-DD, both included; empty: no bound). The table reads every key
// and body for that, which has its price. tell, which may be nil, is told of each
// thousand that is compared.
func (b *Builder) Differences(ctx context.Context, first, last string, tell func(done, of int)) ([]Difference, error) {
	parts, err := b.p.Staging.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return nil, fmt.Errorf("history: list verified parts: %w", err)
	}
	parts = slices.DeleteFunc(parts, func(p models.Part) bool {
		return (first != "" && p.Day < first) || (last != "" && p.Day > last)
	})
	// Days side by side are read by one statement, and each of them once.
	slices.SortStableFunc(parts, func(p, q models.Part) int { return strings.Compare(p.Day, q.Day) })
	var found []Difference
	for i := 0; i < len(parts); i += page {
		some := parts[i:min(i+page, len(parts))]
		differing, err := b.differing(ctx, some)
		if err != nil {
			return found, err
		}
		found = append(found, differing...)
		if tell != nil {
			tell(i+len(some), len(parts))
		}
	}
	return found, nil
}

func (b *Builder) differing(ctx context.Context, parts []models.Part) ([]Difference, error) {
	tallies, err := b.p.Warehouse.Tally(ctx, parts)
	if err != nil {
		return nil, fmt.Errorf("history: tally %d parts, from %s on: %w", len(parts), parts[0].ID, err)
	}
	var found []Difference
	for _, part := range parts {
		if t := tallies[part.ID]; !agrees(t, part) {
			found = append(found, Difference{Part: part, Table: t})
		}
	}
	return found, nil
}

// Repair loads the parts of found into the table again, by jobs that are booked
// as Builder books its own; the parts stay verified, since their files are what
// they were. It can be interrupted and repeated at any point, and several may do
// so at once. It returns how many parts the table now holds; parts that were
// replaced, or booked by somebody else, meanwhile are not among them. tell, which
// may be nil, is told after each job.
func (b *Builder) Repair(ctx context.Context, found []Difference, tell func(done, of int)) (int, error) {
	done := 0
	for i := 0; i < len(found); i += page {
		some := found[i:min(i+page, len(found))]
		n, err := b.repair(ctx, some)
		done += n
		if err != nil {
			return done, err
		}
		if tell != nil {
			tell(i+len(some), len(found))
		}
	}
	return done, nil
}

// repair ends the jobs that the parts were booked for last, since a repair that
// was interrupted may have left one that runs on, or didn't begin. What differs
// then is taken out of the table, and brought by a new job.
func (b *Builder) repair(ctx context.Context, some []Difference) (int, error) {
	byLoad := map[string][]models.Part{}
	for _, d := range some {
		byLoad[d.Part.Load] = append(byLoad[d.Part.Load], d.Part)
	}
	var all []models.Part
	for load, parts := range byLoad {
		all = append(all, parts...)
		if load == "" { // verified before there was a table
			continue
		}
		if err := b.p.Warehouse.Load(ctx, load, parts); err != nil && !ended(ctx, err) {
			return 0, fmt.Errorf("history: end job %s: %w", load, err)
		}
	}
	left, err := b.differing(ctx, all)
	if err != nil {
		return 0, err
	}
	mended := len(all) - len(left)
	if len(left) == 0 {
		return mended, nil
	}
	n, err := b.loadAnew(ctx, left)
	return mended + n, err
}

func (b *Builder) loadAnew(ctx context.Context, left []Difference) (int, error) {
	var booked []models.Part
	job := newLoad(b.p.Clock())
	for _, d := range left {
		// Of the many parts of a table that was dropped nothing is there to remove.
		part, mine, err := b.bookOne(ctx, job, d.Part, models.PartVerified, d.Table.Rows > 0)
		if err != nil {
			return 0, err
		}
		if mine {
			booked = append(booked, part)
		}
	}
	if len(booked) == 0 {
		return 0, nil
	}
	if err := b.p.Warehouse.Load(ctx, job, booked); err != nil {
		return 0, fmt.Errorf("history: load %d parts, from %s on, by job %s: %w", len(booked), booked[0].ID, job, err)
	}
	b.p.Crash("part.loaded")
	wrong, err := b.differing(ctx, booked)
	if err != nil || len(wrong) == 0 {
		return len(booked), err
	}
	return len(booked) - len(wrong), mismatch("the table", wrong[0].Part, wrong[0].Table.Rows, wrong[0].Table.Checksum)
}
