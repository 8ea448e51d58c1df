package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/models"
	"weft/profile"
	"weft/storage/history"
)

// Reanalysis asks for a campaign: old posts go through their profile again,
// without being fetched again, in the bulk lane.
type Reanalysis struct {
	Profile  string
	Since    time.Time // of the posts' creation, inclusive
	Until    time.Time // exclusive
	Where    *profile.Where
	DryRun   bool
	Progress func(done int64) // told after each page; may be nil
}

// ReanalysisReport is what a campaign took, or would take.
type ReanalysisReport struct {
	Campaign string   `json:"campaign,omitempty"`
	Profile  string   `json:"profile"`
	Version  string   `json:"version"`
	Posts    int64    `json:"posts"`             // a new generation is queued for
	Purged   int64    `json:"purged"`            // of them, came back from history
	NoImages int64    `json:"no_images"`         // left out: their images are gone
	Lost     int64    `json:"lost"`              // purged, and not found in history
	Missing  []string `json:"missing,omitempty"` // parts of the history whose files are not there
	Cost     float64  `json:"cost"`              // estimated CPU seconds, from what the last generations cost
	DryRun   bool     `json:"dry_run,omitempty"`
}

// Reanalyze starts a campaign. It can be interrupted and started again: a post
// that got its new generation already just gets another one. Where files of the
// history are missing, all other posts are taken, and the error names the files.
func (a *App) Reanalyze(ctx context.Context, req Reanalysis) (ReanalysisReport, error) {
	p, err := a.Library.Named(ctx, req.Profile)
	if err != nil {
		return ReanalysisReport{}, err
	}
	rep := ReanalysisReport{Profile: p.Name, Version: p.Version, DryRun: req.DryRun}
	campaign := models.Campaign{
		ID: strings.ToLower(rand.Text()[:10]), Profile: p.Name, Version: p.Version,
		Since: req.Since, Until: req.Until, StartedAt: a.opt.Now().UTC(),
	}
	if req.Where != nil {
		campaign.Where = req.Where.String()
	}
	if !req.DryRun {
		rep.Campaign = campaign.ID
		if err := a.Documents.PutCampaign(ctx, campaign); err != nil {
			return rep, fmt.Errorf("reanalyze: %w", err)
		}
	}
	if err := a.reanalyzeStored(ctx, req, p, &rep); err != nil {
		return rep, err
	}
	if err := a.reanalyzePurged(ctx, req, p, &rep); err != nil {
		return rep, err
	}
	if req.DryRun {
		err := rep.missing()
		return rep, err
	}
	campaign.Posts, campaign.NoImages, campaign.EndedAt = rep.Posts, rep.NoImages, a.opt.Now().UTC()
	err = errors.Join(rep.missing(), a.Documents.PutCampaign(ctx, campaign))
	return rep, err
}

// missing is the error of a campaign that lacked files: a folder that is not
// mounted must not look like posts that never were.
func (r *ReanalysisReport) missing() error {
	const named = 5
	n := len(r.Missing)
	if n == 0 {
		return nil
	}
	list := strings.Join(r.Missing[:min(n, named)], ", ")
	if n > named {
		list += fmt.Sprintf(" and %d more", n-named)
	}
	return fmt.Errorf("reanalyze: %d posts were not found, all others were taken: the history lacks %s; put the files back and start again", r.Lost, list)
}

// reanalyzeStored goes through the runs that the document store holds.
func (a *App) reanalyzeStored(ctx context.Context, req Reanalysis, p *profile.Profile, rep *ReanalysisReport) error {
	for after, more := "", true; more; {
		var err error
		if after, more, err = a.reanalyzePage(ctx, req, p, after, rep); err != nil {
			return err
		}
		if req.Progress != nil {
			req.Progress(rep.Posts + rep.NoImages)
		}
	}
	return nil
}

// reanalyzePage takes the next stored runs after a place, and returns the place
// behind them. A run that the campaign took before a crash is not taken again.
func (a *App) reanalyzePage(ctx context.Context, req Reanalysis, p *profile.Profile, after string, rep *ReanalysisReport) (last string, more bool, err error) {
	const page = 500
	runs, err := a.Documents.Runs(ctx, models.RunFilter{Profile: req.Profile, After: after, Limit: page})
	if err != nil {
		return after, false, fmt.Errorf("reanalyze: %w", err)
	}
	var batch []models.Run
	last = after
	for _, run := range runs {
		last = run.Post + "/" + run.Profile
		if rep.Campaign != "" && run.Campaign == rep.Campaign {
			rep.Posts++
			continue
		}
		post, _, err := a.Documents.Post(ctx, run.Post)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return after, false, fmt.Errorf("reanalyze: %w", err)
		}
		ok, err := a.selects(ctx, req, p, post, run, rep)
		if err != nil {
			return after, false, err
		}
		if ok {
			batch = append(batch, run)
		}
	}
	return last, len(runs) == page, a.regenerate(ctx, p, rep, batch)
}

// selects says whether a post takes part, and counts it if its images are gone.
func (a *App) selects(ctx context.Context, req Reanalysis, p *profile.Profile, post models.Post, run models.Run, rep *ReanalysisReport) (bool, error) {
	if post.Tombstone != nil || (!req.Since.IsZero() && post.CreatedAt.Before(req.Since)) ||
		(!req.Until.IsZero() && !post.CreatedAt.Before(req.Until)) {
		return false, nil
	}
	if req.Where != nil {
		ok, err := req.Where.Match(&post, &run)
		if err != nil {
			return false, fmt.Errorf("reanalyze: --where on post %s: %w", post.ID, err)
		}
		if !ok {
			return false, nil
		}
	}
	if begin(run) != models.Fetch {
		ok, err := a.hasImages(ctx, p, post)
		if err != nil {
			return false, err
		}
		if !ok {
			rep.NoImages++
			return false, nil
		}
	}
	rep.Cost += run.Cost
	return true, nil
}

// begin is where a new generation of a run begins: nothing is fetched again,
// but what the overtaken generation had not fetched yet still must be.
func begin(run models.Run) models.Step {
	if run.Step == models.Fetch && !run.State.Ended() {
		return models.Fetch
	}
	return models.AnalyzeLight
}

// hasImages reports whether there is something to look at: a rendition of one
// of the images, or a post that never had any.
func (a *App) hasImages(ctx context.Context, p *profile.Profile, post models.Post) (bool, error) {
	if len(post.Media) == 0 || p.Fetch.MaxImages == 0 {
		return true, nil
	}
	for _, m := range post.Images() {
		ok, err := a.Blobs.Exists(ctx, m.Rendition)
		if err != nil {
			return false, fmt.Errorf("reanalyze: rendition of %s: %w", post.ID, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// regenerate starts the new generations of a batch, and enqueues them in the bulk lane.
func (a *App) regenerate(ctx context.Context, p *profile.Profile, rep *ReanalysisReport, batch []models.Run) error {
	if rep.DryRun {
		rep.Posts += int64(len(batch))
		return nil
	}
	if err := a.Queue.WaitRoom(ctx, models.AnalyzeLight, models.Bulk, nil); err != nil {
		return err
	}
	moved := make([]models.Run, len(batch))
	var g errgroup.Group
	g.SetLimit(64) // the adapter makes one write of them
	for i, run := range batch {
		g.Go(func() error {
			m := run.Regenerate(begin(run), p.Version, rep.Campaign, models.Bulk,
				"reanalysis "+rep.Campaign, a.opt.Now(), a.Config.Reconcile.Horizon)
			err := a.Documents.Move(ctx, m)
			if errors.Is(err, models.ErrConflict) || errors.Is(err, models.ErrNotFound) {
				return a.regenerateAgain(ctx, p, rep.Campaign, run, &moved[i])
			}
			if err == nil {
				moved[i] = m.Run
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("reanalyze: %w", err)
	}
	var queued []models.Run
	for _, run := range moved {
		if run.Post != "" {
			queued = append(queued, run)
		}
	}
	rep.Posts += int64(len(queued))
	return a.Queue.EnqueueAll(ctx, queued)
}

// regenerateAgain is for a run that moved between reading and writing it.
func (a *App) regenerateAgain(ctx context.Context, p *profile.Profile, campaign string, run models.Run, moved *models.Run) error {
	for {
		_, now, err := a.Documents.Load(ctx, run.Post, run.Profile)
		if errors.Is(err, models.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		m := now.Regenerate(begin(now), p.Version, campaign, models.Bulk, "reanalysis "+campaign, a.opt.Now(), a.Config.Reconcile.Horizon)
		err = a.Documents.Move(ctx, m)
		if err == nil {
			*moved = m.Run
		}
		if !errors.Is(err, models.ErrConflict) {
			return err
		}
	}
}

// reanalyzePurged brings the profile's purged posts back from history.
func (a *App) reanalyzePurged(ctx context.Context, req Reanalysis, p *profile.Profile, rep *ReanalysisReport) error {
	for after, more := "", true; more; {
		var err error
		if after, more, err = a.reanalyzeStubs(ctx, req, p, after, rep); err != nil {
			return err
		}
	}
	return nil
}

// reanalyzeStubs takes the next purged posts after a place, and returns the place
// behind them.
func (a *App) reanalyzeStubs(ctx context.Context, req Reanalysis, p *profile.Profile, after string, rep *ReanalysisReport) (last string, more bool, err error) {
	const page = 200
	stubs, err := a.Documents.Stubs(ctx, after, page)
	if err != nil {
		return after, false, fmt.Errorf("reanalyze: stubs: %w", err)
	}
	var wanted []models.Stub
	last = after
	for _, s := range stubs {
		last = s.Post
		if _, ok := s.Runs[req.Profile]; ok {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) > 0 {
		if err := a.bringBack(ctx, req, p, wanted, rep); err != nil {
			return after, false, err
		}
	}
	return last, len(stubs) == page, nil
}

// bringBack reads the posts of the stubs from their parts and restores them.
func (a *App) bringBack(ctx context.Context, req Reanalysis, p *profile.Profile, stubs []models.Stub, rep *ReanalysisReport) error {
	frozen, err := a.fromHistory(ctx, stubs, rep)
	if err != nil {
		return err
	}
	var batch []models.Run
	for _, s := range stubs {
		rows := frozen[s.Post]
		if rows == nil {
			rep.Lost++
			continue
		}
		post, runs := rows.post, rows.runs
		if _, ok := runs[req.Profile]; !ok { // it dropped the post, so the row is another profile's; the stub has its count
			runs[req.Profile] = models.Run{Post: s.Post, Profile: req.Profile, Version: p.Version, Lane: models.Bulk, State: models.Dropped}
		}
		ok, err := a.selects(ctx, req, p, post, runs[req.Profile], rep)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		rep.Purged++
		if req.DryRun {
			rep.Posts++
			continue
		}
		var all []models.Run
		for _, run := range runs {
			all = append(all, run)
		}
		restored, err := a.Documents.Restore(ctx, post, all)
		if errors.Is(err, models.ErrNotFound) {
			continue // forgotten meanwhile
		}
		if err != nil {
			return fmt.Errorf("reanalyze: bring back %s: %w", s.Post, err)
		}
		for _, run := range restored {
			if run.Profile == req.Profile {
				batch = append(batch, run)
			}
		}
	}
	if req.DryRun {
		return nil
	}
	return a.regenerate(ctx, p, rep, batch)
}

// thawed is a post as history holds it.
type thawed struct {
	post models.Post
	runs map[string]models.Run // by profile
}

// fromHistory reads the newest rows of the stubs' posts. Parts that are not
// there are noted in rep.
func (a *App) fromHistory(ctx context.Context, stubs []models.Stub, rep *ReanalysisReport) (map[string]*thawed, error) {
	var named, ids []string
	for _, s := range stubs {
		ids = append(ids, s.Post)
		for _, r := range s.Runs {
			if r.Part != "" {
				named = append(named, r.Part)
			}
		}
	}
	rows, missing, err := history.NewReader(a.Documents, a.Parts).Find(ctx, named, ids)
	if err != nil {
		return nil, fmt.Errorf("reanalyze: %w", err)
	}
	for _, part := range missing {
		rep.lacks(part)
	}
	return thaw(rows)
}

func (r *ReanalysisReport) lacks(part string) {
	if !slices.Contains(r.Missing, part) {
		r.Missing = append(r.Missing, part)
	}
}

// thaw makes posts of rows, each as its newest row has it.
func thaw(rows []models.Row) (map[string]*thawed, error) {
	out := map[string]*thawed{}
	for _, row := range rows {
		var f models.Frozen
		if err := json.Unmarshal(row.Body, &f); err != nil {
			return nil, fmt.Errorf("reanalyze: history row %s: %w", row.Key(), err)
		}
		t := out[row.Post]
		if t == nil {
			t = &thawed{post: f.Post, runs: map[string]models.Run{}}
			out[row.Post] = t
		}
		if f.Post.Rev > t.post.Rev {
			t.post = f.Post
		}
		if old, ok := t.runs[row.Profile]; !ok || f.Run.Seq > old.Seq {
			t.runs[row.Profile] = f.Run
		}
	}
	return out, nil
}
