package parquet

import (
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/parquet-go/parquet-go"

	"weft/models"
)

// docGroup is how many posts are compressed together, and so in memory, while an
// export is written.
const docGroup = 8192

// doc is one line of an export: the columns of the history that say something of
// a post as such, under the same names.
type doc struct {
	Post          string      `parquet:"post"`
	Source        string      `parquet:"source,dict"`
	URL           string      `parquet:"url"`
	CreatedAt     time.Time   `parquet:"created_at,timestamp(millisecond)"`
	Language      string      `parquet:"language,dict"`
	Text          string      `parquet:"text"`
	Hashtags      []string    `parquet:"hashtags,list"`
	AuthorID      string      `parquet:"author_id"`
	AuthorHandle  string      `parquet:"author_handle"`
	AuthorCountry string      `parquet:"author_country,dict"`
	AuthorRegion  string      `parquet:"author_region,dict"`
	AuthorCity    string      `parquet:"author_city,dict"`
	Likes         *int64      `parquet:"likes,optional"`
	Comments      *int64      `parquet:"comments,optional"`
	Shares        *int64      `parquet:"shares,optional"`
	Profiles      []string    `parquet:"profiles,list"`
	Unchecked     []string    `parquet:"unchecked,list"`
	Attributes    []attribute `parquet:"attributes,list"`
}

// WriteDocs writes posts as one Parquet file, as they come, and returns how many.
func WriteDocs(w io.Writer, docs iter.Seq[*models.SearchDoc]) (rows int64, err error) {
	out := parquet.NewGenericWriter[doc](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(docGroup), parquet.CreatedBy("weft", "1", ""))
	line := make([]doc, 1)
	for d := range docs {
		at := d.Author.Location
		line[0] = doc{
			Post: d.ID, Source: d.Source, URL: d.URL, CreatedAt: d.CreatedAt.UTC(), Language: d.Language, Text: d.Text, Hashtags: d.Hashtags,
			AuthorID: d.Author.ID, AuthorHandle: d.Author.Handle, AuthorCountry: at.Country, AuthorRegion: at.Region, AuthorCity: at.City,
			Likes: d.Counts.Likes, Comments: d.Counts.Comments, Shares: d.Counts.Shares,
			Profiles: d.Profiles, Unchecked: d.Unchecked, Attributes: attributes(d.Attributes),
		}
		if _, err := out.Write(line); err != nil {
			return rows, fmt.Errorf("parquet: write posts: %w", err)
		}
		rows++
	}
	if err := out.Close(); err != nil {
		return rows, fmt.Errorf("parquet: write posts: %w", err)
	}
	return rows, nil
}
