package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

// BlobStore is what the suite asks of a blob store.
type BlobStore interface {
	Put(ctx context.Context, key, contentType string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
	Exists(ctx context.Context, key string) (bool, error)
	WriteOnce(ctx context.Context, key string, write func(io.Writer) error) (already bool, err error)
	Reader(ctx context.Context, key string) (io.ReaderAt, int64, error)
	List(ctx context.Context, prefix string) ([]string, error)
}

// Blobs holds a blob store to what Weft relies on. open returns an empty one.
func Blobs(t *testing.T, open func(t *testing.T) BlobStore) {
	t.Run("put once", func(t *testing.T) { blobPut(t, open(t)) })
	t.Run("delete", func(t *testing.T) { blobDelete(t, open(t)) })
	t.Run("write once", func(t *testing.T) { blobWriteOnce(t, open(t)) })
	t.Run("an unfinished write leaves nothing", func(t *testing.T) { blobUnfinished(t, open(t)) })
	t.Run("random access", func(t *testing.T) { blobReader(t, open(t)) })
	t.Run("list", func(t *testing.T) { blobList(t, open(t)) })
	t.Run("hostile keys", func(t *testing.T) { blobKeys(t, open(t)) })
	t.Run("many at once", func(t *testing.T) { blobRace(t, open(t)) })
	t.Run("a cancelled context", func(t *testing.T) { blobCanceled(t, open(t)) })
}

func blobPut(t *testing.T, s BlobStore) {
	ctx := t.Context()
	if _, err := s.Get(ctx, "a/b"); !errors.Is(err, models.ErrNotFound) {
		t.Fatalf("Get of a missing key: %v, want ErrNotFound", err)
	}
	for _, data := range []string{"first", "second"} {
		if err := s.Put(ctx, "a/b", "text/plain", []byte(data)); err != nil {
			t.Fatalf("Put %q: %v", data, err)
		}
	}
	wantBlob(t, s, "a/b", "first")
	if err := s.Put(ctx, "empty", "", nil); err != nil {
		t.Fatalf("Put of nothing: %v", err)
	}
	wantBlob(t, s, "empty", "")
}

func blobDelete(t *testing.T, s BlobStore) {
	ctx := t.Context()
	succeed(t, s.Put(ctx, "x", "", []byte("1")))
	for range 2 { // the second finds nothing, which is fine
		succeed(t, s.Delete(ctx, "x"))
	}
	if there, err := s.Exists(ctx, "x"); err != nil || there {
		t.Fatalf("Exists after Delete = %v, %v", there, err)
	}
	succeed(t, s.Put(ctx, "x", "", []byte("2")))
	wantBlob(t, s, "x", "2")
}

func blobWriteOnce(t *testing.T, s BlobStore) {
	ctx := t.Context()
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	for i, want := range []bool{false, true} {
		already, err := s.WriteOnce(ctx, "dt=2026-01-02/source=a/part-1.parquet", write(fmt.Sprint("file ", i)))
		if err != nil || already != want {
			t.Fatalf("WriteOnce %d = %v, %v; want %v", i, already, err, want)
		}
	}
	wantBlob(t, s, "dt=2026-01-02/source=a/part-1.parquet", "file 0")
}

func blobUnfinished(t *testing.T, s BlobStore) {
	ctx := t.Context()
	boom := errors.New("boom")
	_, err := s.WriteOnce(ctx, "half", func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		if there, err := s.Exists(ctx, "half"); err != nil || there {
			t.Errorf("Exists while it is written = %v, %v", there, err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("WriteOnce = %v, want the writer's error", err)
	}
	if there, err := s.Exists(ctx, "half"); err != nil || there {
		t.Fatalf("Exists after a failed write = %v, %v", there, err)
	}
	if keys, err := s.List(ctx, ""); err != nil || len(keys) > 0 {
		t.Fatalf("List after a failed write = %v, %v", keys, err)
	}
}

func blobReader(t *testing.T, s BlobStore) {
	ctx := t.Context()
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	succeed(t, s.Put(ctx, "r", "", data))
	r, size, err := s.Reader(ctx, "r")
	if err != nil || size != int64(len(data)) {
		t.Fatalf("Reader: size %d, %v", size, err)
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read of all: %d bytes, %v", len(got), err)
	}
	p := make([]byte, 10)
	if n, err := r.ReadAt(p, 50_000); n != 10 || err != nil || !bytes.Equal(p, data[50_000:50_010]) {
		t.Errorf("ReadAt in the middle = %d, %v, %v", n, err, p)
	}
	if n, err := r.ReadAt(p, size-4); n != 4 || err != io.EOF {
		t.Errorf("ReadAt over the end = %d, %v; want 4, EOF", n, err)
	}
	if n, err := r.ReadAt(p, size+4); n != 0 || err != io.EOF {
		t.Errorf("ReadAt behind the end = %d, %v; want 0, EOF", n, err)
	}
	if _, _, err := s.Reader(ctx, "missing"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("Reader of a missing key: %v", err)
	}
}

func blobList(t *testing.T, s BlobStore) {
	ctx := t.Context()
	all := []string{"a/1", "a/2", "ab", "b/c/d", "奢侈品/ü"}
	for _, k := range slices.Backward(all) {
		succeed(t, s.Put(ctx, k, "image/png", []byte(k)))
	}
	for prefix, want := range map[string][]string{"": all, "a/": {"a/1", "a/2"}, "a": {"a/1", "a/2", "ab"}, "奢": {"奢侈品/ü"}, "zz": nil} {
		got, err := s.List(ctx, prefix)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("List(%q): %v %s", prefix, err, diff)
		}
	}
}

func blobKeys(t *testing.T, s BlobStore) {
	ctx := t.Context()
	bad := []string{
		"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a/../b", "a//b", "a/", "./a", `a\..\b`, "a\x00b", "a\nb",
		"\xff", "x.attrs", "x.18a1b2c3d4e5f607.tmp", strings.Repeat("a", 300), strings.Repeat("abc/", 300) + "d",
	}
	for _, key := range bad {
		_, _, rerr := s.Reader(ctx, key)
		_, werr := s.WriteOnce(ctx, key, func(io.Writer) error { return nil })
		_, gerr := s.Get(ctx, key)
		_, xerr := s.Exists(ctx, key)
		for name, err := range map[string]error{
			"Put": s.Put(ctx, key, "", nil), "Delete": s.Delete(ctx, key), "Get": gerr, "Exists": xerr, "WriteOnce": werr, "Reader": rerr,
		} {
			if err == nil || models.ClassOf(err) != models.Permanent {
				t.Errorf("%s(%.40q) = %v, want a permanent error", name, key, err)
			}
		}
	}
	for _, key := range []string{"a..b", "...", "a b", "a=b/c", "é", "a.tmp"} {
		succeed(t, s.Put(ctx, key, "", []byte(key)))
		wantBlob(t, s, key, key)
	}
}

func blobRace(t *testing.T, s BlobStore) {
	ctx := t.Context()
	data := bytes.Repeat([]byte("same bytes "), 10_000)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key := fmt.Sprint("race/", i%2)
			if err := s.Put(ctx, key, "image/jpeg", data); err != nil {
				t.Errorf("Put: %v", err)
			}
			if got, err := s.Get(ctx, key); err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get: %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

func blobCanceled(t *testing.T, s BlobStore) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "k", "", []byte("x")); err == nil || models.ClassOf(err) != models.Unavailable {
		t.Errorf("Put = %v, want unavailable", err)
	}
	if there, err := s.Exists(t.Context(), "k"); err != nil || there {
		t.Errorf("Exists = %v, %v", there, err)
	}
}

func wantBlob(t *testing.T, s BlobStore, key, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), key)
	if err != nil || string(got) != want {
		t.Fatalf("Get(%q) = %q, %v; want %q", key, got, err, want)
	}
}
