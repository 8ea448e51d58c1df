package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"weft/models"
)

// Journey is everything that happened to a post: where it went, and why.
type Journey struct {
	Post models.Post  `json:"post"`
	Runs []RunAndPath `json:"runs"`
	Stub *models.Stub `json:"stub,omitempty"` // the post was purged: it lives in history

	// Near lists, by the place of an image of the post, images of other posts that look like it.
	Near map[int][]models.Near `json:"near,omitempty"`
}

// What counts as looking alike, and how many are listed. Copies that were
// scaled or saved anew differ in up to some 6 of 64 bits, other photos in 20 and more.
const (
	nearDistance = 7
	nearMost     = 10
)

// RunAndPath is a run with its timeline.
type RunAndPath struct {
	models.Run
	Timeline []models.Entry `json:"timeline"`
}

// Journey reads a post's journey; models.ErrNotFound if Weft has never had it.
func (a *App) Journey(ctx context.Context, id string) (Journey, error) {
	post, runs, err := a.Documents.Post(ctx, id)
	if err != nil {
		if stub, stubErr := a.Documents.Stub(ctx, id); stubErr == nil {
			return Journey{Post: models.Post{ID: id, Rev: stub.Rev}, Stub: &stub}, nil
		}
		return Journey{}, err
	}
	j := Journey{Post: post}
	for _, run := range runs {
		timeline, err := a.Documents.Timeline(ctx, id, run.Profile)
		if err != nil {
			return j, err
		}
		j.Runs = append(j.Runs, RunAndPath{Run: run, Timeline: timeline})
	}
	j.Near, err = a.near(ctx, &post)
	return j, err
}

// near finds what looks like the post's images.
func (a *App) near(ctx context.Context, post *models.Post) (map[int][]models.Near, error) {
	var out map[int][]models.Near
	for i, m := range post.Media {
		if m.State != models.MediaOK || m.PHash == "" {
			continue
		}
		found, err := a.Documents.Similar(ctx, m.PHash, nearDistance, nearMost+len(post.Media))
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(n models.Near) bool { return n.Post == post.ID })
		if len(found) == 0 {
			continue
		}
		if out == nil {
			out = map[int][]models.Near{}
		}
		out[i] = found[:min(len(found), nearMost)]
	}
	return out, nil
}

// WriteText writes the journey for people.
func (j Journey) WriteText(w io.Writer) error {
	b := &strings.Builder{}
	if j.Stub != nil {
		fmt.Fprintf(b, "%s was purged on %s; what was published of it lives in the history:\n", j.Post.ID, stamp(j.Stub.PurgedAt))
		for _, name := range slices.Sorted(maps.Keys(j.Stub.Runs)) {
			r := j.Stub.Runs[name]
			where := "never archived"
			if r.Part != "" {
				where = "part " + r.Part
			}
			fmt.Fprintf(b, "  %s: generation %d, %s\n", name, r.Generation, where)
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	j.writePost(b)
	for _, run := range j.Runs {
		writeRun(b, run)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (j Journey) writePost(b *strings.Builder) {
	p := j.Post
	fmt.Fprintf(b, "%s  rev %d  %s\n", p.ID, p.Rev, stamp(p.CreatedAt))
	if p.Tombstone != nil {
		fmt.Fprintf(b, "deleted %s by %s %s\n", stamp(p.Tombstone.At), p.Tombstone.By, p.Tombstone.Reason)
	}
	fmt.Fprintf(b, "by %s", p.Author.Handle)
	if loc := p.Author.Location; loc.Raw != "" || loc.Country != "" {
		fmt.Fprintf(b, ", %s %s", loc.Raw, loc.Country)
	}
	fmt.Fprintf(b, "\n%s\n", p.Text)
	for i, m := range p.Media {
		fmt.Fprintf(b, "image %d: %s", i+1, m.State)
		if m.State == models.MediaOK {
			fmt.Fprintf(b, ", %s %d×%d, %.0f kB, %s", m.Type, m.Width, m.Height, float64(m.Size)/1000, m.Rendition)
		}
		if m.Reason != "" {
			fmt.Fprintf(b, ", %s", m.Reason)
		}
		b.WriteByte('\n')
		writeNear(b, j.Near[i])
	}
	for _, l := range p.Labels {
		fmt.Fprintf(b, "label: %s is %s, by %s on %s\n", l.Attribute, orNone(l.Values), strings.Join(l.By, ", "), stamp(l.At))
	}
}

func writeNear(b *strings.Builder, near []models.Near) {
	if len(near) == 0 {
		return
	}
	var parts []string
	for _, n := range near {
		parts = append(parts, fmt.Sprintf("%s image %d (%d of 64 bits differ)", n.Post, n.Image+1, n.Distance))
	}
	fmt.Fprintf(b, "  looks like: %s\n", strings.Join(parts, ", "))
}

func writeRun(b *strings.Builder, run RunAndPath) {
	fmt.Fprintf(b, "\n%s, version %s, generation %d: %s at %s (seq %d, %s lane, %.3f s of CPU)\n",
		run.Profile, run.Version, run.Generation, run.State, run.Step, run.Seq, run.Lane, run.Cost)
	tw := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "  seq\ttime\tstep\toutcome\twhy")
	for _, e := range run.Timeline {
		outcome := string(e.Outcome)
		if e.Next != "" && e.Outcome == models.OutAdvance {
			outcome = "→ " + string(e.Next)
		}
		why := e.Reason
		if e.Duration > 0 {
			why += fmt.Sprintf("  [%.0f ms]", e.Duration*1000)
		}
		fmt.Fprintf(tw, "  %d\t%s\t%s\t%s\t%s\n", e.Seq, e.At.UTC().Format("15:04:05.000"), e.Step, outcome, why)
	}
	_ = tw.Flush() // into memory
	found := models.Effective(run.Attributes, nil)
	if len(found) > 0 {
		var parts []string
		for _, f := range found {
			parts = append(parts, fmt.Sprintf("%s=%s %.2f (%s)", f.Name, f.Value, f.Confidence, f.Evidence))
		}
		fmt.Fprintf(b, "  found: %s\n", strings.Join(parts, ", "))
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func orNone(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}
