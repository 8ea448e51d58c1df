package bigquery

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"google.golang.org/api/iterator"

	"weft/models"
)

// Day is an argument of type DATE, as YYYY-MM-DD, which dt can be compared with.
type Day string

// Query answers one query, a SELECT over history and posts, with its column names
// and rows. It must bound dt from below, as in `WHERE dt >= ?`, or is refused: it
// would read, and be billed for, everything. Before it is run, a dry run, which is
// free, says what it would read; beyond the limit it is refused, too.
//
// Arguments stand for `?`, or for `@name` if they are sql.Named. A day is a Day.
// Values are nil, bool, int64, float64, string, []byte, time.Time, []any or
// map[string]any; a DATE is its midnight in UTC.
func (w *Warehouse) Query(ctx context.Context, query string, args ...any) (names []string, rows [][]any, err error) {
	params, err := w.checked(ctx, query, args)
	if err != nil {
		return nil, nil, err
	}
	return w.all(ctx, "query", query, params)
}

// Rows is Query for an answer that may not fit into memory. The rows can be
// ranged over once.
func (w *Warehouse) Rows(ctx context.Context, query string, args ...any) (names []string, rows iter.Seq2[[]any, error], err error) {
	params, err := w.checked(ctx, query, args)
	if err != nil {
		return nil, nil, err
	}
	return w.rows(ctx, "query", query, params)
}

// Estimate says how many bytes a query would read at most, without running it.
func (w *Warehouse) Estimate(ctx context.Context, query string, args ...any) (int64, error) {
	if err := refuse(query); err != nil {
		return 0, err
	}
	params, err := parameters(args)
	if err != nil {
		return 0, err
	}
	if err := w.prepare(ctx); err != nil {
		return 0, err
	}
	dry := w.query(query, params)
	dry.DryRun = true
	var job *bq.Job
	if err := w.call(ctx, "dry run", func(ctx context.Context) (err error) {
		job, err = dry.Run(ctx)
		return err
	}); err != nil {
		return 0, err
	}
	status := job.LastStatus()
	if status.Err() != nil {
		return 0, fault(ctx, "dry run", status.Err())
	}
	if status.Statistics == nil {
		return 0, models.Faultf(models.Unavailable, "bigquery: dry run: it answered nothing")
	}
	if about, ok := status.Statistics.Details.(*bq.QueryStatistics); ok && about.StatementType != "" && about.StatementType != "SELECT" {
		return 0, models.Faultf(models.Permanent, "bigquery: a %s statement; allowed: one SELECT", about.StatementType)
	}
	return status.Statistics.TotalBytesProcessed, nil
}

// checked refuses what may not be run.
func (w *Warehouse) checked(ctx context.Context, query string, args []any) ([]bq.QueryParameter, error) {
	size, err := w.Estimate(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	if size > w.o.BytesLimit {
		return nil, models.Faultf(models.Permanent, "bigquery: the query would read %d bytes, and %d are allowed: ask for fewer days or columns", size, w.o.BytesLimit)
	}
	return parameters(args)
}

func parameters(args []any) ([]bq.QueryParameter, error) {
	params := make([]bq.QueryParameter, len(args))
	for i, arg := range args {
		if named, ok := arg.(sql.NamedArg); ok {
			params[i].Name, arg = named.Name, named.Value
		}
		if day, ok := arg.(Day); ok {
			at, err := time.Parse(time.DateOnly, string(day))
			if err != nil {
				return nil, models.Faultf(models.Permanent, "bigquery: argument %d: day %q is not YYYY-MM-DD", i+1, day)
			}
			arg = civil.DateOf(at)
		}
		params[i].Value = arg
	}
	return params, nil
}

// all runs a query and collects its rows.
func (w *Warehouse) all(ctx context.Context, what, query string, params []bq.QueryParameter) (names []string, all [][]any, err error) {
	names, rows, err := w.rows(ctx, what, query, params)
	if err != nil {
		return nil, nil, err
	}
	for row, err := range rows {
		if err != nil {
			return nil, nil, err
		}
		all = append(all, row)
	}
	return names, all, nil
}

// rows runs a query and reads its first page, which tells the columns. Only
// queries of users are held to the limit: a tally that was refused would keep
// posts from ever being purged.
func (w *Warehouse) rows(ctx context.Context, what, query string, params []bq.QueryParameter) ([]string, iter.Seq2[[]any, error], error) {
	q := w.query(query, params)
	if what == "query" {
		q.MaxBytesBilled = w.o.BytesLimit
	}
	job, err := w.run(ctx, what, q)
	if err != nil {
		return nil, nil, err
	}
	reading, cancel := context.WithTimeout(ctx, w.o.JobTimeout)
	found, err := job.Read(reading)
	if err != nil {
		cancel()
		return nil, nil, fault(ctx, what, err)
	}
	var values []bq.Value
	first := found.Next(&values) // the schema may come with it only
	names := make([]string, len(found.Schema))
	for i, field := range found.Schema {
		names[i] = field.Name
	}
	return names, func(yield func([]any, error) bool) {
		defer cancel()
		for err := first; ; err = found.Next(&values) {
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(nil, fault(ctx, what, err))
				return
			}
			if !yield(plainRow(values, found.Schema), nil) {
				return
			}
			values = nil
		}
	}, nil
}
