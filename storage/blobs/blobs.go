// Package blobs keeps bytes under keys: images, and the files of the history.
//
// It is a thin layer over gocloud.dev/blob that adds what Weft relies on and a
// bucket does not promise: a key is written once and never changed, no half
// file can be read after a crash, a key cannot leave the root, and errors are
// classified. In a folder each write costs one fsync, because a file that a power
// cut left empty would be taken for the blob for ever after. In a bucket of
// Google's or Amazon's a write that dies leaves nothing that can be read, but
// Amazon keeps, and charges for, the pieces of a large one until a lifecycle rule
// of the bucket (AbortIncompleteMultipartUpload) removes them.
package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"weft/models"
)

// allowed is what Open's errors say may be written.
const allowed = "allowed: file:///DIR (with ?metadata=skip to keep no content types beside the files), mem://, " +
	"gs://BUCKET[/PREFIX] and s3://BUCKET[/PREFIX] (with ?region=, endpoint=, profile=, s3ForcePathStyle=true)"

// Store keeps blobs. It is safe for concurrent use, and several processes may
// share one folder.
type Store struct {
	bucket *blob.Bucket
	root   string // of a folder; else empty
	remote bool   // it is elsewhere, so it may be silent
}

// Info describes a stored blob.
type Info struct {
	Key         string
	Size        int64
	ContentType string
}

// Open opens the store that rawURL names, making its folder if needed.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // without the URL, which may hold a password
		}
		return nil, models.Faultf(models.Permanent, "blobs: the URL can't be read: %w; %s", err, allowed)
	}
	switch u.Scheme {
	case "mem":
		return &Store{bucket: memblob.OpenBucket(nil)}, nil
	case "file":
		return openFolder(u)
	case "s3", "gs":
		return openRemote(ctx, u)
	default:
		return nil, models.Faultf(models.Permanent, "blobs: unknown scheme %q in %q; %s", u.Scheme, u.Redacted(), allowed)
	}
}

func openFolder(u *url.URL) (*Store, error) {
	// Temporary files lie beside the blobs: a rename across file systems is not atomic.
	o := &fileblob.Options{CreateDir: true, NoTempDir: true, DirFileMode: 0o755}
	for name, values := range u.Query() {
		if name != "metadata" || !slices.Equal(values, []string{"skip"}) {
			return nil, models.Faultf(models.Permanent, "blobs: unknown option %s=%s in %q; %s", name, strings.Join(values, ","), u.Redacted(), allowed)
		}
		o.Metadata = fileblob.MetadataDontWrite
	}
	dir := filepath.FromSlash(u.Path)
	switch u.Host {
	case "", "localhost":
	case ".": // relative to the working directory, as in gocloud.dev
		dir = filepath.FromSlash(strings.TrimPrefix(u.Path, "/"))
	default:
		return nil, models.Faultf(models.Permanent, "blobs: host %q in %q: a folder has none, write file:///DIR", u.Host, u.Redacted())
	}
	if dir == "" {
		return nil, models.Faultf(models.Permanent, "blobs: no folder in %q; %s", u.Redacted(), allowed)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "blobs: %w", err)
	}
	bucket, err := fileblob.OpenBucket(root, o)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "blobs: open %s: %w", root, err)
	}
	return &Store{bucket: bucket, root: root}, nil
}

// Close frees what the store holds.
func (s *Store) Close() error { return s.bucket.Close() }

// Put stores data under key. A key that is there already stays as it is, and
// that is a success: keys name their content.
func (s *Store) Put(ctx context.Context, key, contentType string, data []byte) error {
	_, err := s.write(ctx, key, contentType, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	return err
}

// WriteOnce stores what write writes under key, and reports whether key was
// there already, in which case write is not called, or its work is thrown away.
// Nothing can be read under key before all of it is on the disk, the folder's
// entry included.
func (s *Store) WriteOnce(ctx context.Context, key string, write func(io.Writer) error) (already bool, err error) {
	already, err = s.write(ctx, key, "application/octet-stream", write)
	if err == nil && !already {
		err = s.syncFolders(key)
	}
	return already, err
}

func (s *Store) write(ctx context.Context, key, contentType string, write func(io.Writer) error) (already bool, err error) {
	if there, err := s.Exists(ctx, key); err != nil || there {
		return there, err
	}
	ctx, watch, cancel := s.watched(ctx)
	defer cancel()
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: contentType, IfNotExist: true, DisableContentTypeDetection: true,
		BeforeWrite: func(as func(any) bool) error { as(&file); return nil }, // stays nil for memory
	})
	if err != nil {
		return false, fault("write", key, err)
	}
	watch.rest() // what comes now may have to be made first
	if err := write(stepWriter{w, watch}); err != nil {
		cancel() // before Close, so that Close discards
		err = errors.Join(err, ignoreCanceled(w.Close()))
		return false, fmt.Errorf("blobs: write %q: %w", key, err)
	}
	if file != nil {
		if err := file.Sync(); err != nil {
			cancel()
			return false, fault("write", key, errors.Join(err, ignoreCanceled(w.Close())))
		}
	}
	_, err = watch.step(nil, func([]byte) (int, error) { return 0, w.Close() })
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return true, nil // another writer was first
	}
	return false, fault("write", key, errors.Join(err, silence(ctx, err)))
}

// stepWriter writes under a watch.
type stepWriter struct {
	w     io.Writer
	watch *watch
}

func (s stepWriter) Write(p []byte) (int, error) { return s.watch.step(p, s.w.Write) }

// stepReader reads under a watch.
type stepReader struct {
	r     io.Reader
	watch *watch
}

func (s stepReader) Read(p []byte) (int, error) { return s.watch.step(p, s.r.Read) }

// silence says why a call failed, if it was given up.
func silence(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return nil
}

// syncFolders makes the entries of key's folders durable, up to the root.
func (s *Store) syncFolders(key string) error {
	if s.root == "" {
		return nil
	}
	for dir := filepath.Dir(filepath.Join(s.root, filepath.FromSlash(key))); len(dir) >= len(s.root); dir = filepath.Dir(dir) {
		f, err := os.Open(dir)
		if err != nil {
			return fault("write", key, err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fault("write", key, err)
		}
	}
	return nil
}

// Get returns the bytes under key, or models.ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	ctx, watch, stop := s.watched(ctx)
	defer stop()
	in, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, fault("read", key, errors.Join(err, silence(ctx, err)))
	}
	var data bytes.Buffer
	data.Grow(int(in.Size()) + bytes.MinRead) // one allocation, since this may be a whole part
	_, err = data.ReadFrom(stepReader{in, watch})
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, fault("read", key, errors.Join(err, silence(ctx, err)))
	}
	return data.Bytes(), nil
}

// Stat describes the blob under key, or returns models.ErrNotFound.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return Info{}, fault("read", key, err)
	}
	return Info{Key: key, Size: a.Size, ContentType: a.ContentType}, nil
}

// Exists reports whether key is there.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	there, err := s.bucket.Exists(ctx, key)
	return there, fault("read", key, err)
}

// Delete removes key. A missing key is a success.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err := s.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return fault("delete", key, err)
}

// Reader returns random access to the blob under key, and its size. Each read
// opens the blob anew, so there is nothing to close; read in large pieces.
func (s *Store) Reader(ctx context.Context, key string) (io.ReaderAt, int64, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	return &readerAt{store: s, key: key, size: info.Size, ctx: ctx}, info.Size, nil
}

// List returns the keys that begin with prefix, in order. In a folder it costs
// a walk over the whole of it.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	var found []string
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := s.next(ctx, it)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fault("list", prefix, err)
		}
		if !temporary(o.Key) {
			found = append(found, o.Key)
		}
	}
}

func (s *Store) next(ctx context.Context, it *blob.ListIterator) (*blob.ListObject, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return it.Next(ctx)
}

// readerAt reads ranges of one blob within the context it was opened with.
type readerAt struct {
	store *Store
	key   string
	size  int64
	ctx   context.Context //nolint:containedctx // io.ReaderAt has no room for one
}

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, models.Faultf(models.Permanent, "blobs: read %q at %d", r.key, off)
	}
	n := min(int64(len(p)), r.size-off)
	if n <= 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	ctx, watch, stop := r.store.watched(r.ctx)
	defer stop()
	in, err := r.store.bucket.NewRangeReader(ctx, r.key, off, n, nil)
	if err != nil {
		return 0, fault("read", r.key, errors.Join(err, silence(ctx, err)))
	}
	got, err := io.ReadFull(stepReader{in, watch}, p[:n])
	if err = errors.Join(err, in.Close()); err != nil {
		return got, fault("read", r.key, errors.Join(err, silence(ctx, err)))
	}
	if n < int64(len(p)) {
		return got, io.EOF
	}
	return got, nil
}
