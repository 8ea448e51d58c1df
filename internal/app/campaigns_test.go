package app_test

import (
	"testing"
	"time"

	"weft/models"
)

// campaign stores a campaign of the profile plain, as the API does.
func (r *rig) campaign(where string, state models.CampaignState) models.Campaign {
	r.t.Helper()
	p, err := r.app.Library.Named(r.ctx, "plain")
	if err != nil {
		r.t.Fatal(err)
	}
	c := models.Campaign{ID: "c1", Rev: 1, State: state, Profile: "plain", Version: p.Version, Where: where, StartedAt: r.now().UTC()}
	if err := r.app.Documents.MoveCampaign(r.ctx, c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// drive is one pass of the worker's job, after which the campaign is returned.
func (r *rig) drive() models.Campaign {
	r.t.Helper()
	if err := r.app.DriveCampaigns(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	c, err := r.app.Documents.Campaign(r.ctx, "c1")
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// A worker takes all posts of a campaign once, whatever crash comes between.
func TestCampaignIsDriven(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(6), "plain")
	r.run()
	r.campaign("likes > 2", models.CampaignRunning)
	c := r.drive()
	if c.State != models.CampaignDone || c.Posts != 3 || c.EndedAt.IsZero() || c.Cost == 0 {
		t.Errorf("campaign %+v, want 3 posts of 6", c)
	}
	c.Rev, c.State, c.Stubs, c.Cursor, c.Posts = c.Rev+1, models.CampaignRunning, false, "", 0 // as a crash before the first page was booked leaves it
	if err := r.app.Documents.MoveCampaign(r.ctx, c); err != nil {
		t.Fatal(err)
	}
	if c = r.drive(); c.Posts != 3 {
		t.Errorf("after the crash: %+v, want the same 3 posts", c)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 9})
	counts, err := r.app.Documents.CampaignCounts(r.ctx, "c1")
	if err != nil || counts[models.Done] != 3 {
		t.Errorf("counts %v, %v", counts, err)
	}
	if posts, changed, err := r.app.Changes(r.ctx, "c1"); err != nil || posts != 3 || changed != 0 {
		t.Errorf("%d posts compared, %d changed, %v; the same models say the same", posts, changed, err)
	}
	if post, _ := r.post("file.p05", "plain"); len(post.Published["plain"].Before) != 1 || post.Published["plain"].Campaign != "c1" {
		t.Errorf("published: %+v", post.Published["plain"])
	}
}

// A cancelled campaign leaves what was published as it was.
func TestCampaignIsCancelled(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(4), "plain")
	r.run()
	r.campaign("", models.CampaignRunning)
	c := r.drive()
	c.Rev, c.State = c.Rev+1, models.CampaignCancelled
	c.EndedAt = time.Time{} // once its runs have ended
	if err := r.app.Documents.MoveCampaign(r.ctx, c); err != nil {
		t.Fatal(err)
	}
	if c = r.drive(); c.EndedAt.IsZero() || c.State != models.CampaignCancelled {
		t.Errorf("campaign %+v", c)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 4, models.Dropped: 4})
	post, run := r.post("file.p01", "plain")
	if post.Published["plain"].Generation != 1 || run.Generation != 2 || r.found() != 4 {
		t.Errorf("generation %d is published, %s, %d posts in search", post.Published["plain"].Generation, &run, r.found())
	}
}

// A campaign that is paused takes nothing.
func TestCampaignIsPaused(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(3), "plain")
	r.run()
	r.campaign("", models.CampaignPaused)
	if c := r.drive(); c.Posts != 0 || c.Rev != 1 {
		t.Errorf("campaign %+v", c)
	}
	r.counted(map[models.State]int64{models.Done: 3})
}
