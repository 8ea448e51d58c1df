package cli

import (
	"cmp"
	"runtime/debug"
)

// version is set by the linker (-X), since an image is built without the
// repository that the build could read it from.
//
//nolint:gochecknoglobals // the linker can set nothing else
var version string

// Version names what this program was built from: what the linker was told,
// else the revision of the working tree.
func Version() string {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return cmp.Or(version, revision, "unknown")
}
