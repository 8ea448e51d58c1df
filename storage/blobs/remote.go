package blobs

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"

	"weft/models"
)

// patience is how long a bucket elsewhere may be silent. A call that moves many
// bytes may take longer, as long as some of them move.
const patience = 30 * time.Second

// s3Options are the options of an s3:// URL.
func s3Options() []string {
	return []string{"endpoint", "profile", "region", "s3ForcePathStyle"}
}

// openRemote opens a bucket of Google or Amazon, or of who speaks like them. The
// bucket must be there. Who we are is in the environment, as for their own tools.
func openRemote(ctx context.Context, u *url.URL) (*Store, error) {
	if err := checkRemote(u); err != nil {
		return nil, err
	}
	var bucket *blob.Bucket
	var err error
	// Tokens are fetched anew for as long as the store is open.
	if ctx = context.WithoutCancel(ctx); u.Scheme == "gs" {
		bucket, err = openGoogle(ctx, u.Host)
	} else {
		bucket, err = new(s3blob.URLOpener).OpenBucketURL(ctx, &url.URL{Scheme: "s3", Host: u.Host, RawQuery: u.RawQuery})
	}
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "blobs: open %s://%s: %w", u.Scheme, u.Host, err)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		bucket = blob.PrefixedBucket(bucket, prefix+"/")
	}
	return &Store{bucket: bucket, remote: true}, nil
}

// checkRemote refuses what a bucket's URL can't mean. Nothing of it is repeated
// but names, since a value may be a secret in the wrong place.
func checkRemote(u *url.URL) error {
	refuse := func(format string, args ...any) error {
		return models.Faultf(models.Permanent, "blobs: %s://%s: "+format+"; "+allowed, append([]any{u.Scheme, u.Host}, args...)...)
	}
	if u.User != nil {
		return refuse("a bucket's URL holds no user or password")
	}
	if u.Host == "" || u.Host != u.Hostname() {
		return refuse("a bucket's name is missing, or has a port")
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" && checkKey(prefix) != nil {
		return refuse("the prefix must be a plain relative path")
	}
	for name, values := range u.Query() {
		if u.Scheme == "gs" || !slices.Contains(s3Options(), name) || len(values) != 1 {
			return refuse("unknown or repeated option %q", name)
		}
	}
	if e, err := url.Parse(u.Query().Get("endpoint")); err != nil || e.User != nil || (e.String() != "" && e.Scheme != "http" && e.Scheme != "https") {
		return refuse("option endpoint is no http:// or https:// URL without a user")
	}
	if v := u.Query().Get("s3ForcePathStyle"); v != "" && v != "true" && v != "false" {
		return refuse("option s3ForcePathStyle is neither true nor false")
	}
	return nil
}

// openGoogle opens a bucket of Cloud Storage, or of its stand-in: the client
// itself looks for STORAGE_EMULATOR_HOST.
func openGoogle(ctx context.Context, name string) (*blob.Bucket, error) {
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" { //nolint:forbidigo // the client's own variable, as it reads it
		return gcsblob.OpenBucket(ctx, gcp.NewAnonymousHTTPClient(gcp.DefaultTransport()), name, nil)
	}
	creds, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, errors.New("no credentials of Google: set GOOGLE_APPLICATION_CREDENTIALS, or run where there is a service account")
	}
	client, err := gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(creds))
	if err != nil {
		return nil, err
	}
	return gcsblob.OpenBucket(ctx, client, name, nil)
}

// errSilent is why a call was given up that moved nothing for too long.
var errSilent = errors.New("the store was silent for too long")

// watch gives up on a call when one of its steps takes too long.
type watch struct {
	timer *time.Timer
	limit time.Duration
}

// watched returns a context that ends when a step takes longer than the store's
// patience; stop ends the watch.
func (s *Store) watched(ctx context.Context) (context.Context, *watch, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if !s.remote {
		return ctx, &watch{}, func() { cancel(nil) }
	}
	w := &watch{limit: patience}
	w.timer = time.AfterFunc(patience, func() { cancel(errSilent) })
	return ctx, w, func() { w.timer.Stop(); cancel(nil) }
}

// step does one step under the watch.
func (w *watch) step(p []byte, do func([]byte) (int, error)) (int, error) {
	if w.timer == nil {
		return do(p)
	}
	w.timer.Reset(w.limit)
	n, err := do(p)
	w.timer.Stop()
	return n, err
}

// rest stops the watch until the next step.
func (w *watch) rest() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// bounded returns a context for a call of one step.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !s.remote {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}
