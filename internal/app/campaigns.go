package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/api"
	"weft/models"
	"weft/profile"
)

// campaignTurn is how long one pass works on campaigns: less than the lease of
// the job, so that two workers seldom take the same page.
const campaignTurn = 20 * time.Second

// driveCampaigns takes posts for the campaigns that run, page by page. Each page
// is booked after its posts have their new generations: a crash between the two
// takes the page again, and finds its runs taken.
func (a *App) driveCampaigns(ctx context.Context) error {
	all, err := a.Documents.Campaigns(ctx)
	if err != nil {
		return err
	}
	turn, cancel := context.WithTimeout(ctx, campaignTurn)
	defer cancel()
	var errs []error
	for _, c := range slices.Backward(all) { // the oldest first
		var err error
		switch {
		case c.State == models.CampaignRunning:
			err = a.driveCampaign(turn, c)
		case c.State == models.CampaignCancelled && c.EndedAt.IsZero():
			err = a.cancelCampaign(turn, c)
		}
		if err != nil && turn.Err() == nil {
			errs = append(errs, fmt.Errorf("campaign %s: %w", c.ID, err))
		}
	}
	return errors.Join(errs...)
}

// reanalysisOf is what a campaign asks for.
func reanalysisOf(c models.Campaign) (Reanalysis, error) {
	req := Reanalysis{Profile: c.Profile, Since: c.Since, Until: c.Until}
	var err error
	if c.Where != "" {
		req.Where, err = profile.ParseWhere(c.Where)
	}
	return req, err
}

func (a *App) driveCampaign(ctx context.Context, c models.Campaign) error {
	req, err := reanalysisOf(c)
	if err != nil {
		return a.book(ctx, c, func(c *models.Campaign) { c.State, c.Error = models.CampaignPaused, err.Error() })
	}
	p, err := a.Library.Profile(ctx, c.Version)
	if err != nil {
		return err
	}
	for c.State == models.CampaignRunning {
		rep := ReanalysisReport{Profile: c.Profile, Version: c.Version, Campaign: c.ID}
		take := a.reanalyzePage
		if c.Stubs {
			take = a.reanalyzeStubs
		}
		last, more, err := take(ctx, req, p, c.Cursor, &rep)
		if err != nil && models.ClassOf(err) == models.Permanent { // such as an expression that a post breaks
			return a.book(ctx, c, func(c *models.Campaign) { c.State, c.Error = models.CampaignPaused, err.Error() })
		}
		if err != nil {
			return err
		}
		from := c.Cursor
		err = a.book(ctx, c, func(c *models.Campaign) {
			if c.Cursor != from { // another worker took this page
				return
			}
			c.Posts, c.Purged, c.NoImages, c.Lost, c.Cost = c.Posts+rep.Posts, c.Purged+rep.Purged, c.NoImages+rep.NoImages, c.Lost+rep.Lost, c.Cost+rep.Cost
			c.Cursor = last
			if !more && !c.Stubs {
				c.Stubs, c.Cursor = true, ""
			} else if !more && c.State == models.CampaignRunning {
				c.State, c.EndedAt = models.CampaignDone, a.opt.Now().UTC()
			}
		})
		if err != nil {
			return err
		}
		if c, err = a.Documents.Campaign(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// book changes a campaign as it is stored now: somebody may have paused it since
// it was read.
func (a *App) book(ctx context.Context, c models.Campaign, change func(c *models.Campaign)) error {
	for {
		change(&c)
		c.Rev++
		err := a.Documents.MoveCampaign(ctx, c)
		if !errors.Is(err, models.ErrConflict) {
			return err
		}
		if c, err = a.Documents.Campaign(ctx, c.ID); err != nil {
			return err
		}
	}
}

// cancelCampaign ends the campaign's runs that have not published yet. What is
// published stays as it was; what the campaign has published, too.
func (a *App) cancelCampaign(ctx context.Context, c models.Campaign) error {
	for _, state := range []models.State{models.Queued, models.Parked} {
		f := models.RunFilter{Campaign: c.ID, State: state, Limit: 500}
		for {
			runs, err := a.Documents.Runs(ctx, f)
			if err != nil {
				return err
			}
			for _, run := range runs {
				f.After = run.Post + "/" + run.Profile
				if run.Step == models.Index || run.Step == models.Archive {
					continue // the move into index has published it
				}
				err := a.Documents.Move(ctx, run.End(models.Dropped, "campaign "+c.ID+" was cancelled", a.opt.Now()))
				if err != nil && !errors.Is(err, models.ErrConflict) && !errors.Is(err, models.ErrNotFound) {
					return err
				}
			}
			if len(runs) < f.Limit {
				break
			}
		}
	}
	counts, err := a.Documents.CampaignCounts(ctx, c.ID)
	if err != nil {
		return err
	}
	if counts[models.Queued]+counts[models.Parked] > 0 { // at their last steps, or moved meanwhile: the next pass looks again
		return nil
	}
	return a.book(ctx, c, func(c *models.Campaign) { c.EndedAt = a.opt.Now().UTC() })
}

// Plan says what a campaign would take.
func (p ports) Plan(ctx context.Context, c models.Campaign) (api.Plan, error) {
	req, err := reanalysisOf(c)
	if err != nil {
		return api.Plan{}, err
	}
	req.DryRun = true
	rep, err := p.a.Reanalyze(ctx, req)
	return api.Plan{Version: rep.Version, Posts: rep.Posts, Purged: rep.Purged, NoImages: rep.NoImages, Lost: rep.Lost, Cost: rep.Cost}, err
}

// Changes compares what a campaign published with what was there before.
func (p ports) Changes(ctx context.Context, id string, limit int) (api.Changes, error) {
	out := api.Changes{Attributes: map[string]api.AttributeChange{}}
	f := models.RunFilter{Campaign: id, State: models.Done, Limit: min(limit, 500)}
	for out.Posts < limit {
		runs, err := p.a.Documents.Runs(ctx, f)
		if err != nil {
			return out, err
		}
		for _, run := range runs {
			f.After = run.Post + "/" + run.Profile
			post, _, err := p.a.Documents.Post(ctx, run.Post)
			if errors.Is(err, models.ErrNotFound) {
				continue
			}
			if err != nil {
				return out, err
			}
			pub := post.Published[run.Profile]
			if pub.Campaign == id && out.Posts < limit {
				out.Count(post.ID, pub)
			}
		}
		if len(runs) < f.Limit {
			return out, nil
		}
	}
	out.More = true
	return out, nil
}
