package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"weft/models"
)

// originals is where the importer stores the images' bytes.
const originals = "blob:originals/"

var schemePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]+:`)

// media makes the Media of an image, and the path if it is a file to be stored.
// A file that isn't there fails the image and not the post; one that lies
// outside of the folder refuses the record, since somebody is wrong about what
// may be read.
func (r *reader) media(im image) (models.Media, string, error) {
	lower := strings.ToLower(im.ref)
	if strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") {
		return models.Media{URL: im.ref, Alt: im.alt, State: models.MediaPending}, "", nil
	}
	if r.opt.URLsOnly {
		return models.Media{}, "", fmt.Errorf("%.200q is no http or https URL; local paths are not taken here", im.ref)
	}
	failed := models.Media{URL: "file:" + im.ref, Alt: im.alt, State: models.MediaFailed}
	if schemePattern.MatchString(im.ref) || strings.ContainsRune(im.ref, 0) {
		failed.Reason = "neither a path nor an http or https URL: " + im.ref
		return failed, "", nil
	}
	if r.base == "" {
		failed.Reason = "there is no folder to read it from: " + im.ref
		return failed, "", nil
	}
	path, err := r.locate(im.ref)
	var sum string
	if err == nil {
		sum, err = hashFile(path)
	}
	switch {
	case errors.Is(err, errOutside):
		return models.Media{}, "", err
	case errors.Is(err, fs.ErrNotExist):
		failed.Reason = "file not found: " + im.ref
		return failed, "", nil
	case err != nil:
		failed.Reason = fmt.Sprintf("file can't be read: %s: %v", im.ref, bare(err))
		return failed, "", nil
	}
	return models.Media{URL: originals + sum, Alt: im.alt, State: models.MediaPending, SHA256: sum}, path, nil
}

var errOutside = errors.New("outside of the folder")

// locate resolves a path with its symbolic links and holds it below the folder.
func (r *reader) locate(ref string) (string, error) {
	path := filepath.FromSlash(ref)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.base, path)
	}
	outside := fmt.Errorf("%q lies %w of the file; only what is below it may be read", ref, errOutside)
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		if r.opt.AllowOutside || r.lexicallyInside(abs) {
			return "", err
		}
		return "", outside // and whether it exists is nobody's business
	}
	if !r.opt.AllowOutside && !below(r.inside, real) {
		return "", outside
	}
	return real, nil
}

// lexicallyInside judges a path that doesn't exist, so has no links to resolve.
func (r *reader) lexicallyInside(abs string) bool {
	base, err := filepath.Abs(r.base)
	return err == nil && (below(base, abs) || below(r.inside, abs))
}

func below(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// hashFile reads a regular file once, in small pieces.
func hashFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a pipe would never end
		return "", errors.New("not a regular file")
	}
	if info.Size() == 0 {
		return "", errors.New("the file is empty")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// bare takes the path out of an error that names it already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
