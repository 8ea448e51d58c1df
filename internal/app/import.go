package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/analysis/image"
	"weft/internal/crashpoint"
	"weft/internal/telemetry"
	"weft/models"
	"weft/profile"
	"weft/source/file"
)

// importBatch is how many posts are stored and enqueued at once.
const importBatch = 500

// untilFetched is how long an imported original waits for its fetch: longer
// than any backlog that somebody would leave alone.
const untilFetched = 7 * 24 * time.Hour

// untilSwept is how long an import waits for a blob's deletion: a worker that
// died over it is followed by the next sweep, a minute later.
const untilSwept = 2 * time.Minute

// Import asks for posts from a folder of images, an NDJSON or a CSV file.
type Import struct {
	Profiles []string // each post goes through all of them; empty: those whose match fits
	Path     string
	Source   string    // of records that name none
	Rejects  io.Writer // takes refused records as NDJSON
	Progress func(done int64)
	Paused   func(queue string, depth int64) // told while a queue is too deep
}

// ImportReport counts what became of the records.
type ImportReport struct {
	Records  int                            `json:"records"`
	Posts    map[models.AdmissionResult]int `json:"posts"` // per post and profile
	Rejected int                            `json:"rejected"`
	NoMatch  int                            `json:"no_match"`          // no profile's match fits
	Waiting  bool                           `json:"waiting,omitempty"` // stored, to be enqueued when the queue runs
}

// Import reads posts and admits them. It is idempotent: what is known already
// is counted and left alone. Stored posts whose task could not be enqueued are
// found by the reconciler.
func (a *App) Import(ctx context.Context, req Import) (ImportReport, error) {
	rep := ImportReport{Posts: map[models.AdmissionResult]int{}, Waiting: a.Queue == nil}
	profiles, err := a.importProfiles(ctx, req.Profiles)
	if err != nil {
		return rep, err
	}
	rejects := file.NewRejects(req.Rejects)
	var batch []models.Admission
	for item, err := range file.Read(req.Path, file.Options{Source: req.Source, Now: a.opt.Now}) {
		if err != nil {
			return rep, err
		}
		rep.Records++
		if item.Err == nil {
			err = a.storeImages(ctx, req.Path, item)
			if bad, ok := errors.AsType[*file.BadRecord](err); ok {
				item.Err = bad
			} else if err != nil {
				return rep, err
			}
		}
		if item.Err != nil {
			rep.Rejected++
			if err := rejects.Write(item.Err); err != nil {
				return rep, err
			}
			continue
		}
		admissions := a.admissions(ctx, item.Post, profiles, len(req.Profiles) > 0)
		if len(admissions) == 0 {
			rep.NoMatch++
		}
		batch = append(batch, admissions...)
		if len(batch) >= importBatch {
			if err := a.Admit(ctx, batch, req.Paused, rep.Posts); err != nil {
				return rep, err
			}
			batch = batch[:0]
		}
		if req.Progress != nil {
			req.Progress(item.Done)
		}
	}
	return rep, a.Admit(ctx, batch, req.Paused, rep.Posts)
}

func (a *App) importProfiles(ctx context.Context, names []string) ([]*profile.Profile, error) {
	if len(names) == 0 {
		names = a.Library.Names()
	}
	var out []*profile.Profile
	for _, name := range names {
		p, err := a.Library.Named(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// admissions makes the runs that a post starts. A profile named by the user
// takes every post; otherwise its match decides.
func (a *App) admissions(ctx context.Context, post models.Post, profiles []*profile.Profile, named bool) []models.Admission {
	ctx, span := a.tracing.Tracer("weft/import").Start(ctx, "import")
	defer span.End()
	horizon := a.Config.Reconcile.Horizon
	if a.Queue == nil {
		horizon = 0 // nobody enqueues them: the first reconciler there is shall do it at once
	}
	var out []models.Admission
	for _, p := range profiles {
		if !named {
			if ok, _ := p.Matches(&post); !ok {
				continue
			}
		}
		run := models.NewRun(post.ID, p.Name, p.Version, models.Normal, a.opt.Now().UTC(), horizon)
		run.Trace = telemetry.Traceparent(ctx)
		out = append(out, models.Admission{Post: post, Run: run})
	}
	return out
}

// Admit stores posts with their runs and enqueues the new ones, in bulk, after
// waiting for room in their queue. What became of them is added to counts.
func (a *App) Admit(ctx context.Context, batch []models.Admission, paused func(string, int64), counts map[models.AdmissionResult]int) error {
	if len(batch) == 0 {
		return nil
	}
	if a.Queue != nil {
		name := a.Queue.Queue(models.Fetch, models.Normal)
		err := a.Queue.WaitRoom(ctx, models.Fetch, models.Normal, func(depth int64) {
			if paused != nil {
				paused(name, depth)
			}
		})
		if err != nil {
			return err
		}
	}
	got, err := a.Documents.Admit(ctx, batch)
	if err != nil {
		return fmt.Errorf("app: admit: %w", err)
	}
	a.opt.Crash.Hit(crashpoint.AdmitStored)
	var fresh []models.Run
	for _, g := range got {
		counts[g.Result]++
		if g.Result == models.Admitted || g.Result == models.Edited {
			fresh = append(fresh, g.Run)
		}
	}
	if a.Queue == nil {
		return nil
	}
	if err := a.Queue.EnqueueAll(ctx, fresh); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// They are stored: the reconciler enqueues what is missing within its horizon.
		a.Log.Warn("some tasks were not enqueued; the reconciler will", "error", err)
	}
	return nil
}

// storeImages puts a record's image files where workers anywhere can read
// them, under their content's address. What is stored is stripped of place and
// owner (see image.Strip), so its address is not the file's: the post's media
// are given the new one. The same file always gives the same, so importing
// again finds nothing new.
func (a *App) storeImages(ctx context.Context, path string, item file.Item) error {
	for _, img := range item.Images {
		m := &item.Post.Media[img.MediaIndex]
		data, err := a.readImage(img.Path)
		if err != nil {
			return badImage(path, item, img, err.Error())
		}
		if originalKey(data) != strings.TrimPrefix(m.URL, "blob:") {
			return badImage(path, item, img, "the file changed while it was imported")
		}
		key, err := a.storeOriginal(ctx, item.Post.ID, data)
		if err != nil {
			return err
		}
		m.URL, m.SHA256 = "blob:"+key, strings.TrimPrefix(key, originals)
	}
	return nil
}

// originals is the folder of the blobs that images came as.
const originals = "originals/"

func originalKey(data []byte) string {
	sum := sha256.Sum256(data)
	return originals + hex.EncodeToString(sum[:])
}

// storeOriginal strips an image, stores it for a post until the fetch step
// takes it, whose own reference has the profile's retention, and returns its key.
// The reference is the post's, so that the image goes when the post is deleted.
func (a *App) storeOriginal(ctx context.Context, post string, data []byte) (key string, err error) {
	data = image.Strip(data)
	key = originalKey(data)
	ref := models.BlobRef{Key: key, Post: post, Expires: a.opt.Now().Add(untilFetched)}
	if err := a.reference(ctx, ref); err != nil {
		return "", err
	}
	if err := a.Blobs.Put(ctx, key, "application/octet-stream", data); err != nil {
		return "", fmt.Errorf("app: store image: %w", err)
	}
	return key, nil
}

// reference notes who needs a blob. One that a sweep is about to delete can't
// be referenced before that is done.
func (a *App) reference(ctx context.Context, ref models.BlobRef) error {
	deadline := time.Now().Add(untilSwept)
	for {
		err := a.Documents.AddRefs(ctx, []models.BlobRef{ref})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, models.ErrConflict):
			return fmt.Errorf("app: reference image: %w", err)
		case time.Now().After(deadline):
			return fmt.Errorf("app: %s is to be deleted, and no worker did so within %s: start one and import again: %w", ref.Key, untilSwept, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// badImage refuses a record for one of its images, as package file refuses one
// for what stands in it.
func badImage(path string, item file.Item, img file.LocalImage, reason string) *file.BadRecord {
	bad := &file.BadRecord{File: path, Line: item.Line, Field: "images", Reason: img.Path + ": " + reason}
	bad.Raw = strings.ToValidUTF8(string(item.Post.Raw[:min(len(item.Post.Raw), 1000)]), "\uFFFD")
	return bad
}
