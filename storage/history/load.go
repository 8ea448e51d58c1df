package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/models"
)

const (
	// maxLoads is how many load jobs a part is given before somebody must look at it.
	maxLoads = 5
	// reloadWait is how long a part waits after its first load that went wrong; it
	// doubles each time, so that the last load begins half an hour after the first.
	reloadWait = 2 * time.Minute
)

// load brings parts into the warehouse, many by one job: a job has a price by
// itself, whatever it brings. Jobs that are booked come first, since nobody knows
// whether they have begun.
func (b *Builder) load(ctx context.Context, done *Pass) error {
	errs, away := b.resume(ctx, done)
	if away {
		return errors.Join(errs...)
	}
	parts, err := b.p.Staging.Parts(ctx, models.PartWritten, allParts)
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("history: list written parts: %w", err))...)
	}
	groups := map[int][]models.Part{}
	for _, part := range parts {
		if b.rested(part) {
			groups[part.Loads] = append(groups[part.Loads], part)
		}
	}
	for loads, group := range groups {
		for chunk := range slices.Chunk(group, jobSize(loads)) {
			err := b.loadAll(ctx, chunk, done)
			if errs = append(errs, err); err != nil && !ended(ctx, err) {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

// jobSize is how many parts a job takes that were in so many jobs before: one
// bad file spoils its job, and so is found soon without a job for each.
func jobSize(loads int) int { return max(1, page>>(3*loads)) }

// rested reports whether a part may be loaded: at once if it never was.
func (b *Builder) rested(part models.Part) bool {
	if part.Load == "" {
		return true
	}
	at, _, _ := strings.Cut(strings.TrimPrefix(part.Load, loadPrefix), "-")
	booked, err := time.Parse(idTime, at)
	return err != nil || b.p.Clock().Sub(booked) >= reloadWait<<max(0, part.Loads-1)
}

// loadAll loads parts by a job of their own.
func (b *Builder) loadAll(ctx context.Context, parts []models.Part, done *Pass) error {
	job := newLoad(b.p.Clock())
	booked, err := b.book(ctx, job, parts)
	if err != nil {
		return err
	}
	return b.finish(ctx, job, booked, done)
}

// book makes parts belong to a job that has not begun. What a former job left of
// them in the table goes first: only here, where no job can be bringing them.
func (b *Builder) book(ctx context.Context, job string, parts []models.Part) ([]models.Part, error) {
	var booked []models.Part
	for _, part := range parts {
		part, mine, err := b.bookOne(ctx, job, part, models.PartLoading, part.Load != "")
		if err != nil {
			return nil, err
		}
		if mine {
			booked = append(booked, part)
		}
	}
	return booked, nil
}

func (b *Builder) bookOne(ctx context.Context, job string, part models.Part, to models.PartState, remains bool) (models.Part, bool, error) {
	if remains {
		if err := b.p.Warehouse.Remove(ctx, []models.Part{part}); err != nil {
			return part, false, fmt.Errorf("history: remove part %s from the table: %w", part.ID, err)
		}
		b.p.Crash("part.unloaded")
	}
	from := part.State
	part.Load, part.State = job, to
	part.Loads++
	mine, err := b.move(ctx, part, from, to)
	if err == nil {
		b.p.Crash("part.booked")
	}
	return part, mine, err
}

// resume ends the jobs that were booked before, here or elsewhere. It is away if
// the warehouse doesn't answer.
func (b *Builder) resume(ctx context.Context, done *Pass) (errs []error, away bool) {
	parts, err := b.p.Staging.Parts(ctx, models.PartLoading, allParts)
	if err != nil {
		return []error{fmt.Errorf("history: list loading parts: %w", err)}, true
	}
	jobs := map[string][]models.Part{}
	var order []string
	for _, part := range parts {
		if jobs[part.Load] == nil {
			order = append(order, part.Load)
		}
		jobs[part.Load] = append(jobs[part.Load], part)
	}
	for _, job := range order {
		if err := b.finish(ctx, job, jobs[job], done); err != nil {
			errs = append(errs, err)
			if !ended(ctx, err) {
				return errs, true
			}
		}
	}
	return errs, false
}

// finish begins the job, or waits for it if it has begun, and books its parts as loaded.
func (b *Builder) finish(ctx context.Context, job string, parts []models.Part, done *Pass) error {
	if len(parts) == 0 {
		return nil
	}
	err := b.p.Warehouse.Load(ctx, job, parts)
	if err != nil {
		err = fmt.Errorf("history: load %d parts, from %s on, by job %s: %w", len(parts), parts[0].ID, job, err)
		if !ended(ctx, err) {
			return err
		}
		var errs []error
		for _, part := range parts {
			errs = append(errs, b.unload(ctx, part, err, done))
		}
		return errors.Join(errs...)
	}
	b.p.Crash("part.loaded")
	for _, part := range parts {
		moved, err := b.move(ctx, part, models.PartLoading, models.PartLoaded)
		if err != nil {
			return err
		}
		if moved {
			done.Loaded++
		}
	}
	return nil
}

// ended reports whether an error of Load says that the job is over.
func ended(ctx context.Context, err error) bool {
	fault, classified := errors.AsType[*models.Fault](err)
	return classified && fault.Class != models.Unavailable && ctx.Err() == nil
}

// compare verifies the loaded parts against file and table.
func (b *Builder) compare(ctx context.Context, done *Pass) error {
	var tallies map[string]models.Tally
	return b.eachOf(ctx, models.PartLoaded, func(fresh []models.Part) (err error) {
		if tallies, err = b.p.Warehouse.Tally(ctx, fresh); err != nil {
			return fmt.Errorf("history: tally %d parts, from %s on: %w", len(fresh), fresh[0].ID, err)
		}
		return nil
	}, func(part models.Part) error {
		table := tallies[part.ID]
		return b.verify(ctx, part, &table, done)
	})
}

// unload sends a part back that is not in the table as it should be, to be
// loaded by another job; unless it had its jobs.
func (b *Builder) unload(ctx context.Context, part models.Part, why error, done *Pass) error {
	if part.Loads > 0 && part.Loads%maxLoads == 0 {
		return fmt.Errorf("after %d loads it is not loaded again by itself: %w", part.Loads, why)
	}
	b.p.Log.Warn("part is to be loaded again", "part", part.ID, "job", part.Load, "loads", part.Loads, "error", why)
	moved, err := b.move(ctx, part, part.State, models.PartWritten)
	if moved {
		done.Unloaded++
	}
	return err
}

// Reload gives the parts that had all their jobs as many again, once the cause
// is mended. It returns how many they are.
func (b *Builder) Reload(ctx context.Context) (int, error) {
	n := 0
	for _, state := range []models.PartState{models.PartLoading, models.PartLoaded} {
		parts, err := b.p.Staging.Parts(ctx, state, allParts)
		if err != nil {
			return n, fmt.Errorf("history: list %s parts: %w", state, err)
		}
		for _, part := range parts {
			if part.Loads == 0 || part.Loads%maxLoads != 0 {
				continue
			}
			moved, err := b.move(ctx, part, state, models.PartWritten)
			if err != nil {
				return n, err
			}
			if moved {
				n++
			}
		}
	}
	return n, nil
}
