package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"weft/models"
)

const (
	profile   = "bench"
	words     = 5_000 // that captions are made of, the n-th in proportion to 1/n
	brands    = 300
	perPost   = 12 // words of a caption
	months    = 6  // that the posts were created in: each is an index of its own
	firstYear = 2026
)

// corpus makes posts up. The n-th post is always the same, and so is what is asked.
type corpus struct {
	n     int
	words []string
	cum   []float64 // of the words' weights
}

func newCorpus(n int) *corpus {
	c := &corpus{n: n}
	syllables := strings.Fields("ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu")
	sum := 0.0
	for i := range words {
		s := len(syllables)
		c.words = append(c.words, syllables[i%s]+syllables[i/s%s]+syllables[i/s/s%s]+syllables[(i*7+3)%s])
		sum += 1 / float64(i+1)
		c.cum = append(c.cum, sum)
	}
	return c
}

// word draws a word as captions have them.
func (c *corpus) word(r *rand.Rand) string {
	want := r.Float64() * c.cum[len(c.cum)-1]
	low, high := 0, len(c.cum)-1
	for low < high {
		if mid := (low + high) / 2; c.cum[mid] < want {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return c.words[low]
}

func postID(i int) string { return fmt.Sprintf("bench.%07d", i) }

// month is the beginning of the m-th month.
func (*corpus) month(m int) time.Time {
	return time.Date(firstYear, time.June+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
}

// created spreads the posts evenly over the months, in the order of their numbers:
// what is stored together is of one month then, as in a crawl.
func (c *corpus) created(i int) time.Time {
	first := c.month(0)
	span := c.month(months).Sub(first)
	return first.Add(time.Duration(float64(span) * float64(i) / float64(c.n))).Truncate(time.Millisecond)
}

func brand(n int) string { return fmt.Sprintf("brand-%03d", n) }

// post is the i-th, published by one profile.
func (c *corpus) post(i int) models.Post {
	r := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // made-up posts
	text := make([]string, perPost)
	for j := range text {
		text[j] = c.word(r)
	}
	likes, at := int64(r.ExpFloat64()*200), c.created(i)
	category := []string{"dress", "shirt", "shoes", "bag", "coat", "skirt"}[r.IntN(6)]
	color := []string{"navy", "red", "ecru", "black", "olive", "camel", "white", "pink"}[r.IntN(8)]
	return models.Post{
		ID: postID(i), SchemaVersion: models.SchemaVersion, Rev: 1, Source: []string{"mastodon", "tumblr", "weibo"}[r.IntN(3)], NativeID: fmt.Sprintf("%07d", i),
		URL: "https://posts.example/" + postID(i), CreatedAt: at, CollectedAt: at.Add(time.Minute), Text: strings.Join(text, " "), Language: []string{"en", "fr", "de"}[r.IntN(3)],
		Hashtags: []string{"ootd", category}, Counts: models.Counts{Likes: &likes},
		Author: models.Author{ID: fmt.Sprint(i % 99_991), Handle: fmt.Sprintf("author%d", i%99_991), Name: "An Author", Followers: likes * 3,
			Location: models.Location{Raw: "Paris", Kind: "profile", Country: []string{"FR", "DE", "IT", "GB", "US"}[r.IntN(5)], Confidence: .9}},
		Media: []models.Media{{URL: fmt.Sprintf("https://cdn.example/%d.jpg", i), State: models.MediaOK, Type: "image/jpeg", SHA256: fmt.Sprintf("%064x", i), Rendition: fmt.Sprintf("renditions/%064x", i)}},
		Published: map[string]models.Publication{profile: {Generation: 1, Version: "v1", At: at.Add(time.Hour), Attributes: []models.Attribute{
			{Name: "category", Value: category, Confidence: .6 + .4*r.Float64(), Model: "garment-s", Version: "1"},
			{Name: "color", Value: color, Confidence: .6 + .4*r.Float64(), Model: "color", Version: "1"},
			{Name: "brand", Value: brand(r.IntN(brands)), Confidence: .6 + .4*r.Float64(), Model: "caption", Version: "1"},
		}}},
	}
}

// doc is what search holds of the i-th post.
func (c *corpus) doc(i int) models.SearchDoc {
	p := c.post(i)
	d, _ := models.Project(&p) // it is published
	return d
}

// admission is the i-th post with its run, which has ended: a worker beside it
// finds nothing to do.
func (c *corpus) admission(i int) models.Admission {
	p := c.post(i)
	run := models.NewRun(p.ID, profile, "v1", models.Normal, p.CollectedAt, time.Minute)
	run.State, run.Step, run.Due = models.Done, models.Archive, time.Time{}
	return models.Admission{Post: p, Run: run}
}

// query is something that is searched for, as the API is asked and as the stores are.
type query struct {
	kind   string
	params string // of GET /v1/search
	models models.SearchQuery
}

// kinds of queries. Each has a thousandth to a hundredth of the posts for an answer.
func kinds() []string { return []string{"word", "brand", "facets", "relevance"} }

// query draws one of a kind.
func (c *corpus) query(kind string, r *rand.Rand) query {
	word := c.words[20+r.IntN(800)] // neither in every post nor in hardly any
	q := query{kind: kind, models: models.SearchQuery{Limit: 20, Sort: "newest"}}
	switch kind {
	case "word":
		q.params, q.models.Text = "q="+word, word
	case "brand":
		b, month := brand(r.IntN(brands)), c.month(r.IntN(months))
		q.params = fmt.Sprintf("attribute=brand:%s&since=%s", b, month.Format(time.RFC3339))
		q.models.Attributes, q.models.Since = map[string][]string{"brand": {b}}, month
	case "facets":
		q.params = "q=" + word + "&facet=source&facet=color"
		q.models.Text, q.models.Facets = word, []string{"source", "color"}
	case "relevance":
		second := c.words[r.IntN(20)]
		q.params = "sort=relevance&q=" + word + "+" + second
		q.models.Text, q.models.Sort = word+" "+second, "relevance"
	}
	return q
}
