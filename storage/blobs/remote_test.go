package blobs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/internal/servers"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/storagetest"
)

// google makes a bucket in the stand-in of Cloud Storage, and returns its URL.
func google(t *testing.T) string {
	t.Helper()
	at := servers.URL(t, servers.GCS)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(at, "http://"))
	name := bucketName()
	request(t, http.MethodPost, at+"/storage/v1/b?project=weft", fmt.Sprintf(`{"name": %q}`, name))
	t.Cleanup(func() {
		empty(t, "gs://"+name)
		request(t, http.MethodDelete, at+"/storage/v1/b/"+name, "")
	})
	return "gs://" + name
}

// amazon makes a bucket in the stand-in of S3, and returns its URL.
func amazon(t *testing.T) (bucket, options string) {
	t.Helper()
	at := servers.URL(t, servers.S3)
	t.Setenv("AWS_ACCESS_KEY_ID", "weft")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	name := bucketName()
	request(t, http.MethodPut, at+"/"+name, "")
	options = "?region=us-east-1&s3ForcePathStyle=true&endpoint=" + url.QueryEscape(at)
	t.Cleanup(func() {
		empty(t, "s3://"+name+options)
		request(t, http.MethodDelete, at+"/"+name, "")
	})
	return "s3://" + name, options
}

func bucketName() string { return "weft-test-" + strings.ToLower(rand.Text()) }

func request(t *testing.T, method, at, body string) {
	t.Helper()
	r, err := http.NewRequest(method, at, strings.NewReader(body)) //nolint:noctx // also used when the test's context is over
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s", method, at, got.Status)
	}
}

func empty(t *testing.T, bucket string) {
	t.Helper()
	s, err := blobs.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := s.Delete(context.Background(), key); err != nil {
			t.Error(err)
		}
	}
	_ = s.Close()
}

// each calls test with a way to open an empty store, in one bucket of each kind.
func remotes(t *testing.T, test func(t *testing.T, open func(t *testing.T) *blobs.Store)) {
	t.Run("gs", func(t *testing.T) {
		bucket := google(t)
		test(t, func(t *testing.T) *blobs.Store { return open(t, bucket+"/a/"+rand.Text()) })
	})
	t.Run("s3", func(t *testing.T) {
		bucket, options := amazon(t)
		test(t, func(t *testing.T) *blobs.Store { return open(t, bucket+"/"+rand.Text()+options) })
	})
}

func TestRemoteSuite(t *testing.T) {
	remotes(t, func(t *testing.T, open func(t *testing.T) *blobs.Store) {
		storagetest.Blobs(t, func(t *testing.T) storagetest.BlobStore { return open(t) })
		t.Run("parts", func(t *testing.T) {
			storagetest.Parts(t, func(t *testing.T) storagetest.PartStore { return parquet.New(open(t)) })
		})
	})
}

// One of many writers of a key is first, and the others are told so: the
// condition is judged by the server.
func TestRemoteWritersOfOneKey(t *testing.T) {
	remotes(t, func(t *testing.T, open func(t *testing.T) *blobs.Store) {
		s := open(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		first := -1
		ready := make(chan struct{})
		var writing sync.WaitGroup
		const writers = 6
		writing.Add(writers)
		go func() { writing.Wait(); close(ready) }()
		for i := range writers {
			wg.Go(func() {
				already, err := s.WriteOnce(t.Context(), "key", func(w io.Writer) error {
					writing.Done()
					<-ready // all of them found nothing
					_, err := w.Write([]byte{byte('0' + i)})
					return err
				})
				if err != nil {
					t.Errorf("WriteOnce: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if !already && err == nil {
					if first >= 0 {
						t.Errorf("both %d and %d were first", first, i)
					}
					first = i
				}
			})
		}
		wg.Wait()
		got, err := s.Get(t.Context(), "key")
		if err != nil || string(got) != fmt.Sprint(first) {
			t.Errorf("Get = %q, %v; want what %d wrote", got, err, first)
		}
	})
}

// A large upload that is given up in the middle, after some of it was sent,
// leaves nothing that can be read.
func TestRemoteCancelledUpload(t *testing.T) {
	remotes(t, func(t *testing.T, open func(t *testing.T) *blobs.Store) {
		s := open(t)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.WriteOnce(ctx, "large", func(w io.Writer) error {
			for n := range 40 { // more than the clients hold back
				if n == 36 {
					cancel()
				}
				if _, err := w.Write(chunk); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			t.Error("a cancelled upload was taken for done")
		}
		if there, err := s.Exists(t.Context(), "large"); err != nil || there {
			t.Errorf("Exists = %v, %v", there, err)
		}
		if keys, err := s.List(t.Context(), ""); err != nil || len(keys) > 0 {
			t.Errorf("List = %v, %v", keys, err)
		}
		already, err := s.WriteOnce(t.Context(), "large", func(w io.Writer) error {
			for range 20 {
				if _, err := w.Write(chunk); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || already {
			t.Fatalf("WriteOnce = %v, %v", already, err)
		}
		r, size, err := s.Reader(t.Context(), "large")
		p := make([]byte, 3)
		if err != nil || size != 20<<20 {
			t.Fatalf("Reader: %d, %v", size, err)
		}
		if n, err := r.ReadAt(p, size-3); n != 3 || err != nil || string(p) != "xxx" {
			t.Errorf("ReadAt = %d, %v, %q", n, err, p)
		}
	})
}

// Keys lie below the prefix, and nobody sees beyond it.
func TestRemotePrefix(t *testing.T) {
	bucket := google(t)
	outer, inner := open(t, bucket), open(t, bucket+"/in/side/")
	if err := inner.Put(t.Context(), "k", "text/plain", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := outer.Put(t.Context(), "in/sideways", "", []byte("w")); err != nil {
		t.Fatal(err)
	}
	keys, err := outer.List(t.Context(), "")
	if err != nil || strings.Join(keys, " ") != "in/side/k in/sideways" {
		t.Errorf("keys of the bucket: %v, %v", keys, err)
	}
	keys, err = inner.List(t.Context(), "")
	if err != nil || strings.Join(keys, " ") != "k" {
		t.Errorf("keys below the prefix: %v, %v", keys, err)
	}
}

func TestRemoteUnavailable(t *testing.T) {
	refused := "127.0.0.1:1"
	t.Setenv("STORAGE_EMULATOR_HOST", refused)
	t.Setenv("AWS_ACCESS_KEY_ID", "weft")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	for _, at := range []string{"gs://nobody", "s3://nobody?region=us-east-1&s3ForcePathStyle=true&endpoint=http://" + refused} {
		s := open(t, at)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := s.Get(ctx, "k")
		if models.ClassOf(err) != models.Unavailable || err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: Get = %v, want unavailable", at, err)
		}
		cancel()
	}
}

func TestRemoteMissingBucket(t *testing.T) {
	bucket := google(t)
	s := open(t, bucket+"-nobody")
	if err := s.Put(t.Context(), "k", "", []byte("v")); err == nil || errors.Is(err, models.ErrConflict) {
		t.Errorf("Put = %v, want an error", err)
	}
}
