package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/internal/evaluate"
	"weft/models"
)

// TestExportLabels: photos of labelled posts, each once, no author on both
// sides; what it writes feeds preprocessing.
func TestExportLabels(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(20)
	entries[1].Images = append(entries[1].Images, r.image(30))
	entries[2].Images = entries[0].Images
	r.imports(entries, "plain")
	r.run()
	id := func(i int) string { return fmt.Sprintf("file.p%02d", i) }
	for i := range 20 {
		values := []string{[]string{"dress", "hat"}[i%2]}
		switch i {
		case 3:
			values = nil
		case 4:
			values = []string{"dress", "hat"}
		case 5:
			values = []string{"../hat"} // a free text
		case 19:
			continue
		}
		post, _ := r.post(id(i), "plain")
		post.Author = models.Author{ID: fmt.Sprint("author", i%7)}
		if i == 6 {
			post.Flags = []models.Flag{models.NoIndex}
		}
		label := models.Label{Attribute: "garment", Taxonomy: "t1", Values: values, By: []string{"ann", "bob"}, At: r.now(), Item: fmt.Sprint("i", i)}
		if i%2 == 0 { // the others' labels came without an item
			r.judged(label.Item, id(i), values)
		}
		if _, err := r.app.Documents.Update(r.ctx, id(i), models.Change{Source: &post, Labels: []models.Label{label}}); err != nil {
			t.Fatal(err)
		}
	}
	post, _ := r.post(id(7), "plain")
	if err := r.app.Blobs.Delete(r.ctx, post.Media[0].Rendition); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(r.dir, "labels")
	rep, err := r.app.ExportLabels(r.ctx, app.LabelExport{Attribute: "garment", Out: out, Validation: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"not one image": 1, "the same photo again": 1, "people saw none": 1, "several values": 1, "its author doesn't want to be found, or it is hidden": 1, "its image is gone": 1}
	if diff := cmp.Diff(want, rep.LeftOut); diff != "" || rep.Photos != 13 {
		t.Errorf("%d photos, want 13; left out (-want +got):\n%s", rep.Photos, diff)
	}
	side, train := map[string]string{}, map[string]string{}
	manifest, err := os.ReadFile(filepath.Join(out, "manifest.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(manifest) {
		var l struct {
			Post, Image, SHA256, Value, Taxonomy, Split string
			Labelers                                    int
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		post, _ := r.post(l.Post, "plain")
		if other, ok := side[post.Author.ID]; ok && other != l.Split {
			t.Errorf("%s is on both sides", post.Author.ID)
		}
		side[post.Author.ID] = l.Split
		photo, err := os.ReadFile(filepath.Join(out, l.Image))
		rendition, getErr := r.app.Blobs.Get(r.ctx, post.Media[0].Rendition)
		if err = errors.Join(err, getErr); err != nil || !bytes.Equal(photo, rendition) || l.SHA256 != post.Media[0].SHA256 || l.Labelers != 2 || l.Taxonomy != "t1" {
			t.Errorf("%s: %v, %+v", l.Post, err, l)
		}
		if l.Split == "train" {
			train[l.Image] = l.Value
		}
	}
	if len(rep.Splits["train"]) == 0 || len(rep.Splits["validation"]) == 0 {
		t.Errorf("a side is empty: %v", rep.Splits)
	}
	f, err := os.Open(filepath.Join(out, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range rows[1:] {
		got[row[1]] = row[0]
	}
	if diff := cmp.Diff(train, got); diff != "" {
		t.Errorf("labels.csv (-train photos +got):\n%s", diff)
	}
	r.checkJudgments(filepath.Join(out, "judgments.ndjson"), rep.Photos)
	pixels := filepath.Join(r.dir, "pixels")
	if err := evaluate.Preprocess(filepath.Join(out, "train"), pixels, 32, func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(pixels, "pixels.npy")); err != nil || info.Size() < int64(len(train)*3*32*32) {
		t.Errorf("pixels: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "hat")); err == nil {
		t.Error("a free text led out of the folder")
	}
	if _, err := r.app.ExportLabels(r.ctx, app.LabelExport{Attribute: "garment", Out: out}); !errors.Is(err, app.ErrExport) {
		t.Errorf("into a folder that is in use: %v", err)
	}
	if _, err := r.app.ExportLabels(r.ctx, app.LabelExport{Attribute: "nothing", Out: filepath.Join(r.dir, "none")}); !errors.Is(err, app.ErrExport) {
		t.Errorf("of an attribute without labels: %v", err)
	}
}

// judged stores an item that two people answered alike, one skipped, and that
// somebody was tested by.
func (r *rig) judged(item, post string, values []string) {
	r.t.Helper()
	it := models.Item{
		ID: item, Rev: 1, Post: post, Profile: "plain", Taxonomy: "t1", State: models.ItemClosed, Wanted: 2,
		Questions: []models.Question{{Attribute: "garment"}},
	}
	said := map[string][]string{"garment": append([]string{}, values...)}
	for _, a := range []models.Answer{
		{By: "ann", At: r.now(), Values: said}, {By: "bob", At: r.now(), Values: said}, {By: "carl", At: r.now(), Skip: "not sure"},
		{By: "dora", At: r.now(), Values: map[string][]string{"garment": {"shoe"}}, Check: true},
	} {
		it = it.WithAnswer(a)
	}
	if err := r.app.Documents.PutItem(r.ctx, it); err != nil {
		r.t.Fatal(err)
	}
}

// checkJudgments expects one line for each answer about each photo that has an item.
func (r *rig) checkJudgments(file string, photos int) {
	r.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	lines, seen := map[string]int{}, map[string]bool{}
	for line := range bytes.Lines(text) {
		var l struct {
			Item, Post, By, Skip string
			Values               []string
			Check                bool
		}
		if err := json.Unmarshal(line, &l); err != nil {
			r.t.Fatal(err)
		}
		if seen[l.Item+l.By] || l.Values == nil || (l.Skip != "") != (l.By == "carl") || l.Check != (l.By == "dora") {
			r.t.Errorf("judgment %s", line)
		}
		seen[l.Item+l.By] = true
		lines[l.Item]++
	}
	for item, n := range lines {
		if n != 4 {
			r.t.Errorf("%s has %d judgments, want 4", item, n)
		}
	}
	if len(lines) < 4 || len(lines) >= photos {
		r.t.Errorf("judgments of %d items, %d photos", len(lines), photos)
	}
}

// TestExportBoxes: pictures with boxes, of posts with several pictures and values
// too, each once, in COCO's form and in pixels of the file beside it.
func TestExportBoxes(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(8)
	entries[1].Images = append(entries[1].Images, r.image(30))
	entries[2].Images = entries[0].Images
	r.imports(entries, "plain")
	r.run()
	want := map[string]int{} // boxes of each picture
	for i := range 8 {
		post, _ := r.post(fmt.Sprintf("file.p%02d", i), "plain")
		post.Author = models.Author{ID: fmt.Sprint("writer", i)}
		if i == 6 {
			post.Flags = []models.Flag{models.NoIndex}
		}
		images := post.Images()
		last := images[len(images)-1].SHA256
		label := models.Label{Attribute: "garment", Taxonomy: "t1", Values: []string{"dress", "hat"}, By: []string{"ann"}, At: r.now(), Item: fmt.Sprint("i", i), Boxes: []models.Spot{
			{Value: "hat", Image: last, Box: models.Box{X: .25, Y: .5, W: .5, H: .125}}, {Value: "dress", Image: last, Box: models.Box{W: 1, H: 1}},
		}}
		if i == 7 {
			label.Values, label.Boxes = []string{strings.Repeat("很长", 120)}, nil
		}
		if i != 2 && i < 6 {
			want[last] = 2
		}
		if _, err := r.app.Documents.Update(r.ctx, post.ID, models.Change{Source: &post, Labels: []models.Label{label}}); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(r.dir, "labels")
	rep, err := r.app.ExportLabels(r.ctx, app.LabelExport{Attribute: "garment", Out: out, Validation: 0.5})
	if err != nil || rep.BoxPhotos != 5 || rep.Boxes != 10 || rep.Photos != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	got := map[string]int{}
	for _, split := range []string{"train", "validation"} {
		text, err := os.ReadFile(filepath.Join(out, "boxes-"+split+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			Images []struct {
				ID, Width, Height int
				File              string `json:"file_name"`
				SHA256            string
			}
			Annotations []struct {
				Image    int        `json:"image_id"`
				Category int        `json:"category_id"`
				Box      [4]float64 `json:"bbox"`
				Area     float64
			}
			Categories []struct {
				ID   int
				Name string
			}
		}
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatal(err)
		}
		if len(set.Images) == 0 || len(set.Categories) != 2 || set.Categories[0].ID != 1 || set.Categories[0].Name != "hat" || set.Categories[1].Name != "dress" {
			t.Errorf("%s: categories %+v", split, set.Categories)
		}
		for n, im := range set.Images {
			f, err := os.Open(filepath.Join(out, im.File))
			if err != nil {
				t.Fatal(err)
			}
			size, err := jpeg.DecodeConfig(f)
			if err = errors.Join(err, f.Close()); err != nil || size.Width != im.Width || size.Height != im.Height || im.ID != n+1 {
				t.Errorf("%s: %+v, %v", im.File, im, err)
			}
			w, h := float64(im.Width), float64(im.Height)
			boxes := map[int][4]float64{}
			for _, b := range set.Annotations {
				if b.Image == im.ID {
					got[im.SHA256]++
					boxes[b.Category] = b.Box
					if b.Area != b.Box[2]*b.Box[3] {
						t.Errorf("area %g of %v", b.Area, b.Box)
					}
				}
			}
			if diff := cmp.Diff(map[int][4]float64{1: {w / 4, h / 2, w / 2, h / 8}, 2: {0, 0, w, h}}, boxes); diff != "" {
				t.Errorf("%s (-want +got)\n%s", im.File, diff)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("boxes by picture (-want +got)\n%s", diff)
	}
}
