package storagetest

import (
	"time"

	"weft/models"
)

// SearchQuestion is a models.SearchQuery in YAML, as internal/answers keeps them.
type SearchQuestion struct {
	Name string `yaml:"name"`
	// Order any leaves the order of the hits open, since scores of relevance are each
	// engine's own.
	Order         string              `yaml:"order"`
	Text          string              `yaml:"text"`
	Attributes    map[string][]string `yaml:"attributes"`
	MinConfidence float64             `yaml:"min_confidence"`
	Sources       []string            `yaml:"sources"`
	Languages     []string            `yaml:"languages"`
	Countries     []string            `yaml:"countries"`
	Regions       []string            `yaml:"regions"`
	Profiles      []string            `yaml:"profiles"`
	Since         time.Time           `yaml:"since"`
	Until         time.Time           `yaml:"until"`
	MinLikes      int64               `yaml:"min_likes"`
	Facets        []string            `yaml:"facets"`
	Sort          string              `yaml:"sort"`
	Limit         int                 `yaml:"limit"`
}

// Query is what is asked.
func (q *SearchQuestion) Query() models.SearchQuery {
	return models.SearchQuery{
		Text: q.Text, Attributes: q.Attributes, MinConfidence: q.MinConfidence, Sources: q.Sources, Languages: q.Languages, Countries: q.Countries,
		Regions: q.Regions, Profiles: q.Profiles, Since: q.Since, Until: q.Until, MinLikes: q.MinLikes, Facets: q.Facets, Sort: q.Sort, Limit: q.Limit,
	}
}
