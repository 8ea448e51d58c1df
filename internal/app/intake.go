package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/profile"
	"weft/source"
	"weft/source/crawl"
)

// intake takes what the crawler and the push endpoint bring.
type intake struct{ a *App }

// Room waits until the fetch queue takes more posts.
func (in intake) Room(ctx context.Context, waiting func(reason string)) error {
	if in.a.Queue == nil {
		return nil
	}
	told := false
	return in.a.Queue.WaitRoom(ctx, models.Fetch, models.Normal, func(depth int64) {
		if told {
			return
		}
		told = true
		reason := fmt.Sprintf("queue %s is %d deep (queue.max_depth)", in.a.Queue.Queue(models.Fetch, models.Normal), depth)
		in.a.Log.Warn("discovery pauses", "reason", reason)
		waiting(reason)
	})
}

// Admit stores what a batch brought: first the image files that its posts stand
// on, then the posts with their runs, last the deletions, which win.
func (in intake) Admit(ctx context.Context, job crawl.Job, b source.Batch) error {
	if err := in.a.storeFiles(ctx, b.Posts, b.Files); err != nil {
		return err
	}
	counts := map[models.AdmissionResult]int{}
	for chunk := range slices.Chunk(b.Posts, importBatch) {
		batch, err := in.admissions(ctx, job, chunk)
		if err != nil {
			return err
		}
		if err := in.a.Admit(ctx, batch, nil, counts); err != nil {
			return err
		}
	}
	if len(b.Deletions) > 0 {
		if _, err := in.a.Documents.Forget(ctx, b.Deletions); err != nil {
			return fmt.Errorf("app: forget: %w", err)
		}
	}
	if n := counts[models.Admitted] + counts[models.Edited]; n > 0 || len(b.Deletions) > 0 {
		in.a.Log.Debug("collected", "query", job.Name, "new", counts[models.Admitted], "edited", counts[models.Edited], "known", counts[models.Known],
			"recounted", counts[models.Recount], "refused", counts[models.Refused], "deletions", len(b.Deletions))
	}
	return nil
}

// admissions makes the runs that posts start: of the job's profiles, of those
// whose match fits, or of those that a known post is in.
func (in intake) admissions(ctx context.Context, job crawl.Job, posts []models.Post) ([]models.Admission, error) {
	var out []models.Admission
	named := len(job.Profiles) > 0
	profiles, err := in.a.importProfiles(ctx, job.Profiles)
	if err != nil {
		return nil, err
	}
	for _, p := range posts {
		if !job.Again {
			out = append(out, in.a.admissions(ctx, p, profiles, named)...)
			continue
		}
		_, runs, err := in.a.Documents.Post(ctx, p.ID)
		if errors.Is(err, models.ErrNotFound) {
			continue // deleted or purged meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("app: known post: %w", err)
		}
		var its []*profile.Profile
		for _, pr := range profiles {
			if slices.ContainsFunc(runs, func(r models.Run) bool { return r.Profile == pr.Name }) {
				its = append(its, pr)
			}
		}
		out = append(out, in.a.admissions(ctx, p, its, true)...)
	}
	return out, nil
}

// Known pages through the living posts of a source.
func (in intake) Known(ctx context.Context, name string, since time.Time, after string, limit int) ([]models.Post, error) {
	return in.a.Documents.PostsOf(ctx, name, since, after, limit)
}

// storeFiles stores the local image files that posts refer to by blob key. An
// image that can't be read is marked as failed, with its reason; its post stays.
func (a *App) storeFiles(ctx context.Context, posts []models.Post, files map[string]string) error {
	for i := range posts {
		for k := range posts[i].Media {
			m := &posts[i].Media[k]
			path := files[strings.TrimPrefix(m.URL, "blob:")]
			if path == "" || m.State != models.MediaPending {
				continue
			}
			data, err := a.readImage(path)
			if err != nil {
				m.URL, m.State, m.Reason = "file:"+filepath.Base(path), models.MediaFailed, err.Error()
				continue
			}
			key, err := a.storeOriginal(ctx, posts[i].ID, data)
			if err != nil {
				return err
			}
			m.URL, m.SHA256 = "blob:"+key, strings.TrimPrefix(key, originals)
		}
	}
	return nil
}

// readImage reads an image file within the limit.
func (a *App) readImage(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if limit := a.Config.Limits.ImageBytes; info.Size() > limit {
		return nil, fmt.Errorf("%d bytes are over the limit of %d (limits.image_bytes)", info.Size(), limit)
	}
	return os.ReadFile(path)
}
