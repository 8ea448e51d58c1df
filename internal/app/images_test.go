package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/analysis/image"
	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

const place = "48.8584N 2.2945E"

// placed is a picture whose file says where it was taken.
func placed(t *testing.T, i int) []byte {
	t.Helper()
	data := picture(t, i)
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(6+len(place))), "tEXtwhere\x00"+place...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return slices.Concat(data[:33], chunk, data[33:]) // behind IHDR
}

// TestImportStripsPlaces: where a photo was taken is never stored, from the
// import on, and importing again finds nothing new.
func TestImportStripsPlaces(t *testing.T) {
	r := newRig(t, plain)
	r.write(filepath.Join(r.dir, "placed.png"), placed(t, 3))
	r.write(filepath.Join(r.dir, "clean.png"), picture(t, 3))
	entries := []entry{
		{ID: "a", Created: "2026-03-01T10:00:00Z", Text: "a red dress", Images: []string{"placed.png"}},
		{ID: "b", Created: "2026-03-01T10:00:00Z", Text: "a blue coat", Images: []string{"clean.png"}},
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Admitted] != 2 {
		t.Fatalf("first: %+v", rep)
	}
	sum := sha256.Sum256(image.Strip(placed(t, 3)))
	want := hex.EncodeToString(sum[:])
	before, _ := r.post("file.a", "plain")
	if m := before.Media[0]; m.SHA256 != want || m.URL != "blob:originals/"+want {
		t.Errorf("admitted as %s with %s, want both to be of the stripped bytes, %s", m.URL, m.SHA256, want)
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 2 || len(rep.Posts) != 1 {
		t.Errorf("while they wait: %+v, want 2 known", rep.Posts)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 2})
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 2 || len(rep.Posts) != 1 {
		t.Errorf("after they were done: %+v, want 2 known", rep.Posts)
	}
	a, _ := r.post("file.a", "plain")
	b, _ := r.post("file.b", "plain")
	if a.Media[0].SHA256 != want || a.Media[0].Original != "originals/"+want || b.Media[0].SHA256 != want {
		t.Errorf("fetched as %+v and %+v, want one image, %s", a.Media[0], b.Media[0], want)
	}
	keys, err := r.app.Blobs.List(r.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 2 { // an original and its rendition, for both posts
		t.Errorf("stored %v, want one image", keys)
	}
	for _, key := range keys {
		data, err := r.app.Blobs.Get(r.ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(place)) {
			t.Errorf("%s says where it was taken", key)
		}
	}
	if text := r.journey("file.a"); !strings.Contains(text, "looks like: file.b image 1 (0 of 64 bits differ)") {
		t.Errorf("the journey lacks what looks alike:\n%s", text)
	}
}

// TestImportRefusesAnImageOverTheLimit before it is read, whatever it holds.
func TestImportRefusesAnImageOverTheLimit(t *testing.T) {
	r := newRig(t, plain)
	r.write(filepath.Join(r.dir, "big.png"), append(picture(t, 1), make([]byte, 2<<20)...)) // stripped, it would be small
	a := r.open(nil, config.Override{Key: "limits.image_bytes", Value: "1MiB"})
	path := r.ndjson([]entry{{ID: "a", Created: "2026-03-01T10:00:00Z", Text: "x", Images: []string{"big.png"}}})
	if rep, rejects := r.tryImport(a, path, app.Import{Profiles: []string{"plain"}}); rep.Rejected != 1 || !strings.Contains(rejects, "limits.image_bytes") {
		t.Errorf("report %+v, rejects %s", rep, rejects)
	}
}

// TestHostileImagesLeaveTheirReason on the post, beside one that is fine: no
// image costs the post its others.
func TestHostileImagesLeaveTheirReason(t *testing.T) {
	r := newRig(t, plain)
	good := picture(t, 1)
	bomb := func(w, h uint32, depth byte) []byte {
		head := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
		head = append(head, depth, 2, 0, 0, 0)
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(head))
		return slices.Concat(good[:12], head, sum, good[33:])
	}
	want := map[string]string{
		"wide.png": "65535×65535 pixels are over the limit of 50 MP",
		"deep.png": "PNG of 5000×5000 pixels takes about 190 MB to decode, over the limit of 160 MB",
		"cut.png":  "image is truncated",
		"text.jpg": "not an image: text/plain",
	}
	e := entry{ID: "a", Created: "2026-03-01T10:00:00Z", Text: "a red dress", Images: []string{"good.png"}}
	for name, data := range map[string][]byte{
		"good.png": good, "wide.png": bomb(65535, 65535, 8), "deep.png": bomb(5000, 5000, 16),
		"cut.png": good[:len(good)/2], "text.jpg": []byte("no image at all"),
	} {
		r.write(filepath.Join(r.dir, name), data)
		if name != "good.png" {
			e.Images = append(e.Images, name)
		}
	}
	r.imports([]entry{e}, "plain")
	r.run()
	r.counted(map[models.State]int64{models.Done: 1})
	post, _ := r.post("file.a", "plain")
	for i, name := range e.Images {
		if m := post.Media[i]; m.Reason != want[name] || (m.State == models.MediaOK) != (want[name] == "") {
			t.Errorf("%s is %s: %q, want %q", name, m.State, m.Reason, want[name])
		}
	}
}
