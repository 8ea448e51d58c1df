package blobs_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/models"
	"weft/storage/blobs"
	"weft/storage/storagetest"
)

func open(t *testing.T, url string) *blobs.Store {
	t.Helper()
	s, err := blobs.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSuite(t *testing.T) {
	for name, url := range map[string]func(dir string) string{
		"memory":                  func(string) string { return "mem://" },
		"folder":                  func(dir string) string { return "file://" + dir + "/blobs" },
		"folder without metadata": func(dir string) string { return "file://" + dir + "/blobs?metadata=skip" },
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Blobs(t, func(t *testing.T) storagetest.BlobStore { return open(t, url(t.TempDir())) })
		})
	}
}

const secret = "hunter2"

func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"s3://bucket?acl=public":                          `unknown or repeated option "acl"`,
		"gs://bucket?region=eu":                           `unknown or repeated option "region"`,
		"s3://bucket?region=a&region=b":                   `unknown or repeated option "region"`,
		"s3://bucket?endpoint=localhost:9000":             "endpoint is no http:// or https:// URL",
		"s3://bucket?endpoint=http://me:" + secret + "@h": "endpoint is no http:// or https:// URL",
		"s3://bucket?s3ForcePathStyle=yes":                "neither true nor false",
		"gs://me:" + secret + "@bucket":                   "holds no user or password",
		"s3://me:" + secret + "@bucket/%zz":               "invalid URL escape",
		"gs:///prefix":                                    "name is missing",
		"gs://bucket:80/x":                                "has a port",
		"gs://bucket/a/../b":                              "plain relative path",
		"ftp://host/dir":                                  `unknown scheme "ftp"`,
		"/plain/dir":                                      `unknown scheme ""`,
		"file://":                                         "no folder",
		"file://host/dir":                                 "a folder has none",
		"file:///tmp/x?create_dir=1":                      "unknown option create_dir=1",
		"file:///tmp/%zz":                                 "invalid URL escape",
	} {
		_, err := blobs.Open(t.Context(), url)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("Open(%q) tells the secret: %v", url, err)
		}
		if err == nil || !strings.Contains(err.Error(), want) || models.ClassOf(err) != models.Permanent {
			t.Errorf("Open(%q) = %v, want a permanent error with %q", url, err, want)
		}
	}
}

func TestContentTypeIsKept(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, "file://"+dir).Put(t.Context(), "i/1", "image/webp", []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := open(t, "file://"+dir).Stat(t.Context(), "i/1") // another process, as it were
	if want := (blobs.Info{Key: "i/1", Size: 1, ContentType: "image/webp"}); err != nil || info != want {
		t.Errorf("Stat = %+v, %v; want %+v", info, err, want)
	}
}

func TestWithoutMetadataOnlyTheFileIsThere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "file://"+dir+"?metadata=skip")
	if err := s.Put(t.Context(), "dt=1/p.parquet", "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "dt=1"))
	if err != nil || len(files) != 1 || files[0].Name() != "p.parquet" {
		t.Errorf("files = %v, %v", files, err)
	}
}

// A crash leaves the bucket's temporary file behind; it must never be read as a blob.
func TestLeftoverOfACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "file://"+dir)
	_, err := s.WriteOnce(t.Context(), "part", func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
		if err != nil || len(found) != 1 {
			t.Fatalf("temporary files: %v, %v", found, err)
		}
		half, err := os.ReadFile(found[0])
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "part.18a1b2c3d4e5f607.tmp"), half, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.List(t.Context(), "")
	if err != nil || len(keys) != 1 || keys[0] != "part" {
		t.Errorf("List = %v, %v; want the part alone", keys, err)
	}
}

func TestUnavailable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "file://"+dir)
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/b", "", nil); err == nil || models.ClassOf(err) != models.Unavailable {
		t.Errorf("Put below a file = %v, want unavailable", err)
	}
}
