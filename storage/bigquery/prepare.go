package bigquery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	bq "cloud.google.com/go/bigquery"

	"weft/models"
)

const (
	// viewLabel holds the version of the view's definition: an older program leaves
	// a newer one's view alone.
	viewLabel   = "weft_view"
	viewVersion = 1
	// tries is how often a change is tried that other processes want to make, too.
	tries = 5
)

// prepare makes dataset, table and view, and adds the columns that the table
// lacks. Once it succeeded it costs nothing.
func (w *Warehouse) prepare(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.prepared || w.o.ReadOnly {
		return nil
	}
	for _, step := range []func(context.Context) error{w.makeDataset, w.makeTable, w.makeView} {
		var err error
		for range tries {
			if err = step(ctx); !errors.Is(err, models.ErrConflict) {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	w.prepared = true
	return nil
}

func (w *Warehouse) makeDataset(ctx context.Context) error {
	dataset := w.client.Dataset(w.dataset)
	what := "dataset " + w.dataset
	var found *bq.DatasetMetadata
	err := w.call(ctx, what, func(ctx context.Context) (err error) {
		found, err = dataset.Metadata(ctx)
		return err
	})
	switch {
	case errors.Is(err, models.ErrNotFound):
		return w.call(ctx, "create "+what, func(ctx context.Context) error {
			return dataset.Create(ctx, &bq.DatasetMetadata{Location: w.where, Description: "Weft's history"})
		})
	case err != nil:
		return err
	case w.where != "" && !strings.EqualFold(found.Location, w.where):
		return models.Faultf(models.Permanent, "bigquery: dataset %s is in %s, and location=%s was asked for: a dataset can't be moved", w.dataset, found.Location, w.where)
	}
	w.where = found.Location // jobs are looked up by it, and wherever the dataset is they are too
	w.client.Location = w.where
	return nil
}

func (w *Warehouse) table() *bq.Table { return w.client.Dataset(w.dataset).Table(tableName) }

func (w *Warehouse) makeTable(ctx context.Context) error {
	what := "table " + w.dataset + "." + tableName
	var found *bq.TableMetadata
	err := w.call(ctx, what, func(ctx context.Context) (err error) {
		found, err = w.table().Metadata(ctx)
		return err
	})
	if errors.Is(err, models.ErrNotFound) {
		return w.call(ctx, "create "+what, func(ctx context.Context) error {
			return w.table().Create(ctx, &bq.TableMetadata{
				Description: "Every row of Weft's history. It may hold a post more than once: the view " + viewName + " has the newest.",
				Schema:      tableSchema(),
				// A part is of one day and source, so that counting and removing its rows
				// touches little beside them.
				TimePartitioning:       &bq.TimePartitioning{Type: bq.DayPartitioningType, Field: dayField},
				Clustering:             &bq.Clustering{Fields: []string{"source", "profile", "part"}},
				RequirePartitionFilter: true,
			})
		})
	}
	if err != nil {
		return err
	}
	if p := found.TimePartitioning; p == nil || p.Field != dayField || p.Type != bq.DayPartitioningType {
		return models.Faultf(models.Permanent, "bigquery: %s is not partitioned by the day in %s: it isn't Weft's", what, dayField)
	}
	merged, added, err := evolve(found.Schema, tableSchema(), "")
	if err != nil || len(added) == 0 {
		return err
	}
	return w.call(ctx, fmt.Sprintf("add %s to %s", strings.Join(added, ", "), what), func(ctx context.Context) error {
		_, err := w.table().Update(ctx, bq.TableMetadataToUpdate{Schema: merged}, found.ETag)
		return err
	})
}

// viewSQL picks of each post and profile the row that counts. A post's day never
// changes, so that dt in the window changes nothing but this: BigQuery takes a
// filter on dt into the window, and to the table, which refuses a query without one.
func (w *Warehouse) viewSQL() string {
	return "SELECT * FROM `" + w.project + "." + w.dataset + "." + tableName + "` WHERE TRUE" +
		" QUALIFY ROW_NUMBER() OVER (PARTITION BY dt, post, profile ORDER BY generation DESC, rev DESC, part DESC) = 1"
}

func (w *Warehouse) makeView(ctx context.Context) error {
	view := w.client.Dataset(w.dataset).Table(viewName)
	what := "view " + w.dataset + "." + viewName
	var found *bq.TableMetadata
	err := w.call(ctx, what, func(ctx context.Context) (err error) {
		found, err = view.Metadata(ctx)
		return err
	})
	version := strconv.Itoa(viewVersion)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return w.call(ctx, "create "+what, func(ctx context.Context) error {
			return view.Create(ctx, &bq.TableMetadata{
				ViewQuery: w.viewSQL(), Labels: map[string]string{viewLabel: version},
				Description: "The newest row of each post and profile. Bound dt in every query.",
			})
		})
	case err != nil:
		return err
	case found.Type != bq.ViewTable:
		return models.Faultf(models.Permanent, "bigquery: %s is a %s: it isn't Weft's", what, found.Type)
	}
	if have, err := strconv.Atoi(found.Labels[viewLabel]); err == nil && have >= viewVersion {
		return nil
	}
	return w.call(ctx, "change "+what, func(ctx context.Context) error {
		update := bq.TableMetadataToUpdate{ViewQuery: w.viewSQL()}
		update.SetLabel(viewLabel, version)
		_, err := view.Update(ctx, update, found.ETag)
		return err
	})
}
