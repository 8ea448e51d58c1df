//go:build !turbojpeg || !cgo

package image

// scalers are tried in order.
func scalers() []scaler { return []scaler{goJPEG{}} }
