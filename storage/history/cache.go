package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/models"
)

// Getter reads whole files.
type Getter interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// Cache keeps parts of a history that lies elsewhere in a folder of this
// machine, for readers that want local files. Files never change, so a part is
// fetched once; what is no part any more is deleted, since it may hold what was
// forgotten.
type Cache struct {
	files Getter
	dir   string
	tell  func(path string, bytes int64)
}

// NewCache returns a cache in dir. tell is called before each file is fetched;
// nil: nobody is told.
func NewCache(files Getter, dir string, tell func(path string, bytes int64)) *Cache {
	if tell == nil {
		tell = func(string, int64) {}
	}
	return &Cache{files: files, dir: dir, tell: tell}
}

// Fill brings those of parts, which are all of the history, that are of the days
// from first to last (YYYY-MM-DD, both included) into the folder, and returns
// them. A file that is gone is models.ErrNotFound: ask for the parts again.
func (c *Cache) Fill(ctx context.Context, parts []models.Part, first, last string) ([]models.Part, error) {
	if first == "" || last == "" {
		return nil, models.Faultf(models.Permanent, "history: a history that lies elsewhere is queried by days: say the first and the last")
	}
	known := map[string]bool{}
	var wanted []models.Part
	for _, part := range parts {
		known[part.Path()] = true
		if part.State == models.PartVerified && part.Day >= first && part.Day <= last {
			wanted = append(wanted, part)
		}
	}
	if err := c.prune(known); err != nil {
		return nil, fmt.Errorf("history: cache %s: %w", c.dir, err)
	}
	for _, part := range wanted {
		if err := c.fetch(ctx, part); err != nil {
			return nil, fmt.Errorf("history: fetch %s: %w", part.Path(), err)
		}
	}
	return wanted, nil
}

// halfAge is when a half-written copy is a leftover: before, another process may
// be at it.
const (
	half    = ".half"
	halfAge = time.Hour
)

// prune deletes what is no part any more; known are the paths of those that are.
func (c *Cache) prune(known map[string]bool) (err error) {
	root, err := os.OpenRoot(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || known[path] || !strings.HasPrefix(d.Name(), "part-") {
			return err
		}
		if about, err := d.Info(); strings.HasSuffix(path, half) && err == nil && time.Since(about.ModTime()) < halfAge {
			return nil
		}
		return root.Remove(path)
	})
}

func (c *Cache) fetch(ctx context.Context, part models.Part) error {
	path := filepath.Join(c.dir, filepath.FromSlash(part.Path()))
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	c.tell(part.Path(), part.Bytes)
	data, err := c.files.Get(ctx, part.Path())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	copied, err := os.CreateTemp(filepath.Dir(path), "part-*"+half)
	if err != nil {
		return err
	}
	_, err = copied.Write(data)
	if err = errors.Join(err, copied.Close()); err == nil {
		err = os.Rename(copied.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(copied.Name()))
	}
	return nil
}
