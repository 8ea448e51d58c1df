package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/internal/config"
	"weft/internal/servers"
	"weft/models"
)

// TestServersDie kills the server of the documents, and that of search, while
// posts are carried, and starts it again: what was acknowledged is there, and
// the rest comes by itself. Redis dies in TestRandomCrashes, those of Google in
// TestGoogleDies.
func TestServersDie(t *testing.T) { //nolint:tparallel // the servers go side by side, but not beside other tests
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	for _, name := range []string{servers.Mongo, servers.Elastic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			urls, set := own(t, name)
			r := newFilesRigOn(t, 60, "8760h", urls)
			r.start(child{Import: r.importFile(), Label: true, Flaky: r.flaky()})
			r.start(child{Label: true, Flaky: r.flaky()})
			r.underWay()
			set.Kill(name)
			r.hears("connection refused")
			set.Start(name)
			r.wait("everything to settle", settle, r.settled)
			r.check(0)
		})
	}
}

// TestGoogleDies does the same to the buckets and the warehouse. It runs alone:
// Google's client takes the address of their stand-in from the process'
// environment. The warehouse is away before it is given anything to load: its
// stand-in, other than BigQuery, does a job again that was killed in the middle.
func TestGoogleDies(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	urls, set := own(t, servers.GCS, servers.BigQuery)
	t.Setenv(servers.GCS, urls[servers.GCS]) // which the workers make the address of
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(urls[servers.GCS], "http://"))
	r := newRigOn(t, 60, "8760h", func() []config.Override { return production(t, urls) })
	set.Kill(servers.BigQuery)
	r.start(child{Import: r.importFile(), Label: true, Flaky: r.flaky()})
	r.start(child{Label: true, Flaky: r.flaky()})
	r.underWay()
	set.Kill(servers.GCS)
	r.hears("connection refused")
	set.Start(servers.GCS)
	r.wait("parts to wait for the warehouse", settle, func() (bool, string) {
		s, err := r.app.Status(r.ctx)
		return err == nil && s.Parts[models.PartWritten]+s.Parts[models.PartLoading] > 0, fmt.Sprintf("parts %v, %v", s.Parts, err)
	})
	set.Start(servers.BigQuery)
	r.wait("everything to settle", settle, r.settled)
	r.check(0)
}

// underWay waits until some posts are done, and fails if all are: then there
// is nothing to disturb.
func (r *rig) underWay() {
	r.t.Helper()
	r.wait("posts to be under way", settle, func() (bool, string) {
		s, err := r.app.Status(r.ctx)
		if err != nil {
			return false, err.Error()
		}
		if failed, err := r.app.Documents.Runs(r.ctx, models.RunFilter{State: models.Failed, Limit: 1}); err == nil && len(failed) > 0 {
			r.t.Fatalf("%s failed: %s", &failed[0], failed[0].Reason)
		}
		return s.States[models.Done] > 2, fmt.Sprintf("admitted %d, %v", s.Admitted, s.States)
	})
	if s, err := r.app.Status(r.ctx); err != nil || s.States[models.Done] == int64(r.posts) {
		r.t.Fatalf("there is nothing to disturb: %v, %v", s.States, err)
	}
}

// hears waits until a worker complains of something it hasn't complained of yet.
func (r *rig) hears(what string) {
	r.t.Helper()
	r.mu.Lock()
	before := strings.Count(r.output.String(), what)
	r.mu.Unlock()
	r.wait("workers to say "+what, time.Minute, func() (bool, string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return strings.Count(r.output.String(), what) > before, "they say nothing of it"
	})
}
