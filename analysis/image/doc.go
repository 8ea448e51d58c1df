// Package image reads photos: it turns whatever bytes a source sent into one
// small, upright rendition, or says in plain words why it can't, and it finds
// the colours of the garment in a rendition.
//
// Nothing in here trusts its input. Headers are checked before a pixel is
// decoded, decoders may panic, and the memory that decoding may take at one
// time is bounded (Preparer).
package image
