package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/drift"
	"weft/models"
)

// locked is a buffer that a logger may write while a test reads.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// publish stores posts of a week whose one attribute has a value, or another.
func (r *rig) publish(week drift.Window, name string, n, others int) {
	r.t.Helper()
	var batch []models.Admission
	for i := range n {
		value := "dress"
		if i < others {
			value = "hat"
		}
		id := models.PostID("file", fmt.Sprintf("%s-%d", name, i))
		post := models.Post{
			ID: id, SchemaVersion: models.SchemaVersion, Source: "file", NativeID: fmt.Sprintf("%s-%d", name, i), CreatedAt: week.From.Add(time.Duration(i) * time.Minute), CollectedAt: week.To,
			Published: map[string]models.Publication{"plain": {Attributes: []models.Attribute{{Name: "category", Value: value, Confidence: .8, Evidence: models.FromImage}}}},
		}
		run := models.NewRun(id, "plain", "v", models.Normal, week.To, time.Minute)
		run.State, run.Due = models.Done, time.Time{}
		batch = append(batch, models.Admission{Post: post, Run: run})
	}
	if _, err := r.app.Documents.Admit(r.ctx, batch); err != nil {
		r.t.Fatal(err)
	}
}

// TestDriftIsTold: a worker looks at the week that is over, warns when it is
// beyond, and all processes tell the metrics.
func TestDriftIsTold(t *testing.T) {
	for name, others := range map[string]int{"shift": 150, "none": 62} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, plain)
			week := drift.LastWeek(r.now())
			past := drift.Window{From: week.From.AddDate(0, 0, -28), To: week.From.AddDate(0, 0, -21)}
			if _, err := r.app.Drift(r.ctx, week, drift.Default()); !errors.Is(err, app.ErrNoReference) {
				t.Errorf("without a reference: %v", err)
			}
			if err := r.app.SetDriftReference(r.ctx, past); err == nil {
				t.Error("a reference of no posts was kept")
			}
			r.publish(past, "past", 400, 80)
			r.publish(week, "week", 300, others)
			if err := r.app.SetDriftReference(r.ctx, past); err != nil {
				t.Fatal(err)
			}
			var log locked
			r.options = func(o *app.Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) }
			stop := r.work()
			r.wait("the worker to look", func() (bool, string) {
				s, err := r.app.Documents.Meta(r.ctx, "drift/latest")
				return err == nil && s != "", s
			})
			stop()
			if warned := strings.Contains(log.String(), `"msg":"drift: what is found has changed","profile":"plain","attribute":"category"`); warned != (name == "shift") {
				t.Errorf("warned %v:\n%s", warned, log.String())
			}
			serving := r.open(nil, config.Override{Key: "metrics.listen", Value: "127.0.0.1:0"})
			served, err := serving.ServeMetrics(r.ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer served()
			answer := httptest.NewRecorder()
			serving.Metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			want := map[string]string{"shift": "1", "none": "0"}[name]
			if !strings.Contains(answer.Body.String(), `weft_drift_beyond{attribute="category",profile="plain"} `+want) {
				t.Errorf("metrics don't say %s:\n%.3000s", want, answer.Body.String())
			}
		})
	}
}
