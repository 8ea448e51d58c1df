package parquet

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"weft/models"
)

// record is one line of a part file: the schema of the history. Columns are
// only ever added, as the last ones, and never changed, so that old files stay
// readable beside new ones. (Once body was annotated as JSON, which BigQuery
// doesn't load; its bytes are the same.) Day and source are in the path, as
// Hive's layout has it: pandas and BigQuery refuse a partition column that is in
// the file too. Everything but the first six columns, Part and Body is derived.
type record struct {
	Post       string    `parquet:"post"`
	Profile    string    `parquet:"profile,dict"`
	Generation int32     `parquet:"generation"`
	Rev        int64     `parquet:"rev"`
	CreatedAt  time.Time `parquet:"created_at,timestamp(millisecond)"`
	ArchivedAt time.Time `parquet:"archived_at,timestamp(millisecond)"`

	NativeID       string      `parquet:"native_id"`
	URL            string      `parquet:"url"`
	AuthorID       string      `parquet:"author_id"`
	AuthorHandle   string      `parquet:"author_handle"`
	AuthorCountry  string      `parquet:"author_country,dict"`
	AuthorRegion   string      `parquet:"author_region,dict"`
	AuthorCity     string      `parquet:"author_city,dict"`
	Language       string      `parquet:"language,dict"`
	Text           string      `parquet:"text"`
	Hashtags       []string    `parquet:"hashtags,list"`
	Likes          *int64      `parquet:"likes,optional"` // null is hidden or unknown, which is not zero
	Comments       *int64      `parquet:"comments,optional"`
	Shares         *int64      `parquet:"shares,optional"`
	Unchecked      bool        `parquet:"unchecked"`
	ProfileVersion string      `parquet:"profile_version,dict"`
	Attributes     []attribute `parquet:"attributes,list"`
	Images         []image     `parquet:"images,list"`
	Labels         []label     `parquet:"labels,list"`

	Body     string `parquet:"body"`
	Part     string `parquet:"part,dict"` // where the row is from, for who has it without its file
	Checksum int64  `parquet:"checksum"`  // the bits of models.Row.Checksum, since not all readers know unsigned numbers
}

type attribute struct {
	Name       string  `parquet:"name,dict"`
	Value      string  `parquet:"value,dict"`
	Confidence float64 `parquet:"confidence"`
	Evidence   string  `parquet:"evidence,dict"`
	Model      string  `parquet:"model,dict"`
	Version    string  `parquet:"version,dict"`
	Image      string  `parquet:"image"`
	Share      float64 `parquet:"share"`
}

type image struct {
	SHA256    string `parquet:"sha256"`
	PHash     string `parquet:"phash"`
	Rendition string `parquet:"rendition"`
	Width     int32  `parquet:"width"`
	Height    int32  `parquet:"height"`
}

type label struct {
	Attribute string    `parquet:"attribute,dict"`
	Taxonomy  string    `parquet:"taxonomy,dict"`
	Values    []string  `parquet:"values,list"`
	By        []string  `parquet:"by,list"`
	At        time.Time `parquet:"at,timestamp(millisecond)"`
	Item      string    `parquet:"item"`
	Sample    bool      `parquet:"sample"`
}

// stored is the part of record that a row is made of again. Reading it leaves
// the other columns untouched on the disk.
type stored struct {
	Post       string    `parquet:"post"`
	Profile    string    `parquet:"profile,dict"`
	Generation int32     `parquet:"generation"`
	Rev        int64     `parquet:"rev"`
	CreatedAt  time.Time `parquet:"created_at,timestamp(millisecond)"`
	ArchivedAt time.Time `parquet:"archived_at,timestamp(millisecond)"`
	Body       []byte    `parquet:"body"`
}

// row returns the row but for its source, which is its part's.
func (s *stored) row() models.Row {
	return models.Row{
		Post: s.Post, Profile: s.Profile, Generation: int(s.Generation), Rev: s.Rev,
		CreatedAt: s.CreatedAt.UTC(), ArchivedAt: s.ArchivedAt.UTC(), Body: json.RawMessage(s.Body),
	}
}

// derived is the part of models.Frozen that columns are made of. Reading a body
// is most of what writing a row costs; a timeline is a third of it.
type derived struct {
	Post models.Post `json:"post"`
	Run  struct {
		Version    string             `json:"version"`
		Unchecked  bool               `json:"unchecked"`
		Attributes []models.Attribute `json:"attributes"`
	} `json:"run"`
}

// columns derives the columns of a row of the part id. Its attributes are what a reader saw:
// people's labels in the place of what models said of the same attribute. What
// the models said is in the body.
func columns(part string, r *models.Row) (record, error) {
	var f derived
	if err := json.Unmarshal(r.Body, &f); err != nil {
		return record{}, models.Faultf(models.Permanent, "parquet: row %s: body is not a frozen post: %w", r.Key(), err)
	}
	p := &f.Post
	if p.ID != r.Post {
		return record{}, models.Faultf(models.Permanent, "parquet: row %s: body is of post %q", r.Key(), p.ID)
	}
	if int(int32(r.Generation)) != r.Generation {
		return record{}, models.Faultf(models.Permanent, "parquet: row %s: generation is out of range", r.Key())
	}
	version, unchecked, found := f.Run.Version, f.Run.Unchecked, f.Run.Attributes
	if pub, ok := p.Published[r.Profile]; ok {
		version, unchecked, found = pub.Version, pub.Unchecked, pub.Attributes
	}
	at := p.Author.Location
	return record{
		Post: r.Post, Profile: r.Profile, Generation: int32(r.Generation), Rev: r.Rev,
		CreatedAt: r.CreatedAt.UTC(), ArchivedAt: r.ArchivedAt.UTC(), NativeID: p.NativeID, URL: p.URL,
		AuthorID: p.Author.ID, AuthorHandle: p.Author.Handle,
		AuthorCountry: at.Country, AuthorRegion: at.Region, AuthorCity: at.City,
		Language: p.Language, Text: p.Text, Hashtags: p.Hashtags,
		Likes: p.Counts.Likes, Comments: p.Counts.Comments, Shares: p.Counts.Shares,
		Unchecked: unchecked, ProfileVersion: version,
		Attributes: attributes(models.Effective(found, p.Labels)), Images: images(p.Images()), Labels: labels(p.Labels),
		Body: string(r.Body), Part: part, Checksum: int64(r.Checksum()),
	}, nil
}

func attributes(found []models.Attribute) []attribute {
	out := make([]attribute, 0, len(found))
	for _, a := range found {
		out = append(out, attribute{
			Name: a.Name, Value: a.Value, Confidence: a.Confidence, Evidence: string(a.Evidence),
			Model: a.Model, Version: a.Version, Image: a.Image, Share: a.Share,
		})
	}
	return out
}

func images(media []models.Media) []image {
	out := make([]image, 0, len(media))
	for _, m := range media {
		out = append(out, image{
			SHA256: m.SHA256, PHash: m.PHash, Rendition: m.Rendition, Width: int32(m.Width), Height: int32(m.Height),
		})
	}
	return out
}

func labels(given []models.Label) []label {
	out := make([]label, 0, len(given))
	for _, l := range given {
		out = append(out, label{
			Attribute: l.Attribute, Taxonomy: l.Taxonomy, Values: l.Values, By: l.By, At: l.At.UTC(), Item: l.Item, Sample: l.Sample,
		})
	}
	return out
}

// order sorts rows as they lie in a file: by creation, then by key.
func order(rows []models.Row) {
	slices.SortFunc(rows, func(a, b models.Row) int {
		return cmp.Or(cmp.Compare(a.CreatedAt.UnixMilli(), b.CreatedAt.UnixMilli()), cmp.Compare(a.Key(), b.Key()))
	})
}
