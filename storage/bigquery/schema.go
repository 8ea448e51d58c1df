package bigquery

import (
	"fmt"
	"strings"

	bq "cloud.google.com/go/bigquery"

	"weft/models"
)

const (
	tableName = "history"
	viewName  = "posts"
	dayField  = "dt"
)

// fileSchema is what the part files hold, in their order; dt and source come from
// their paths. It goes with every load, because the files say REQUIRED where the
// table can't: a column that is added later is NULL in the rows before it.
func fileSchema() bq.Schema {
	return bq.Schema{
		column("post", bq.StringFieldType, "<source>.<native id>"),
		column("profile", bq.StringFieldType, "the use case that published it"),
		column("generation", bq.IntegerFieldType, "the newest of a post and profile counts, then rev"),
		column("rev", bq.IntegerFieldType, ""),
		column("created_at", bq.TimestampFieldType, "when the post was written"),
		column("archived_at", bq.TimestampFieldType, ""),
		column("native_id", bq.StringFieldType, ""),
		column("url", bq.StringFieldType, ""),
		column("author_id", bq.StringFieldType, ""),
		column("author_handle", bq.StringFieldType, ""),
		column("author_country", bq.StringFieldType, ""),
		column("author_region", bq.StringFieldType, ""),
		column("author_city", bq.StringFieldType, ""),
		column("language", bq.StringFieldType, ""),
		column("text", bq.StringFieldType, ""),
		repeated("hashtags", bq.StringFieldType, nil),
		column("likes", bq.IntegerFieldType, "NULL is hidden or unknown"),
		column("comments", bq.IntegerFieldType, "NULL is hidden or unknown"),
		column("shares", bq.IntegerFieldType, "NULL is hidden or unknown"),
		column("unchecked", bq.BooleanFieldType, "nobody looked at it in time"),
		column("profile_version", bq.StringFieldType, ""),
		repeated("attributes", bq.RecordFieldType, attributeSchema()),
		repeated("images", bq.RecordFieldType, imageSchema()),
		repeated("labels", bq.RecordFieldType, labelSchema()),
		column("body", bq.StringFieldType, "all of it, as JSON"),
		column("part", bq.StringFieldType, "the file it is of"),
		column("checksum", bq.IntegerFieldType, "of key and body, when the file was written"),
	}
}

func attributeSchema() bq.Schema {
	return bq.Schema{
		column("name", bq.StringFieldType, ""), column("value", bq.StringFieldType, ""),
		column("confidence", bq.FloatFieldType, ""), column("evidence", bq.StringFieldType, ""),
		column("model", bq.StringFieldType, ""), column("version", bq.StringFieldType, ""),
		column("image", bq.StringFieldType, ""), column("share", bq.FloatFieldType, ""),
	}
}

func imageSchema() bq.Schema {
	return bq.Schema{
		column("sha256", bq.StringFieldType, ""), column("phash", bq.StringFieldType, ""), column("rendition", bq.StringFieldType, ""),
		column("width", bq.IntegerFieldType, ""), column("height", bq.IntegerFieldType, ""),
	}
}

func labelSchema() bq.Schema {
	return bq.Schema{
		column("attribute", bq.StringFieldType, ""), column("taxonomy", bq.StringFieldType, ""),
		repeated("values", bq.StringFieldType, nil), repeated("by", bq.StringFieldType, nil),
		column("at", bq.TimestampFieldType, ""), column("item", bq.StringFieldType, ""), column("sample", bq.BooleanFieldType, ""),
	}
}

// tableSchema is the table's: the file's columns, then those of the path.
func tableSchema() bq.Schema {
	return append(fileSchema(),
		column(dayField, bq.DateFieldType, "the UTC day of created_at; every query must bound it"),
		column("source", bq.StringFieldType, "the network"),
	)
}

func column(name string, kind bq.FieldType, description string) *bq.FieldSchema {
	return &bq.FieldSchema{Name: name, Type: kind, Description: description}
}

func repeated(name string, kind bq.FieldType, of bq.Schema) *bq.FieldSchema {
	return &bq.FieldSchema{Name: name, Type: kind, Repeated: true, Schema: of}
}

// evolve returns have with the columns of want that it lacks at its end, and
// their names. What have has besides stays: a newer program made it. A column of
// another type is an error, since nothing short of a new table changes it.
func evolve(have, want bq.Schema, under string) (merged bq.Schema, added []string, err error) {
	byName := map[string]*bq.FieldSchema{}
	for _, field := range have {
		copied := *field
		merged = append(merged, &copied)
		byName[strings.ToLower(field.Name)] = &copied
	}
	for _, field := range want {
		old := byName[strings.ToLower(field.Name)]
		switch {
		case old == nil:
			merged = append(merged, field)
			added = append(added, under+field.Name)
		case old.Type != field.Type || old.Repeated != field.Repeated:
			return nil, nil, models.Faultf(models.Permanent, "bigquery: column %s%s is %s, not %s: load the parts into a new dataset",
				under, field.Name, kindOf(old), kindOf(field))
		default:
			inner, more, err := evolve(old.Schema, field.Schema, under+field.Name+".")
			if err != nil {
				return nil, nil, err
			}
			old.Schema = inner
			added = append(added, more...)
		}
	}
	return merged, added, nil
}

func kindOf(field *bq.FieldSchema) string {
	if field.Repeated {
		return fmt.Sprintf("REPEATED %s", field.Type)
	}
	return string(field.Type)
}
