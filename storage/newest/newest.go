// Package newest writes the one query over the history that its engines answer
// alike: the newest row of each post, in the order of creation.
package newest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// Dialect is what engines write differently. Question marks are arguments.
type Dialect struct {
	Days     string // that dt lies between two days
	Day      func(day string) any
	Millis   string // created_at as a number
	Body     string // the body as text
	Mentions string // that the body has a text in it
}

// Query writes scan in SQL. The posts of the answer are picked by narrow columns,
// and only those have their bodies read, unless the bodies themselves are looked
// into. A row that is there twice, since its part is being replaced, comes twice,
// one after the other.
func Query(d Dialect, scan models.HistoryScan) (query string, args []any) {
	var inner, outer clause
	inner.add(d.Days, d.Day(scan.From), d.Day(scan.To))
	if !scan.Since.IsZero() {
		inner.add(d.Millis+" >= ?", scan.Since.UnixMilli())
	}
	if !scan.Until.IsZero() {
		inner.add(d.Millis+" < ?", scan.Until.UnixMilli())
	}
	inner.among("source = ?", scan.Sources)
	dir, beyond := "DESC", "<"
	if scan.Oldest {
		dir, beyond = "ASC", ">"
	}
	if a := scan.After; a.ID != "" {
		inner.add("("+d.Millis+" "+beyond+" ? OR ("+d.Millis+" = ? AND post > ?))", a.Milli, a.Milli, a.ID)
	}
	outer.among("language = ?", scan.Languages)
	outer.among("author_country = ?", scan.Countries)
	if scan.MinLikes > 0 {
		outer.add("likes >= ?", scan.MinLikes)
	}
	body := ""
	for _, words := range scan.Mentions {
		body = ", body"
		outer.among(d.Mentions, words)
	}
	limit := ""
	if scan.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", scan.Limit)
	}
	order := " ORDER BY " + d.Millis + " " + dir + ", post"
	hits := "SELECT post, profile, generation, rev FROM (SELECT post, profile, generation, rev, created_at, language, author_country, likes" + body +
		" FROM history WHERE " + inner.String() +
		" QUALIFY row_number() OVER (PARTITION BY post ORDER BY rev DESC, generation DESC, profile) = 1)" +
		" WHERE " + outer.String() + order + limit
	query = "SELECT post, profile, generation, rev, source, created_at, archived_at, " + d.Body + " FROM history JOIN (" + hits +
		") AS hits USING (post, profile, generation, rev) WHERE " + d.Days + order
	return query, slices.Concat(inner.args, outer.args, []any{d.Day(scan.From), d.Day(scan.To)})
}

// Rows reads what the query is answered, each post once.
func Rows(answer [][]any) ([]models.Row, error) {
	out := make([]models.Row, 0, len(answer))
	for _, values := range answer {
		row, ok := rowOf(values)
		if !ok {
			return nil, models.Faultf(models.Permanent, "a row of the history is not as it should be: %.200v", values)
		}
		if n := len(out); n == 0 || out[n-1].Post != row.Post {
			out = append(out, row)
		}
	}
	return out, nil
}

func rowOf(values []any) (r models.Row, ok bool) {
	var generation int64
	var body string
	into := []any{&r.Post, &r.Profile, &generation, &r.Rev, &r.Source, &r.CreatedAt, &r.ArchivedAt, &body}
	if len(values) != len(into) {
		return r, false
	}
	for i := range into {
		switch to := into[i].(type) {
		case *string:
			*to, ok = values[i].(string)
		case *int64:
			*to, ok = values[i].(int64)
		case *time.Time:
			*to, ok = values[i].(time.Time)
		}
		if !ok {
			return r, false
		}
	}
	r.Generation, r.Body = int(generation), json.RawMessage(body)
	return r, true
}

// clause is a condition with its arguments.
type clause struct {
	all  []string
	args []any
}

func (c *clause) add(cond string, args ...any) {
	c.all, c.args = append(c.all, cond), append(c.args, args...)
}

// among wants cond of one of values, if there are any.
func (c *clause) among(cond string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	c.add("("+strings.Join(slices.Repeat([]string{cond}, len(values)), " OR ")+")", args...)
}

func (c *clause) String() string {
	if len(c.all) == 0 {
		return "TRUE"
	}
	return strings.Join(c.all, " AND ")
}
