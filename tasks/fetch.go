package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/models"
)

// Opener reads the original bytes of an image, at most limit of them. One
// opener serves one scheme of URLs.
type Opener interface {
	Open(ctx context.Context, url string) ([]byte, error)
}

// Preparer decodes an original once and makes its rendition.
type Preparer interface {
	// Prepare returns a permanent fault, in words fit for people, for bytes that are no usable image.
	Prepare(ctx context.Context, original []byte) (Prepared, error)
}

// Prepared is what Preparer makes of an image.
type Prepared struct {
	Original      []byte // what is stored and hashed: the bytes that came, without place and owner
	SHA256, PHash string
	Type          string // image/jpeg, …
	Width, Height int    // of the original, upright
	Rendition     []byte // JPEG, longest side 512 pixels
}

// Images stores blobs.
type Images interface {
	Put(ctx context.Context, key, contentType string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
}

// Refs counts who needs a blob. It is written before the blob, so that the
// sweep of unreferenced blobs never takes a new one.
type Refs interface {
	AddRefs(ctx context.Context, refs []models.BlobRef) error
}

// Resolver reads a known post again at its source.
type Resolver interface {
	// Resolve returns the post as it is now; models.ErrNotFound if it is gone.
	Resolve(ctx context.Context, post models.Post) (models.Post, error)
}

// Fetch gets a post's images and stores original and rendition of each.
type Fetch struct {
	Openers   map[string]Opener   // by URL scheme; "blob" is served by Images
	Resolvers map[string]Resolver // by source: of those whose images' addresses expire
	Preparer  Preparer
	Images    Images
	Refs      Refs
	Tries     int // after so many, an image whose host is still in trouble is given up, not the post; 3 when 0
}

// Do fetches the images that are not there yet. One bad image doesn't lose the
// post; if none of them is usable, the run fails with the reasons.
func (f *Fetch) Do(ctx context.Context, j Job) (Outcome, error) {
	limits := j.Profile.Fetch
	again := &rereading{resolver: f.Resolvers[j.Post.Source], post: j.Post}
	var change models.Change
	var problems []string
	usable, wanted := 0, 0
	for i, m := range j.Post.Media {
		if i >= limits.MaxImages {
			break
		}
		wanted++
		if m.State == models.MediaOK {
			usable++
			continue
		}
		fetched, err := f.one(ctx, j, m, again)
		switch {
		case err == nil:
			usable++
		case models.ClassOf(err) == models.Permanent:
			fetched.State, fetched.Reason = models.MediaFailed, err.Error()
			problems = append(problems, fmt.Sprintf("image %d: %s", i+1, err))
		default:
			return Outcome{}, err
		}
		change.Media = append(change.Media, fetched)
	}
	if wanted > 0 && usable == 0 {
		return Outcome{Change: change}, models.Faultf(models.Permanent, "no usable image: %s", strings.Join(problems, "; "))
	}
	reason := fmt.Sprintf("%d of %d images", usable, wanted)
	if wanted == 0 {
		reason = "no images"
	}
	out := Advance(join(reason, strings.Join(problems, "; ")))
	out.Change = change
	return out, nil
}

// one fetches and stores one image. With an error it returns the image as it
// was, but for an address that was found to be newer.
func (f *Fetch) one(ctx context.Context, j Job, m models.Media, again *rereading) (models.Media, error) {
	if m.State == models.MediaFailed && (m.URL == "" || strings.HasPrefix(m.URL, "file:")) {
		return m, models.Faultf(models.Permanent, "%s", m.Reason) // its importer found nothing to read
	}
	original, m, err := f.read(ctx, m, again)
	if err != nil {
		return m, f.giveUp(ctx, j, err)
	}
	p, err := f.Preparer.Prepare(ctx, original)
	if err != nil {
		return m, err
	}
	return f.store(ctx, j, m, p)
}

// read opens an image. If it is gone, its post is read again, and the image is
// opened once more where it lies now.
func (f *Fetch) read(ctx context.Context, m models.Media, again *rereading) ([]byte, models.Media, error) {
	original, err := f.open(ctx, m.URL)
	if !errors.Is(err, models.ErrGone) {
		return original, m, err
	}
	url, resolveErr := again.address(ctx, m)
	if resolveErr != nil {
		return nil, m, resolveErr
	}
	if url == "" {
		return nil, m, err
	}
	m.URL = url
	original, err = f.open(ctx, url)
	return original, m, err
}

// giveUp makes an end of an image's trouble that may pass but doesn't: a host
// that never answers must not cost the post its other images.
func (f *Fetch) giveUp(ctx context.Context, j Job, err error) error {
	tries := f.Tries
	if tries == 0 {
		tries = 3
	}
	if models.ClassOf(err) != models.Retryable || j.Run.Attempts+1 < tries || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return models.Faultf(models.Permanent, "%d tries: %w", j.Run.Attempts+1, err)
}

// store keeps what was made of an image.
func (f *Fetch) store(ctx context.Context, j Job, m models.Media, p Prepared) (models.Media, error) {
	was := m
	keep := j.Profile.Fetch
	m.State, m.Reason = models.MediaOK, ""
	m.SHA256, m.PHash, m.Type, m.Width, m.Height = p.SHA256, p.PHash, p.Type, p.Width, p.Height
	m.Size = int64(len(p.Original))
	m.Original, m.Rendition = "originals/"+p.SHA256, "renditions/"+p.SHA256+".jpg"
	refs := []models.BlobRef{
		{Key: m.Original, Post: j.Post.ID, Expires: after(j.Now, keep.Originals)},
		{Key: m.Rendition, Post: j.Post.ID, Expires: after(j.Now, keep.Renditions)},
	}
	if err := f.Refs.AddRefs(ctx, refs); err != nil {
		return was, models.Faultf(models.Unavailable, "fetch: reference blobs: %w", err)
	}
	if err := f.Images.Put(ctx, m.Original, p.Type, p.Original); err != nil {
		return was, fmt.Errorf("fetch: store original: %w", err)
	}
	if err := f.Images.Put(ctx, m.Rendition, "image/jpeg", p.Rendition); err != nil {
		return was, fmt.Errorf("fetch: store rendition: %w", err)
	}
	return m, nil
}

func (f *Fetch) open(ctx context.Context, url string) ([]byte, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	if scheme == "blob" {
		data, err := f.Images.Get(ctx, rest)
		if errors.Is(err, models.ErrNotFound) {
			return nil, models.Faultf(models.Permanent, "its original is gone")
		}
		return data, err
	}
	opener, ok := f.Openers[scheme]
	if !ok {
		return nil, models.Faultf(models.Permanent, "nothing here fetches %q addresses", scheme)
	}
	return opener.Open(ctx, url)
}

// after returns the end of a retention; zero means for ever.
func after(t time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return t.Add(d)
}
