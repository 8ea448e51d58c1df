package mongo

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// Runs returns runs in the order of (post, profile), after the cursor. By step
// alone no index finds them, since each move would pay for it: that reads all
// posts in the order of their ids until there are enough.
func (d *Documents) Runs(ctx context.Context, f models.RunFilter) ([]models.Run, error) {
	post, profile := f.After, ""
	if i := strings.LastIndexByte(f.After, '/'); i >= 0 {
		post, profile = f.After[:i], f.After[i+1:]
	}
	var out []models.Run
	err := d.each(ctx, d.whereRuns(f, post).sorted(asc("_id")).only(with("runs")), func(doc bson.Raw) error {
		var s stored
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		for i := range s.Runs {
			r := &s.Runs[i]
			if s.ID == post && r.Profile <= profile || !wanted(f, r) {
				continue
			}
			run, err := r.model()
			if err != nil {
				return err
			}
			if f.Error != "" && !strings.Contains(run.Error, f.Error) && !strings.Contains(run.Reason, f.Error) {
				continue
			}
			if out = append(out, run); len(out) == limit(f.Limit, 1000) {
				return errEnough
			}
		}
		return nil
	})
	return out, fault("runs", err)
}

// whereRuns finds the posts that have a run as f wants it, by the most
// selective index.
func (d *Documents) whereRuns(f models.RunFilter, from string) filter {
	if f.Post != "" {
		return d.byID(cPosts, f.Post)
	}
	var run bson.D
	add := func(key, value string) {
		if value != "" {
			run = append(run, bson.E{Key: key, Value: value})
		}
	}
	add("campaign", f.Campaign)
	add("state", string(f.State))
	add("profile", f.Profile)
	add("step", string(f.Step))
	cond := bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: from}}}}
	if len(run) > 0 {
		cond = append(cond, bson.E{Key: "runs", Value: bson.D{{Key: "$elemMatch", Value: run}}})
	}
	switch {
	case f.Campaign != "": // named for itself too: a partial index is used only for a condition that plainly implies its own
		return d.where(postsCampaign, append(cond, bson.E{Key: "runs.campaign", Value: f.Campaign}))
	case f.State != "":
		return d.where(postsState, cond)
	case f.Profile != "":
		return d.where(postsProfile, cond)
	default:
		return d.where(cPosts+primary, cond)
	}
}

func wanted(f models.RunFilter, r *storedRun) bool {
	return (f.State == "" || r.State == string(f.State)) && (f.Step == "" || r.Step == string(f.Step)) &&
		(f.Profile == "" || r.Profile == f.Profile) && (f.Campaign == "" || r.Campaign == f.Campaign)
}

// Overdue returns queued and parked runs that are due by now, the longest due
// first. It walks along the index on runs.due, where a post stands at the
// earliest of its runs, and stops at the first post that can add nothing.
func (d *Documents) Overdue(ctx context.Context, now time.Time, max int) ([]models.Run, error) {
	n := limit(max, 1000)
	var out []models.Run
	byDue := func(a, b models.Run) int { return a.Due.Compare(b.Due) }
	err := d.each(ctx, d.where(postsDue, nil).sorted(asc("runs.due")).only(with("runs")), func(doc bson.Raw) error {
		var s stored
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		if len(s.Runs) == 0 {
			return nil
		}
		first := slices.MinFunc(s.Runs, func(a, b storedRun) int { return a.Due.Compare(b.Due) }).Due
		if first.After(now) || len(out) >= n && first.After(out[n-1].Due) {
			return errEnough
		}
		for i := range s.Runs {
			if s.Runs[i].Due.After(now) {
				continue
			}
			r, err := s.Runs[i].model()
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		slices.SortStableFunc(out, byDue)
		return nil
	})
	return out[:min(n, len(out))], fault("overdue runs", err)
}

// Counts returns how many passages stand where: one for each run, and one for
// each generation that a run has left (those have no step). It counts index
// keys, each of which is once in a post, in one snapshot.
func (d *Documents) Counts(ctx context.Context) ([]models.Count, error) {
	sums := map[models.Count]int64{}
	err := d.tx(ctx, func(ctx context.Context) error {
		clear(sums)
		if err := d.tally(ctx, "at", postsAt, func(profile, state, last string, n int64) {
			sums[models.Count{Profile: profile, State: models.State(state), Step: models.Step(last)}] += n
		}); err != nil {
			return err
		}
		return d.tally(ctx, "past", postsPast, func(profile, state, last string, n int64) {
			each, _ := strconv.ParseInt(last, 10, 64) // as pastKey wrote it
			sums[models.Count{Profile: profile, State: models.State(state)}] += each * n
		})
	})
	var out []models.Count
	for c, n := range sums {
		c.N = n
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b models.Count) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.State, b.State), cmp.Compare(a.Step, b.Step))
	})
	return out, fault("counts", err)
}

// Admitted returns how many passages were ever admitted of the posts that are
// here: the sum of the generations of their runs. It is the sum of Counts, by
// another way.
func (d *Documents) Admitted(ctx context.Context) (int64, error) {
	var sum int64
	err := d.tx(ctx, func(ctx context.Context) error {
		sum = 0
		return d.tally(ctx, "gen", postsGen, func(_, _, last string, n int64) {
			generation, _ := strconv.ParseInt(last, 10, 64) // as genKey wrote it
			sum += generation * n
		})
	})
	return sum, fault("admitted", err)
}

// tally counts the posts for each value of a key, which is two or three words:
// the first, the middle (if there is one) and the last.
func (d *Documents) tally(ctx context.Context, field, index string, add func(first, middle, last string, n int64)) error {
	values, err := d.distinct(ctx, index, field)
	if err != nil {
		return err
	}
	for _, v := range values {
		n, err := d.count(ctx, d.where(index, bson.D{{Key: field, Value: v}}))
		if err != nil {
			return err
		}
		words := strings.Split(v, " ")
		middle := ""
		if len(words) > 2 {
			middle = words[1]
		}
		add(words[0], middle, words[len(words)-1], n)
	}
	return nil
}
