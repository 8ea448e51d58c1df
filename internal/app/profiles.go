package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"weft/models"
	"weft/profile"
)

// ProfileStore keeps profile bodies by content hash.
type ProfileStore interface {
	PutProfile(ctx context.Context, name, version string, body []byte) error
	Profile(ctx context.Context, version string) ([]byte, error)
}

// Library knows the profiles by name, as shipped and configured, and by
// version, as stored: a run finishes under the version it started with.
type Library struct {
	store   ProfileStore
	catalog profile.Catalog
	named   map[string]*profile.Profile

	mu     sync.Mutex
	parsed map[string]*profile.Profile // by version
}

// NewLibrary reads the shipped profiles and those in files and folders; a
// user's profile takes the place of a shipped one of the same name. All errors
// of all files are reported at once.
func NewLibrary(paths []string, store ProfileStore, catalog profile.Catalog) (*Library, error) {
	l := &Library{store: store, catalog: catalog, named: map[string]*profile.Profile{}, parsed: map[string]*profile.Profile{}}
	var errs []error
	shipped, err := profile.Shipped()
	if err != nil {
		return nil, err
	}
	for _, f := range shipped {
		errs = append(errs, l.add(f.Name, f.Body))
	}
	for _, path := range paths {
		files, err := profileFiles(path)
		errs = append(errs, err)
		for _, name := range files {
			body, err := os.ReadFile(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("app: profile: %w", err))
				continue
			}
			errs = append(errs, l.add(name, body))
		}
	}
	return l, errors.Join(errs...)
}

func (l *Library) add(file string, body []byte) error {
	p, err := profile.Parse(file, body, l.catalog)
	if err != nil {
		return err
	}
	l.named[p.Name] = p
	l.parsed[p.Version] = p
	return nil
}

// profileFiles returns the YAML files of a folder, or the file itself.
func profileFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("app: profiles: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(p); err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("app: profiles: %w", err)
	}
	return files, nil
}

// Names returns the names of all profiles, sorted.
func (l *Library) Names() []string {
	var names []string
	for name := range l.named {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Named returns a profile by name, and stores its body so that any worker can
// route the posts that start with it.
func (l *Library) Named(ctx context.Context, name string) (*profile.Profile, error) {
	p, ok := l.named[name]
	if !ok {
		return nil, fmt.Errorf("no profile %q; there are: %s", name, strings.Join(l.Names(), ", "))
	}
	if err := l.store.PutProfile(ctx, p.Name, p.Version, p.Body); err != nil {
		return nil, fmt.Errorf("app: store profile %s: %w", name, err)
	}
	return p, nil
}

// Profile returns a stored version; models.ErrNotFound if it is not stored.
func (l *Library) Profile(ctx context.Context, version string) (*profile.Profile, error) {
	l.mu.Lock()
	p := l.parsed[version]
	l.mu.Unlock()
	if p != nil {
		return p, nil
	}
	body, err := l.store.Profile(ctx, version)
	if err != nil {
		return nil, err
	}
	p, err = profile.Parse("stored version "+version, body, l.catalog)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "app: %w", err)
	}
	l.mu.Lock()
	l.parsed[version] = p
	l.mu.Unlock()
	return p, nil
}
