package blobs

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gocloud.dev/gcerrors"

	"weft/models"
)

const (
	maxKey     = 1024 // bytes, what Cloud Storage and S3 take
	maxSegment = 200  // bytes between two slashes, so that a temporary name still fits into 255
)

// leftover is how the bucket names a file that is still being written, and what
// a crash may leave behind.
var leftover = regexp.MustCompile(`\.[0-9a-f]{12,16}\.tmp$`)

func temporary(key string) bool { return leftover.MatchString(key) }

// checkKey refuses keys that could leave the root, or mean another key on
// another kind of store.
func checkKey(key string) error {
	problem := ""
	switch {
	case key == "":
		problem = "is empty"
	case len(key) > maxKey:
		problem = fmt.Sprintf("is longer than %d bytes", maxKey)
	case !utf8.ValidString(key):
		problem = "is not UTF-8"
	case strings.HasPrefix(key, "/"), path.Clean(key) != key, key == ".", key == "..", strings.HasPrefix(key, "../"):
		problem = "must be a plain relative path without empty, . or .. parts"
	case strings.ContainsFunc(key, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }):
		problem = "holds a backslash or a control character"
	case strings.HasSuffix(key, ".attrs"), temporary(key):
		problem = "looks like a file the store makes for itself (.attrs, .tmp)"
	}
	for part := range strings.SplitSeq(key, "/") {
		if problem == "" && len(part) > maxSegment {
			problem = fmt.Sprintf("has a part longer than %d bytes", maxSegment)
		}
	}
	if problem == "" {
		return nil
	}
	return models.Faultf(models.Permanent, "blobs: key %.100q %s", key, problem)
}

// fault classifies what a bucket says. Whatever is no answer about the blob
// itself (permission, disk, network) is the other side's trouble.
func fault(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*models.Fault](err); ok {
		return err
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("blobs: %s %q: %w", verb, key, models.ErrNotFound)
	case gcerrors.InvalidArgument:
		return models.Faultf(models.Permanent, "blobs: %s %q: %w", verb, key, err)
	default:
		return models.Faultf(models.Unavailable, "blobs: %s %q: %w", verb, key, err)
	}
}

// ignoreCanceled drops what a writer says about being discarded on purpose.
func ignoreCanceled(err error) error {
	if gcerrors.Code(err) == gcerrors.Canceled {
		return nil
	}
	return err
}
