package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weft/models"
)

// imageTypes are the endings of what is taken for an image.
func imageTypes() []string {
	return []string{".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
}

// walk visits the images below root in the order of their names. Hidden files
// and folders are left out: they are what cameras and computers keep for themselves.
func walk(root string, visit func(path string, d fs.DirEntry) error) error {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !slices.Contains(imageTypes(), strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		return visit(path, d)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("import %s: %w", root, err)
	}
	return err
}

// folder yields one item for each image.
func (r *reader) folder(yield func(Item, error) bool) error {
	abs, err := filepath.Abs(r.path)
	if err != nil {
		return fmt.Errorf("import %s: %w", r.path, err)
	}
	root := r.path
	if info, err := os.Lstat(root); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		root = r.inside // WalkDir doesn't follow a link, not even the first
		r.base = root
	}
	var done int64
	return walk(root, func(path string, _ fs.DirEntry) error {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		done++
		it := r.folderItem(filepath.Base(abs), filepath.ToSlash(rel))
		it.Done = done
		if !yield(it, nil) {
			return errStop
		}
		return nil
	})
}

// folderItem makes the post of one image. Its id comes from the path, beginning
// with the folder's own name, so that two folders with a 001.jpg don't collide.
func (r *reader) folderItem(name, rel string) Item {
	side, rec, bad := r.sidecar(rel)
	if bad != nil {
		return Item{Err: bad}
	}
	rec.id, rec.source = digest([]byte(name+"/"+rel)), ""
	rec.images = []image{{ref: rel}}
	if rec.created.IsZero() {
		if info, err := os.Stat(filepath.Join(r.base, rel)); err == nil {
			rec.created = info.ModTime().UTC()
			if now := r.opt.Now(); rec.created.After(now) || rec.created.Unix() <= 0 {
				rec.created = now.UTC() // a camera's clock is no reason to lose the image
			}
		}
	}
	raw, err := json.Marshal(map[string]any{"folder": name, "path": rel, "sidecar": side})
	if err != nil {
		return r.bad(0, "", rel, "%v", err)
	}
	rec.raw = raw
	it := r.item(rec, 0, rel)
	if it.Err != nil {
		it.Err.File = filepath.Join(r.path, rel)
	}
	return it
}

// sidecar reads what stands beside an image: photo.jpg.json or photo.json, else
// photo.jpg.txt or photo.txt.
func (r *reader) sidecar(rel string) (side any, rec record, bad *BadRecord) {
	stem := strings.TrimSuffix(rel, filepath.Ext(rel))
	for _, name := range []string{rel + ".json", stem + ".json", rel + ".txt", stem + ".txt"} {
		path, err := r.locate(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var text []byte
		if err == nil {
			text, err = r.readSmall(path)
		}
		shown := filepath.Join(r.path, name)
		if err != nil {
			return nil, rec, newBad(shown, 0, "", "", "%v", bare(err))
		}
		clean := strings.TrimPrefix(strings.ToValidUTF8(string(text), "\uFFFD"), "\uFEFF")
		if strings.HasSuffix(name, ".txt") {
			return clean, record{text: strings.TrimSpace(clean)}, nil
		}
		object, err := parseObject([]byte(clean))
		if err != nil {
			return nil, rec, newBad(shown, 0, "", clean, "%v", err)
		}
		rec, ferr := decodeObject(object)
		m := &members{object: object}
		if loc := m.location("location"); loc != (models.Location{}) {
			loc.Kind = "post"
			rec.author.Location = loc
		}
		if ferr == nil {
			ferr = m.err
		}
		if ferr == nil {
			ferr = rec.check()
		}
		if ferr != nil {
			return nil, rec, newBad(shown, 0, ferr.field, clean, "%s", ferr.reason)
		}
		return json.RawMessage(clean), rec, nil
	}
	return nil, rec, nil
}

// readSmall reads a regular file that is no longer than a line may be.
func (r *reader) readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(r.opt.MaxLine)+1))
	if err == nil && len(text) > r.opt.MaxLine {
		err = fmt.Errorf("longer than %d bytes", r.opt.MaxLine)
	}
	return text, err
}
