package bigquery

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"

	"weft/models"
)

// chunk is how many parts are counted or removed by one statement.
const chunk = 1000

// sums computes Row.Checksum of every row anew from what the table holds, as two
// halves, since a sum of eight bytes each would overflow. The stored checksums
// would be cheaper by the price of reading the bodies once, and would not notice
// a body that was damaged on its way. @zero is a parameter because CHR(0) is an
// empty string in BigQuery.
const sums = `SELECT part, COUNT(*),
	SUM(CAST(CONCAT('0x', SUBSTR(hash, 1, 8)) AS INT64)), SUM(CAST(CONCAT('0x', SUBSTR(hash, 9, 8)) AS INT64))
FROM (SELECT part, TO_HEX(SHA256(CONCAT(post, '/', profile, '/', CAST(generation AS STRING), '/', CAST(rev AS STRING), @zero, body))) AS hash
	FROM %s WHERE %s)
GROUP BY part`

// Tally counts and sums the table's rows of parts, by part id. A part of which it
// holds nothing is missing in the answer. It reads the keys and bodies of the
// rows, and is billed for them.
func (w *Warehouse) Tally(ctx context.Context, parts []models.Part) (map[string]models.Tally, error) {
	found := make(map[string]models.Tally, len(parts))
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(parts, chunk) {
		where, params, err := of(some)
		if err != nil {
			return nil, err
		}
		params = append(params, bq.QueryParameter{Name: "zero", Value: "\x00"})
		_, rows, err := w.all(ctx, "tally", fmt.Sprintf(sums, w.quoted(), where), params)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			part, rows, high, low, err := tallied(row)
			if err != nil {
				return nil, err
			}
			found[part] = models.Tally{Rows: int(rows), Checksum: uint64(high)<<32 + uint64(low)}
		}
	}
	return found, nil
}

func tallied(row []any) (part string, rows, high, low int64, err error) {
	ok := len(row) == 4
	if ok {
		part, ok = row[0].(string)
	}
	if ok {
		rows, ok = row[1].(int64)
	}
	if !ok {
		return "", 0, 0, 0, models.Faultf(models.Permanent, "bigquery: tally: it answered %v", row)
	}
	high, _ = row[2].(int64) // NULL where no row has a body: then the sum won't agree
	low, _ = row[3].(int64)
	return part, rows, high, low, nil
}

// Remove deletes the table's rows of parts. Rows that are not there are a
// success. A part with a Load has a job of its own, named after both, which
// succeeds once as a load does: who comes late with it deletes nothing that was
// loaded since. The others are deleted many by one job, at each call.
func (w *Warehouse) Remove(ctx context.Context, parts []models.Part) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	var bare []models.Part
	for _, part := range parts {
		if part.Load == "" {
			bare = append(bare, part)
			continue
		}
		if err := w.removeOnce(ctx, part); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(bare, chunk) {
		q, err := w.deletion(some)
		if err != nil {
			return err
		}
		if _, err := w.run(ctx, "remove parts", q); err != nil {
			return err
		}
	}
	return nil
}

func (w *Warehouse) removeOnce(ctx context.Context, part models.Part) error {
	name := "remove-" + part.ID + "-" + part.Load
	if !loadForm.MatchString(name) {
		return models.Faultf(models.Permanent, "bigquery: remove part %q of load %q: letters, digits, _ and - are allowed, at most 200 of them", part.ID, part.Load)
	}
	q, err := w.deletion([]models.Part{part})
	if err != nil {
		return err
	}
	return w.once(ctx, "remove part "+part.ID, name, func(ctx context.Context, id string) (*bq.Job, error) {
		q.JobID = id
		return q.Run(ctx)
	})
}

func (w *Warehouse) deletion(parts []models.Part) (*bq.Query, error) {
	where, params, err := of(parts)
	if err != nil {
		return nil, err
	}
	return w.query("DELETE FROM "+w.quoted()+" WHERE "+where, params), nil
}

// quoted is the table's full name.
func (w *Warehouse) quoted() string {
	return "`" + w.project + "." + w.dataset + "." + tableName + "`"
}

// of is a condition that holds for the rows of parts. The days are written out,
// as dates they were checked to be: BigQuery picks partitions by constants. The
// sources, and the range that the parts' ids are in, keep it from reading other
// blocks of a day.
func of(parts []models.Part) (where string, params []bq.QueryParameter, err error) {
	var days, sources, ids []string
	for i := range parts {
		if _, err := time.Parse(time.DateOnly, parts[i].Day); err != nil {
			return "", nil, models.Faultf(models.Permanent, "bigquery: part %s: day %q is not YYYY-MM-DD", parts[i].ID, parts[i].Day)
		}
		days, sources, ids = append(days, "DATE '"+parts[i].Day+"'"), append(sources, parts[i].Source), append(ids, parts[i].ID)
	}
	for _, list := range []*[]string{&days, &sources, &ids} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return "dt IN (" + strings.Join(days, ", ") + ") AND source IN UNNEST(@sources)" +
			" AND part BETWEEN @first AND @last AND part IN UNNEST(@parts)",
		[]bq.QueryParameter{
			{Name: "sources", Value: sources}, {Name: "first", Value: ids[0]}, {Name: "last", Value: ids[len(ids)-1]}, {Name: "parts", Value: ids},
		}, nil
}

// query prepares a statement; history and posts are known in it by these names.
func (w *Warehouse) query(sql string, params []bq.QueryParameter) *bq.Query {
	q := w.client.Query(sql)
	q.Parameters = params
	q.DefaultProjectID, q.DefaultDatasetID = w.project, w.dataset
	q.Location = w.where
	return q
}

// run runs a statement as a job of its own name, and waits for it. A statement
// that failed is an error here: the shorter way through jobs.query can't tell it
// from an empty answer on every server.
func (w *Warehouse) run(ctx context.Context, what string, q *bq.Query) (*bq.Job, error) {
	q.JobID = "weft_" + rand.Text()
	job, err := w.submit(ctx, what, q.JobID, q.Run)
	if err != nil {
		return nil, err
	}
	status, err := w.wait(ctx, what, job)
	if err != nil {
		return nil, err
	}
	if status.Err() != nil {
		return nil, fault(ctx, what, status.Err())
	}
	return job, nil
}
