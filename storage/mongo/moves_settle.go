package mongo

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// settled writes ws, the n-th of which is of the n-th move, in one call and
// gives each move its result; errRaced where its filter found nothing. The
// server counts only how many filters found something, so where that is not all
// of them, the marks that the moves left tell which.
func (d *Documents) settled(ctx context.Context, ws []mongo.WriteModel, moves []*pending) {
	if len(ws) == 0 {
		return
	}
	r, err := d.bulk(ctx, cPosts, ws)
	for _, p := range moves {
		p.err = nil
	}
	var broken mongo.BulkWriteException
	if err != nil && (!errors.As(err, &broken) || broken.WriteConcernError != nil || len(broken.WriteErrors) == 0) {
		for _, p := range moves {
			p.err = err
		}
		return
	}
	for _, e := range broken.WriteErrors {
		moves[e.Index].err = writeError(e)
	}
	if r != nil && int(r.MatchedCount) == len(ws)-len(broken.WriteErrors) {
		return
	}
	d.recognise(ctx, slices.DeleteFunc(slices.Clone(moves), func(p *pending) bool { return p.err != nil }))
}

// writeError is what befell one write of a bulk.
func writeError(e mongo.BulkWriteError) error {
	if e.HasErrorCode(codeTooLarge) || e.HasErrorCode(codeTooLargeAfter) || e.HasErrorCode(codeTooLargeOther) {
		return models.Faultf(models.Permanent, "the document is beyond the 16 MB that MongoDB takes: %w", e)
	}
	return e
}

// recognise finds out which moves were written: those whose mark is on the run
// or on the line of the timeline that they added. Another move may have
// followed already, even into the next generation. Only a note may be taken for
// lost then, and that makes no difference: what it noted is overwritten.
func (d *Documents) recognise(ctx context.Context, moves []*pending) {
	ids := bson.A{}
	for _, p := range moves {
		ids = append(ids, p.post)
	}
	found, err := d.storedAll(ctx, ids, with("tomb", "runs.profile", "runs.by", "timeline.profile", "timeline.seq", "timeline.by"))
	if err != nil {
		for _, p := range moves {
			p.err = err
		}
		return
	}
	for _, p := range moves {
		s := found[p.post]
		var r *storedRun
		if s != nil {
			r = s.run(p.profile)
		}
		switch {
		case r == nil:
			p.err = models.ErrNotFound
		case r.By == p.by || s.marked(p):
		case d.markedBefore(ctx, p):
		case s.Tomb:
			p.err = models.ErrNotFound
		default:
			p.err = errRaced
		}
	}
}

func (s *stored) marked(p *pending) bool {
	return slices.ContainsFunc(s.Timeline, func(e storedEntry) bool { return e.Profile == p.profile && e.By == p.by })
}

// markedBefore looks among the lines that left the post.
func (d *Documents) markedBefore(ctx context.Context, p *pending) bool {
	if p.move.Entry == nil {
		return false
	}
	var line storedEntry
	err := d.one(ctx, d.byID(cTimelines, lineID(p.post, p.profile, p.move.Entry.Seq)), &line)
	return err == nil && line.By == p.by
}

// lineID is the id of a line that left its post.
func lineID(post, profile string, seq int64) string {
	return post + "/" + profile + "/" + strconv.FormatInt(seq, 10)
}

func nowMicros() int64 { return time.Now().UnixMicro() }
