package app

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"weft/models"
)

// ErrExport means that labels can't be exported as it was asked.
var ErrExport = errors.New("label export")

// LabelExport asks for the labelled photos of one attribute.
type LabelExport struct {
	Attribute  string
	Out        string  // a folder of its own
	Validation float64 // share of the authors whose photos go into validation
	Progress   func(posts int)
}

// LabelReport says what was exported. Its JSON form is an interface: see
// `enqueuer label export --json`.
type LabelReport struct {
	Attribute string                    `json:"attribute"`
	Photos    int                       `json:"photos"`
	Splits    map[string]map[string]int `json:"splits"` // train and validation: photos by class
	LeftOut   map[string]int            `json:"left_out"`
	BoxPhotos int                       `json:"box_photos,omitempty"` // on which people drew boxes
	Boxes     int                       `json:"boxes,omitempty"`
}

// The splits.
const (
	trainSplit      = "train"
	validationSplit = "validation"
)

// labelled is one line of the manifest.
type labelled struct {
	Post     string    `json:"post"`
	Image    string    `json:"image"` // path below the folder
	SHA256   string    `json:"sha256"`
	Value    string    `json:"value"`
	Labelers int       `json:"labelers"`
	Taxonomy string    `json:"taxonomy"`
	Sample   bool      `json:"sample"`
	At       time.Time `json:"at"`
	Split    string    `json:"split"`
}

// judged is one line of the judgments: what one person said.
type judged struct {
	Item     string        `json:"item"`
	Post     string        `json:"post"`
	By       string        `json:"by"`
	At       time.Time     `json:"at"`
	Values   []string      `json:"values"`
	Boxes    []models.Spot `json:"boxes,omitempty"`
	Skip     string        `json:"skip,omitempty"`
	Final    bool          `json:"final,omitempty"` // an analyst's decision
	Check    bool          `json:"check,omitempty"` // to a settled gold item: it changed no label
	Taxonomy string        `json:"taxonomy"`
}

// ExportLabels writes the photos whose label is sure to be of what they show: of
// posts with one image and one value. Each photo goes to train or to validation
// by a hash of its author, so that nobody is in both. The manifest has one line for
// each photo, judgments.ndjson one for each person's answer about it. Pictures on
// which people drew boxes are in boxes-train.json and boxes-validation.json.
func (a *App) ExportLabels(ctx context.Context, req LabelExport) (LabelReport, error) {
	rep := LabelReport{Attribute: req.Attribute, Splits: map[string]map[string]int{trainSplit: {}, validationSplit: {}}, LeftOut: map[string]int{}}
	if entries, err := os.ReadDir(req.Out); err == nil && len(entries) > 0 {
		return rep, fmt.Errorf("%w: %s is not empty: give a folder of its own, since what was forgotten meanwhile would stay in it", ErrExport, req.Out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return rep, fmt.Errorf("%w: %w", ErrExport, err)
	}
	if err := os.MkdirAll(req.Out, 0o750); err != nil {
		return rep, fmt.Errorf("%w: %w", ErrExport, err)
	}
	manifest, err := newManifest(req.Out)
	if err != nil {
		return rep, fmt.Errorf("%w: %w", ErrExport, err)
	}
	n, seen := 0, map[string]bool{}
	err = a.eachPost(ctx, func(posts []models.Post) error {
		n += len(posts)
		if req.Progress != nil {
			req.Progress(n)
		}
		for i := range posts {
			if err := a.exportLabel(ctx, req, &posts[i], seen, manifest, &rep); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, manifest.writeBoxes(), manifest.close()); err != nil {
		return rep, fmt.Errorf("%w: %w", ErrExport, err)
	}
	if rep.Photos == 0 && rep.BoxPhotos == 0 {
		return rep, fmt.Errorf("%w: no photo has a label of %q", ErrExport, req.Attribute)
	}
	return rep, nil
}

// exportLabel writes one post's photo, or counts why not.
func (a *App) exportLabel(ctx context.Context, req LabelExport, p *models.Post, seen map[string]bool, m *manifest, rep *LabelReport) error {
	label, ok := newestLabel(p, req.Attribute)
	if !ok {
		return nil
	}
	if p.Flagged(models.NoIndex) || p.Hidden != "" {
		rep.LeftOut["its author doesn't want to be found, or it is hidden"]++
		return nil
	}
	drawn, err := a.exportBoxes(ctx, p, label, req, m, rep)
	if err != nil {
		return err
	}
	whole, err := a.exportPhoto(ctx, req, p, label, seen, m, rep)
	if err != nil || !drawn && !whole {
		return err
	}
	return a.exportJudgments(ctx, req.Attribute, label.Item, m)
}

// exportPhoto writes a photo that has one value as a whole, or counts why not.
func (a *App) exportPhoto(ctx context.Context, req LabelExport, p *models.Post, label models.Label, seen map[string]bool, m *manifest, rep *LabelReport) (bool, error) {
	images := p.Images()
	why := ""
	switch {
	case len(label.Values) == 0:
		why = "people saw none"
	case len(label.Values) > 1:
		why = "several values"
	case len(images) != 1 || len(p.Media) != 1:
		why = "not one image"
	case seen[images[0].SHA256]:
		why = "the same photo again"
	}
	if why != "" {
		rep.LeftOut[why]++
		return false, nil
	}
	data, err := a.Blobs.Get(ctx, images[0].Rendition)
	if errors.Is(err, models.ErrNotFound) {
		rep.LeftOut["its image is gone"]++
		return false, nil
	}
	if err != nil {
		return false, err
	}
	seen[images[0].SHA256] = true
	line := labelled{
		Post: p.ID, SHA256: images[0].SHA256, Value: label.Values[0], Labelers: len(label.By), Taxonomy: label.Taxonomy, Sample: label.Sample, At: label.At.UTC(),
		Split: splitOf(p, req.Validation),
	}
	line.Image = path.Join(line.Split, folderOf(line.Value), line.SHA256+".jpg")
	if err := m.add(line, data); err != nil {
		return false, err
	}
	rep.Photos++
	rep.Splits[line.Split][line.Value]++
	return true, nil
}

// exportJudgments writes who said what of the attribute, if the item is still
// there: labels may come from elsewhere.
func (a *App) exportJudgments(ctx context.Context, attribute, item string, m *manifest) error {
	it, err := a.Documents.Item(ctx, item)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, said := range it.Answers {
		values, asked := said.Values[attribute]
		if !asked && said.Skip == "" {
			continue
		}
		if err := m.judge(judged{
			Item: it.ID, Post: it.Post, By: said.By, At: said.At.UTC(), Values: append([]string{}, values...), Boxes: said.Boxes[attribute], Skip: said.Skip,
			Final: said.Final, Check: said.Check, Taxonomy: it.Taxonomy,
		}); err != nil {
			return err
		}
	}
	return nil
}

// newestLabel is what people said last: an older label may be of another taxonomy.
func newestLabel(p *models.Post, attribute string) (label models.Label, ok bool) {
	for _, l := range p.Labels {
		if l.Attribute == attribute && (!ok || l.At.After(label.At)) {
			label, ok = l, true
		}
	}
	return label, ok
}

// splitOf puts all posts of an author on one side. A post that doesn't tell its
// author is by itself.
func splitOf(p *models.Post, validation float64) string {
	author := p.Author.ID
	if author == "" {
		author = p.Author.Handle
	}
	if author == "" {
		author = p.ID
	}
	sum := sha256.Sum256([]byte("split\x00" + p.Source + "\x00" + author))
	if float64(binary.BigEndian.Uint64(sum[:]))/math.MaxUint64 < validation {
		return validationSplit
	}
	return trainSplit
}

// longestName of a folder is what file systems take, with some to spare: people's
// own words may be longer.
const longestName = 200

// folderOf names a value's folder; most values are their own names.
func folderOf(value string) string {
	name := url.PathEscape(value)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	if len(name) > longestName {
		name = fmt.Sprintf("%s-%x", name[:longestName-17], sha256.Sum256([]byte(value)))[:longestName]
	}
	return name
}

// manifest is what an export writes beside its photos.
type manifest struct {
	dir   string
	files []*os.File
	lines *bufio.Writer
	said  *bufio.Writer
	csv   *csv.Writer // of the photos to train on, as analysis/train takes them

	drawn  map[string]bool  // pictures whose boxes are in coco, by SHA-256
	coco   map[string]*coco // by split
	values []string         // of boxes, in the order of their numbers
}

func newManifest(dir string) (*manifest, error) {
	m := &manifest{dir: dir, drawn: map[string]bool{}, coco: map[string]*coco{
		trainSplit: {Images: []cocoImage{}, Annotations: []cocoAnnotation{}}, validationSplit: {Images: []cocoImage{}, Annotations: []cocoAnnotation{}},
	}}
	for _, name := range []string{"manifest.ndjson", "labels.csv", "judgments.ndjson"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, errors.Join(err, m.closeFiles())
		}
		m.files = append(m.files, f)
	}
	m.lines, m.csv, m.said = bufio.NewWriter(m.files[0]), csv.NewWriter(m.files[1]), bufio.NewWriter(m.files[2])
	return m, m.csv.Write([]string{"class", "path"})
}

func (m *manifest) add(l labelled, photo []byte) error {
	if err := m.write(l.Image, photo); err != nil {
		return err
	}
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := m.lines.Write(append(line, '\n')); err != nil {
		return err
	}
	if l.Split != trainSplit {
		return nil
	}
	return m.csv.Write([]string{l.Value, l.Image})
}

// write writes a picture to a path below the folder.
func (m *manifest) write(file string, photo []byte) error {
	to := filepath.Join(m.dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to, photo, 0o600)
}

func (m *manifest) judge(j judged) error {
	line, err := json.Marshal(j)
	if err != nil {
		return err
	}
	_, err = m.said.Write(append(line, '\n'))
	return err
}

func (m *manifest) close() error {
	m.csv.Flush()
	return errors.Join(m.lines.Flush(), m.said.Flush(), m.csv.Error(), m.closeFiles())
}

func (m *manifest) closeFiles() error {
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
