// Package bigquery keeps the history's rows in a BigQuery table, for those who
// query it; the Parquet files in the bucket stay the truth.
//
// The table history has every row that was loaded, with the part it is of, and is
// partitioned by dt, the UTC day a post was created, and clustered by source,
// profile and part. dt and source are not in the files: BigQuery takes them from
// the paths, as DuckDB does, so that both answer to the same names. The view
// posts has the newest row of each post and profile. Every query must say from
// when on it looks, since what a query reads is what it costs.
//
// Loads are free, append, and are all or nothing. Each has a name, and the job is
// named after it; BigQuery refuses a second job of the same name, and that is what
// makes a load that is repeated at any point bring its rows once.
package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"weft/models"
)

const (
	defaultBytesLimit = 100 << 30
	defaultTimeout    = 30 * time.Second
	defaultJobTimeout = 30 * time.Minute
	// allowed is what the URL's errors say may be written.
	allowed = "allowed: bigquery://PROJECT/DATASET[?location=EU&endpoint=URL&grpc=HOST:PORT]"
)

// Options say which table, and how much may be spent.
type Options struct {
	// URL is bigquery://PROJECT/DATASET[?location=EU&endpoint=URL&grpc=HOST:PORT].
	// An endpoint of http:// is an emulator, which is spoken to without credentials.
	URL string
	// Files is where the parts lie, as gs://BUCKET[/PREFIX]: BigQuery loads from
	// nowhere else. Only Load needs it.
	Files string
	// BytesLimit is what one query may read, and so cost; 0: 100 GiB. Beyond it a
	// query is refused, by us after the dry run and by BigQuery itself.
	BytesLimit int64
	// ReadOnly makes Open leave dataset, table and view as they are, so that whoever
	// only asks needs no right to change anything.
	ReadOnly bool
	// StorageRead fetches large answers by the Storage Read API: several times
	// faster, at a price of its own per byte, and with a right of its own.
	StorageRead bool
	Timeout     time.Duration    // of each call; 0: 30 s
	JobTimeout  time.Duration    // how long a job is waited for; 0: 30 min. It goes on without us
	Clock       func() time.Time // nil: time.Now
}

// Warehouse is one table. Safe for concurrent use, and several processes may
// share a table.
type Warehouse struct {
	client  *bq.Client
	project string
	dataset string
	root    string // of the files, ends in a slash; empty: there are none to load
	where   string // the location asked for
	o       Options
	closed  atomic.Bool

	mu       sync.Mutex
	prepared bool
	failed   map[string]int // by load: how many of its jobs are known to have failed
}

// Open opens the table that o.URL names, and makes it if it is not there. If
// BigQuery can't be reached, that is left to the first use.
func Open(ctx context.Context, o Options) (*Warehouse, error) {
	o = o.withDefaults()
	w := &Warehouse{o: o, failed: map[string]int{}}
	query, err := w.parse()
	if err != nil {
		return nil, err
	}
	var rest, rpc []option.ClientOption
	if endpoint := query.Get("endpoint"); endpoint != "" {
		rest = append(rest, option.WithEndpoint(endpoint))
		if strings.HasPrefix(endpoint, "http://") {
			rest = append(rest, option.WithoutAuthentication())
			rpc = append(rpc, option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
		}
	}
	if address := query.Get("grpc"); address != "" {
		rpc = append(rpc, option.WithEndpoint(address))
	}
	// The client keeps its context, for the sake of new tokens.
	if w.client, err = bq.NewClient(context.WithoutCancel(ctx), w.project, rest...); err != nil {
		return nil, models.Faultf(models.Permanent, "bigquery: open %s.%s: %w", w.project, w.dataset, err)
	}
	w.client.Location = w.where
	if o.StorageRead {
		if err := w.client.EnableStorageReadClient(context.WithoutCancel(ctx), rpc...); err != nil {
			return nil, models.Faultf(models.Permanent, "bigquery: storage read API: %w", err)
		}
	}
	if err := w.prepare(ctx); err != nil && models.ClassOf(err) != models.Unavailable {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (o Options) withDefaults() Options {
	if o.BytesLimit <= 0 {
		o.BytesLimit = defaultBytesLimit
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.JobTimeout <= 0 {
		o.JobTimeout = defaultJobTimeout
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}

var (
	projectForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	datasetForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,200}$`)
	bucketForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}$`)
)

// parse reads both URLs of the options.
func (w *Warehouse) parse() (url.Values, error) {
	u, err := url.Parse(w.o.URL)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "bigquery: the URL can't be read; %s", allowed)
	}
	w.project, w.dataset = u.Host, strings.Trim(u.Path, "/")
	query := u.Query()
	switch {
	case u.Scheme != "bigquery":
		return nil, models.Faultf(models.Permanent, "bigquery: scheme %q; %s", u.Scheme, allowed)
	case u.User != nil:
		return nil, models.Faultf(models.Permanent, "bigquery: the URL must hold no user or password: credentials come from the environment; %s", allowed)
	case !projectForm.MatchString(w.project):
		return nil, models.Faultf(models.Permanent, "bigquery: project %q; %s", w.project, allowed)
	case !datasetForm.MatchString(w.dataset):
		return nil, models.Faultf(models.Permanent, "bigquery: dataset %q: letters, digits and _ are allowed; %s", w.dataset, allowed)
	}
	for name := range query {
		if !slices.Contains([]string{"location", "endpoint", "grpc"}, name) {
			return nil, models.Faultf(models.Permanent, "bigquery: unknown option %q; %s", name, allowed)
		}
	}
	w.where = query.Get("location")
	if endpoint := query.Get("endpoint"); endpoint != "" && !strings.HasPrefix(endpoint, "http://") && !strings.HasPrefix(endpoint, "https://") {
		return nil, models.Faultf(models.Permanent, "bigquery: endpoint %q: http:// or https:// is allowed", endpoint)
	}
	if w.o.Files == "" {
		return query, nil
	}
	files, err := url.Parse(w.o.Files)
	if err != nil || files.Scheme != "gs" || !bucketForm.MatchString(files.Host) || strings.ContainsAny(files.Path, "*{}") {
		return nil, models.Faultf(models.Permanent, "bigquery: the history's files must be at gs://BUCKET[/PREFIX] without any of * { }: BigQuery loads from nowhere else")
	}
	w.root = "gs://" + strings.TrimSuffix(files.Host+files.Path, "/") + "/"
	return query, nil
}

// Close frees the connections. Jobs that were begun go on.
func (w *Warehouse) Close() error {
	if w.closed.Swap(true) {
		return nil
	}
	if err := w.client.Close(); err != nil {
		return models.Faultf(models.Unavailable, "bigquery: close: %w", err)
	}
	return nil
}

// call does one thing with BigQuery under a time limit of its own. what says
// which, for the error.
func (w *Warehouse) call(ctx context.Context, what string, do func(context.Context) error) error {
	if w.closed.Load() {
		return models.Faultf(models.Unavailable, "bigquery: %s: the warehouse is closed", what)
	}
	limited, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	if err := do(limited); err != nil {
		return fault(ctx, what, err)
	}
	return nil
}

// wait waits until a job is done, however it ended. It asks seldom once a job
// takes long: a load of a minute is asked for some twenty times.
func (w *Warehouse) wait(ctx context.Context, what string, job *bq.Job) (*bq.JobStatus, error) {
	waiting, cancel := context.WithTimeout(ctx, w.o.JobTimeout)
	defer cancel()
	pause := 50 * time.Millisecond
	for status := job.LastStatus(); ; {
		if status != nil && status.Done() {
			return status, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return nil, fmt.Errorf("bigquery: %s: %w", what, ctx.Err())
			}
			return nil, models.Faultf(models.Unavailable, "bigquery: %s: job %s is not done after %s", what, job.ID(), w.o.JobTimeout)
		}
		pause = min(pause*3/2, 5*time.Second)
		if err := w.call(waiting, what, func(ctx context.Context) (err error) {
			status, err = job.Status(ctx)
			return err
		}); err != nil {
			return nil, unknown(err)
		}
	}
}

// submit begins the job id, or finds it if it was begun before: by us, when the
// answer was lost on its way, or by another process.
func (w *Warehouse) submit(ctx context.Context, what, id string, begin func(context.Context) (*bq.Job, error)) (job *bq.Job, err error) {
	err = w.call(ctx, what, func(ctx context.Context) (err error) {
		job, err = begin(ctx)
		return err
	})
	if errors.Is(err, models.ErrConflict) {
		err = w.call(ctx, what, func(ctx context.Context) (err error) {
			job, err = w.client.JobFromIDLocation(ctx, id, w.where)
			return err
		})
		return job, unknown(err)
	}
	return job, err
}
