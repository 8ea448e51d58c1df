package bigquery

import (
	"fmt"
	"math/big"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
)

// plainRow turns a row of the driver's values into Go's, so that no caller needs
// the driver. They are the ones that DuckDB gives for the same columns.
func plainRow(values []bq.Value, schema bq.Schema) []any {
	row := make([]any, len(values))
	for i := range values {
		row[i] = plain(values[i], schema[i])
	}
	return row
}

func plain(v bq.Value, field *bq.FieldSchema) any {
	switch v := v.(type) {
	case []bq.Value:
		if field.Repeated {
			one := *field
			one.Repeated = false
			list := make([]any, len(v))
			for i := range v {
				list[i] = plain(v[i], &one)
			}
			return list
		}
		record := make(map[string]any, len(v))
		for i := range v {
			record[field.Schema[i].Name] = plain(v[i], field.Schema[i])
		}
		return record
	case nil, bool, int64, float64, string, []byte:
		return v
	case time.Time:
		return v.UTC()
	case civil.Date:
		return v.In(time.UTC)
	case civil.DateTime:
		return v.In(time.UTC)
	case *big.Rat: // NUMERIC
		if v.IsInt() && v.Num().IsInt64() {
			return v.Num().Int64()
		}
		f, _ := v.Float64()
		return f
	default: // times of day, intervals, ranges: as they are written
		return fmt.Sprint(v)
	}
}
