package exports

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/storage/parquet"
)

// record is a post in a line of NDJSON.
type record struct {
	ID         string             `json:"id"`
	Source     string             `json:"source"`
	URL        string             `json:"url,omitempty"`
	CreatedAt  time.Time          `json:"created_at"`
	Text       string             `json:"text"`
	Language   string             `json:"language,omitempty"`
	Hashtags   []string           `json:"hashtags,omitempty"`
	Author     models.Author      `json:"author"`
	Counts     models.Counts      `json:"counts"`
	Profiles   []string           `json:"profiles"`
	Unchecked  []string           `json:"unchecked,omitempty"`
	Attributes []models.Attribute `json:"attributes,omitempty"`
	Flags      []models.Flag      `json:"flags,omitempty"`
}

// encode writes posts in a format and returns how many.
func encode(w io.Writer, format string, posts iter.Seq[*models.SearchDoc]) (int64, error) {
	out := bufio.NewWriterSize(w, 256<<10)
	var rows int64
	var err error
	switch format {
	case "ndjson":
		rows, err = encodeNDJSON(out, posts)
	case "csv":
		rows, err = encodeCSV(out, posts)
	case "parquet":
		rows, err = parquet.WriteDocs(out, posts)
	default:
		err = models.Faultf(models.Permanent, "exports: format %q; allowed: %s", format, strings.Join(Formats(), ", "))
	}
	if err == nil {
		err = out.Flush()
	}
	return rows, err
}

func encodeNDJSON(w io.Writer, posts iter.Seq[*models.SearchDoc]) (rows int64, err error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for d := range posts {
		if err := e.Encode(record{
			ID: d.ID, Source: d.Source, URL: d.URL, CreatedAt: d.CreatedAt.UTC(), Text: d.Text, Language: d.Language, Hashtags: d.Hashtags,
			Author: d.Author, Counts: d.Counts, Profiles: d.Profiles, Unchecked: d.Unchecked, Attributes: d.Attributes, Flags: d.Flags,
		}); err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

// encodeCSV writes lists with spaces between them, and attributes as
// name:value:confidence, people's word with the confidence 1. A text that a
// spreadsheet would take for a formula gets a quote before it.
func encodeCSV(out io.Writer, posts iter.Seq[*models.SearchDoc]) (rows int64, err error) {
	w := csv.NewWriter(out)
	if err := w.Write([]string{
		"id", "source", "url", "created_at", "language", "author_handle", "author_country", "likes", "comments", "shares",
		"profiles", "hashtags", "attributes", "text",
	}); err != nil {
		return 0, err
	}
	for d := range posts {
		attributes := make([]string, len(d.Attributes))
		for i, a := range d.Attributes {
			attributes[i] = fmt.Sprintf("%s:%s:%.3f", a.Name, a.Value, a.Confidence)
		}
		line := []string{
			d.ID, d.Source, d.URL, d.CreatedAt.UTC().Format(time.RFC3339Nano), d.Language, d.Author.Handle, d.Author.Location.Country,
			number(d.Counts.Likes), number(d.Counts.Comments), number(d.Counts.Shares),
			strings.Join(d.Profiles, " "), strings.Join(d.Hashtags, " "), strings.Join(attributes, " "), d.Text,
		}
		for i, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				line[i] = "'" + cell
			}
		}
		if err := w.Write(line); err != nil {
			return rows, err
		}
		rows++
	}
	w.Flush()
	return rows, w.Error()
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
