package tasks_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/profile"
	"weft/tasks"
)

// books puts faults before the documents.
type books struct{ w *world }

func (b books) Load(ctx context.Context, post, profile string) (models.Post, models.Run, error) {
	if err := b.w.trip("books.load", post); err != nil {
		return models.Post{}, models.Run{}, err
	}
	p, run, err := b.w.docs.Load(ctx, post, profile)
	if b.w.stale > 0 {
		b.w.stale--
		run.Seq--
	}
	return p, run, err
}

func (b books) Move(ctx context.Context, m models.Move) error {
	if err := b.w.trip("books.move", m.Run.Post); err != nil {
		return err
	}
	return b.w.docs.Move(ctx, m)
}

func (b books) Spent(ctx context.Context, profile string, step models.Step, day string) (models.Spent, error) {
	return b.w.docs.Spent(ctx, profile, step, day)
}

// stored finds profiles by their version in the documents, as workers do.
type stored struct{ w *world }

func (s stored) Profile(ctx context.Context, version string) (*profile.Profile, error) {
	if p := s.w.parsed[version]; p != nil {
		return p, nil
	}
	body, err := s.w.docs.Profile(ctx, version)
	if err != nil {
		return nil, err
	}
	p, err := profile.Parse("stored", body, catalog{})
	if err == nil {
		s.w.parsed[version] = p
	}
	return p, err
}

// watched puts faults before a step, and what happens meanwhile behind it.
type watched struct {
	w    *world
	name models.Step
	step tasks.Step
}

func (s watched) Do(ctx context.Context, j tasks.Job) (tasks.Outcome, error) {
	if err := s.w.trip(string(s.name), j.Post.ID); err != nil {
		return tasks.Outcome{}, err
	}
	out, err := s.step.Do(ctx, j)
	events := s.w.between[s.name]
	delete(s.w.between, s.name)
	for i := range events {
		s.w.happen(&events[i])
	}
	return out, err
}

// played answers for the models, as the scenario says.
type played struct{ w *world }

func (a played) Analyze(_ context.Context, post models.Post, shown []models.Media, refs []models.ModelRef) ([]models.Result, float64, error) {
	spec := a.w.posts[nameOf(post.ID)]
	var out []models.Result
	cost := 0.0
	for _, ref := range refs {
		tier := "light"
		if slices.Contains(catalog{}.Models(models.AnalyzeHeavy), ref.Name) {
			tier = "heavy"
		}
		found, err := spec.Says.sayings(tier)
		if err != nil {
			return nil, 0, err
		}
		r := models.Result{Input: post.ContentHash(), Model: ref.Name, Version: "1", Cost: spec.Cost[tier] / float64(len(refs))}
		for _, f := range found {
			if gives()[ref.Name] != f.name || f.image > len(shown) {
				continue
			}
			at := models.Attribute{Name: f.name, Value: f.value, Confidence: f.confidence, Evidence: models.FromText, Model: ref.Name, Version: "1"}
			if f.image > 0 {
				at.Evidence, at.Image = models.FromImage, shown[f.image-1].SHA256
			}
			r.Attributes = append(r.Attributes, at)
		}
		cost += r.Cost
		out = append(out, r)
	}
	return out, cost, nil
}

// rows remembers the keys of staged rows.
type rows struct{ w *world }

func (s rows) Stage(ctx context.Context, rows []models.Row) error {
	for i := range rows {
		s.w.staged[rows[i].Key()] = rows[i].Body
	}
	return s.w.docs.Stage(ctx, rows)
}

func (w *world) rowsOf(post string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.staged)), func(k string) bool { return !strings.HasPrefix(k, post+"/") })
}

// faultySearch puts faults before search.
type faultySearch struct{ w *world }

func (s faultySearch) Put(ctx context.Context, doc models.SearchDoc) error {
	if err := s.w.trip("search", doc.ID); err != nil {
		return err
	}
	return s.w.search.Put(ctx, doc)
}

func (s faultySearch) Delete(ctx context.Context, id string, version int64) error {
	if err := s.w.trip("search", id); err != nil {
		return err
	}
	return s.w.search.Delete(ctx, id, version)
}

// found is what search holds, by id.
func (w *world) found() map[string]models.SearchDoc {
	a, err := w.search.Search(w.ctx, models.SearchQuery{Limit: 1000})
	w.must(err)
	out := map[string]models.SearchDoc{}
	for _, d := range a.Hits {
		out[d.ID] = d
	}
	return out
}

// reading is the post as its source shows it now.
func (w *world) reading(name string) models.Post {
	spec := w.posts[name]
	if spec == nil {
		w.t.Fatalf("no post is called %q", name)
	}
	likes := spec.Likes
	p := models.Post{
		ID: id(name), Source: "sim", NativeID: name, CreatedAt: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), CollectedAt: w.now,
		Text: spec.Text, Language: spec.Language, Hashtags: spec.Hashtags, Counts: models.Counts{Likes: &likes},
		Author: models.Author{Handle: "ana", Location: models.Location{Country: spec.Country}},
		Raw:    []byte(`{"from":"sim"}`),
		Flags:  spec.Flags,
	}
	for i, kind := range spec.Images {
		key := fmt.Sprintf("incoming/%s-%d-%s", name, i+1, kind)
		m := models.Media{URL: "blob:" + key, State: models.MediaPending}
		switch kind {
		case "good":
			w.must(w.blobs.Put(w.ctx, key, "image/png", picture(i+1+len(name)*7)))
		case "broken":
			w.must(w.blobs.Put(w.ctx, key, "image/png", []byte("no image at all")))
		case "gone":
		case "unread":
			m = models.Media{State: models.MediaFailed, Reason: "the folder has no such file"}
		default:
			w.t.Fatalf("post %s: an image can be good, broken, gone or unread, not %q", name, kind)
		}
		p.Media = append(p.Media, m)
	}
	return p
}
