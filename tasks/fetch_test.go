package tasks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/tasks"
)

// hosts answers by address, and remembers what it was asked.
type hosts struct {
	answers map[string]error // nil: the address itself is the image
	asked   []string
}

func (h *hosts) Open(_ context.Context, url string) ([]byte, error) {
	h.asked = append(h.asked, url)
	err, ok := h.answers[url]
	if !ok {
		return nil, models.Faultf(models.Permanent, "%s answered 404: %w", url, models.ErrGone)
	}
	return []byte(url), err
}

// origin reads posts again.
type origin struct {
	media []models.Media
	err   error
	asked int
}

func (o *origin) Resolve(_ context.Context, post models.Post) (models.Post, error) {
	o.asked++
	post.Media = o.media
	return post, o.err
}

// signed is a post whose images have ids beside their addresses.
func signed(t *testing.T, urls ...string) tasks.Job {
	t.Helper()
	j := fetchJob(t, urls...)
	j.Post.Source = "sim"
	for i := range j.Post.Media {
		j.Post.Media[i].ID = fmt.Sprintf("m%d", i+1)
	}
	return j
}

func refetch(h *hosts, o *origin) *tasks.Fetch {
	s := &shelf{blobs: map[string]string{}}
	f := &tasks.Fetch{Openers: map[string]tasks.Opener{"https": h}, Preparer: s, Images: s, Refs: s}
	if o != nil {
		f.Resolvers = map[string]tasks.Resolver{"sim": o}
	}
	return f
}

// TestFetchResolvesOnce: however many images are gone, the post is read again
// once, and each of them is opened once more. The post learns the new addresses.
func TestFetchResolvesOnce(t *testing.T) {
	h := &hosts{answers: map[string]error{"https://a/new": nil, "https://b/new": nil, "https://c": nil}}
	o := &origin{media: []models.Media{{ID: "m3", URL: "https://c"}, {ID: "m2", URL: "https://b/new"}, {ID: "m1", URL: "https://a/new"}}}
	j := signed(t, "https://a/old", "https://b/old", "https://c")
	out, err := refetch(h, o).Do(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if o.asked != 1 {
		t.Errorf("the post was read %d times, want once", o.asked)
	}
	want := []string{"https://a/old", "https://a/new", "https://b/old", "https://b/new", "https://c"}
	if diff := cmp.Diff(want, h.asked); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	post := j.Post
	out.Change.Apply(&post)
	for i, url := range []string{"https://a/new", "https://b/new", "https://c"} {
		if m := post.Media[i]; m.URL != url || m.State != models.MediaOK || m.SHA256 != "sum-"+url {
			t.Errorf("image %d is %+v, want it from %s", i+1, m, url)
		}
	}
	if post.ContentHash() != j.Post.ContentHash() {
		t.Error("a newer address is taken for an edit")
	}
}

func TestFetchResolveSorts(t *testing.T) {
	gone := models.Faultf(models.Permanent, "https://a/new answered 410: %w", models.ErrGone)
	for _, c := range []struct {
		name  string
		o     *origin
		class models.Class
		want  string
		url   string // of the image afterwards, where the run fails for good
		opens int
	}{
		{"nobody to ask", nil, models.Permanent, "https://a/old answered 404: it is gone", "https://a/old", 1},
		{"gone from the new place too", &origin{media: []models.Media{{ID: "m1", URL: "https://a/new"}}}, models.Permanent, "https://a/new answered 410", "https://a/new", 2},
		{"same address", &origin{media: []models.Media{{ID: "m1", URL: "https://a/old"}}}, models.Permanent, "a/old answered 404", "https://a/old", 1},
		{"another image", &origin{media: []models.Media{{ID: "m9", URL: "https://a/other"}}}, models.Permanent, "a/old answered 404", "https://a/old", 1},
		{"post gone", &origin{err: fmt.Errorf("sim: %w", models.ErrNotFound)}, models.Permanent, "so is the post at its source", "https://a/old", 1},
		{"refused", &origin{err: models.Faultf(models.Permanent, "not yours")}, models.Permanent, "can't be read again: not yours", "https://a/old", 1},
		// A source that is away must not close the gate before all fetches.
		{"source away", &origin{err: models.Faultf(models.Unavailable, "503")}, models.Retryable, "went wrong: 503", "", 1},
		{"throttled", &origin{err: fmt.Errorf("throttled until noon")}, models.Retryable, "until noon", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hosts{answers: map[string]error{"https://a/new": gone}}
			j := signed(t, "https://a/old")
			out, err := refetch(h, c.o).Do(t.Context(), j)
			wantClass(t, err, c.class)
			if !strings.Contains(err.Error(), c.want) || len(h.asked) != c.opens || (c.o != nil && c.o.asked != 1) {
				t.Errorf("%v after opening %v, want %q", err, h.asked, c.want)
			}
			if c.url != "" && (len(out.Change.Media) != 1 || out.Change.Media[0].URL != c.url || out.Change.Media[0].State != models.MediaFailed) {
				t.Errorf("change %+v, want a failed image at %s", out.Change.Media, c.url)
			}
		})
	}
}

// TestFetchDoesNotResolveOtherTrouble: only what is gone may have moved.
func TestFetchDoesNotResolveOtherTrouble(t *testing.T) {
	o := &origin{media: []models.Media{{ID: "m1", URL: "https://a/new"}}}
	for _, err := range []error{models.Faultf(models.Retryable, "429"), models.Faultf(models.Permanent, "a page")} {
		h := &hosts{answers: map[string]error{"https://a/old": err}}
		if _, got := refetch(h, o).Do(t.Context(), signed(t, "https://a/old")); models.ClassOf(got) != models.ClassOf(err) || o.asked != 0 {
			t.Errorf("%v: %v after %d readings", err, got, o.asked)
		}
	}
}

// TestFetchGivesUpOneImage: a host that is away for good costs its image, not
// the post.
func TestFetchGivesUpOneImage(t *testing.T) {
	h := &hosts{answers: map[string]error{"https://away": models.Faultf(models.Retryable, "away: timed out"), "https://b": nil}}
	for tried, class := range []models.Class{models.Retryable, models.Retryable, ""} {
		j := signed(t, "https://away", "https://b")
		j.Run.Attempts = tried
		out, err := refetch(h, nil).Do(t.Context(), j)
		if class != "" {
			wantClass(t, err, class)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		m := out.Change.Media
		if len(m) != 2 || m[0].State != models.MediaFailed || m[0].Reason != "3 tries: away: timed out" || m[1].State != models.MediaOK {
			t.Errorf("after the last try: %+v", m)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	j := signed(t, "https://away")
	j.Run.Attempts = 9
	_, err := refetch(h, nil).Do(stopped, j)
	wantClass(t, err, models.Retryable) // it says nothing about the image
}

// cleaner is a Preparer that takes something out.
type cleaner struct{ shelf }

func (c *cleaner) Prepare(ctx context.Context, data []byte) (tasks.Prepared, error) {
	return c.shelf.Prepare(ctx, []byte(strings.ReplaceAll(string(data), "Paris", "")))
}

// TestFetchStoresWhatWasPrepared: never the bytes that came.
func TestFetchStoresWhatWasPrepared(t *testing.T) {
	c := &cleaner{shelf{blobs: map[string]string{}}}
	f := &tasks.Fetch{Openers: map[string]tasks.Opener{"https": web{data: "a dress in Paris"}}, Preparer: c, Images: c, Refs: c}
	out, err := f.Do(t.Context(), fetchJob(t, "https://a"))
	if err != nil {
		t.Fatal(err)
	}
	m := out.Change.Media[0]
	if got := c.blobs[m.Original]; got != "a dress in " || m.Size != int64(len(got)) || m.SHA256 != "sum-a dress in " {
		t.Errorf("stored %q of %d bytes as %s", got, m.Size, m.SHA256)
	}
}
