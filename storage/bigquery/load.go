package bigquery

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	bq "cloud.google.com/go/bigquery"

	"weft/models"
)

const (
	// MaxParts is how many parts one load may bring: BigQuery's limit of addresses
	// in a job.
	MaxParts = 10_000
	// maxDays is BigQuery's limit of partitions that a job may change.
	maxDays = 4_000
	// maxJobs is how often a load is begun. With a pause of up to six hours that is
	// over three weeks.
	maxJobs = 100
	// longestPause lies between two jobs of a load that keeps failing: BigQuery
	// allows a table 1,500 loads a day, and counts those that fail.
	longestPause = 6 * time.Hour
)

var loadForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// Load brings the files of parts into the table, as the load named load. What
// that load brought before is not brought again, however often and by however
// many processes Load is called: at most one of its jobs ever succeeds. Its jobs
// are named after it, and BigQuery refuses a second one of a name, for as long as
// it remembers the first (half a year). A job that failed brought nothing, so the
// next one of the load is begun by a later call, after a pause; until then the
// error stays. A permanent error says that no job of the load is going on.
func (w *Warehouse) Load(ctx context.Context, load string, parts []models.Part) error {
	if len(parts) == 0 {
		return nil
	}
	config, err := w.loadConfig(load, parts)
	if err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	return w.once(ctx, "load "+load, load, func(ctx context.Context, id string) (*bq.Job, error) {
		loader := w.table().LoaderFrom(config.Src)
		loader.LoadConfig = config
		loader.JobID, loader.Location = id, w.where
		return loader.Run(ctx)
	})
}

// once sees to it that one job called name succeeds, and no second one does: it
// begins it, waits for one that was begun before, or follows one that failed.
func (w *Warehouse) once(ctx context.Context, what, name string, begin func(ctx context.Context, id string) (*bq.Job, error)) error {
	for n := w.firstJob(name); n < maxJobs; n++ {
		id := w.jobID(name, n)
		job, err := w.submit(ctx, what, id, func(ctx context.Context) (*bq.Job, error) { return begin(ctx, id) })
		if err != nil {
			return err
		}
		status, err := w.wait(ctx, what, job)
		if err != nil {
			return err
		}
		if status.Err() == nil {
			w.note(name, 0)
			return nil
		}
		w.note(name, n)
		if again := endOf(status).Add(pauseAfter(n)); w.o.Clock().Before(again) {
			return fmt.Errorf("%w (job %s; the next is begun after %s)",
				fault(ctx, what, status.Err()), id, again.UTC().Format(time.RFC3339))
		}
	}
	return models.Faultf(models.Permanent, "bigquery: %s: its %d jobs have all failed", what, maxJobs)
}

// loadConfig says what a load brings. BigQuery reads day and source out of the
// paths, and lists of Parquet as arrays.
func (w *Warehouse) loadConfig(load string, parts []models.Part) (bq.LoadConfig, error) {
	days := map[string]bool{}
	for i := range parts {
		days[parts[i].Day] = true
	}
	switch {
	case w.root == "":
		return bq.LoadConfig{}, models.Faultf(models.Permanent, "bigquery: load %s: it isn't said where the files are", load)
	case !loadForm.MatchString(load):
		return bq.LoadConfig{}, models.Faultf(models.Permanent, "bigquery: load %q: its name may hold up to 200 letters, digits, _ and -", load)
	case len(parts) > MaxParts:
		return bq.LoadConfig{}, models.Faultf(models.Permanent, "bigquery: load %s: %d parts; at most %d are allowed in one", load, len(parts), MaxParts)
	case len(days) > maxDays:
		return bq.LoadConfig{}, models.Faultf(models.Permanent, "bigquery: load %s: parts of %d days; at most %d are allowed in one", load, len(days), maxDays)
	}
	files := bq.NewGCSReference()
	for i := range parts {
		files.URIs = append(files.URIs, w.root+parts[i].Path())
	}
	slices.Sort(files.URIs)
	files.URIs = slices.Compact(files.URIs)
	files.SourceFormat = bq.Parquet
	files.ParquetOptions = &bq.ParquetOptions{EnableListInference: true}
	files.Schema = fileSchema()
	return bq.LoadConfig{
		Src: files, Dst: w.table(), CreateDisposition: bq.CreateNever, WriteDisposition: bq.WriteAppend,
		HivePartitioningOptions: &bq.HivePartitioningOptions{
			Mode: bq.CustomHivePartitioningMode, SourceURIPrefix: w.root + "{dt:DATE}/{source:STRING}",
		},
	}, nil
}

// jobID names the n-th job of a name. The dataset is in it because a project has
// one space of names for all its datasets.
func (w *Warehouse) jobID(load string, n int) string {
	id := w.dataset + "_" + load
	if n > 0 {
		id += fmt.Sprintf("_again%d", n)
	}
	return id
}

// pauseAfter is how long after the n-th job failed the next is begun.
func pauseAfter(n int) time.Duration {
	if n > 8 {
		return longestPause
	}
	return min(time.Minute<<n, longestPause)
}

func endOf(status *bq.JobStatus) time.Time {
	if status.Statistics == nil {
		return time.Time{}
	}
	return status.Statistics.EndTime
}

// firstJob is the last job of a load that this process saw fail, and note notes it.
// It saves asking for all that went before each time; 0 forgets the load.
func (w *Warehouse) firstJob(load string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed[load]
}

func (w *Warehouse) note(load string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		delete(w.failed, load)
		return
	}
	w.failed[load] = n
}
