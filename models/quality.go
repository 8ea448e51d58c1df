package models

import "time"

// QualityFilter says of which answers a report is. Empty fields take all.
type QualityFilter struct {
	Profile      string
	Since, Until time.Time
}

// Agreement tells how far people agree on one attribute. What can't be computed
// from so few answers is absent.
type Agreement struct {
	Attribute string      `json:"attribute"`
	Items     int         `json:"items" doc:"That two or more people answered."`
	Answers   int         `json:"answers" doc:"To those items."`
	Raters    int         `json:"raters" doc:"Who gave them."`
	Percent   *float64    `json:"percent,omitempty" doc:"Of the pairs of answers to one item, those that are alike; 0 to 1."`
	Cohen     *float64    `json:"cohen_kappa,omitempty" doc:"Where just two people answered: over the items that both did."`
	Fleiss    *float64    `json:"fleiss_kappa,omitempty" doc:"Over the items that most people answered the same number of times; fleiss_items says how many."`
	FleissN   int         `json:"fleiss_items,omitempty"`
	Alpha     *float64    `json:"krippendorff_alpha,omitempty" doc:"Nominal, over all items; takes missing answers."`
	Low       *float64    `json:"alpha_low,omitempty" doc:"Of the 95 % interval of alpha, by bootstrap over the items."`
	High      *float64    `json:"alpha_high,omitempty"`
	Confusion []Confusion `json:"confusion" nullable:"false" doc:"Which answers stand against each other, the most frequent first."`
}

// Confusion is a pair of different answers to the same item. Several values of
// one answer are joined by a comma; none is the empty text.
type Confusion struct {
	A     string `json:"a"`
	B     string `json:"b"`
	Count int    `json:"count"`
}

// LabelerQuality tells of one person's answers.
type LabelerQuality struct {
	Name          string   `json:"name"`
	Answers       int      `json:"answers" doc:"Skips not among them."`
	Skips         int      `json:"skips"`
	GoldAsked     int      `json:"gold_asked" doc:"Answers to items whose right answer is known."`
	GoldRight     int      `json:"gold_right" doc:"Of these, those that were right in every attribute."`
	Compared      int      `json:"compared" doc:"Answers, attribute by attribute, to settled items that others answered too."`
	Agreeing      int      `json:"agreeing" doc:"Of these, those that are what the item came to."`
	Timed         int      `json:"timed" doc:"Answers whose time is known: their claim lasted."`
	MedianSeconds *float64 `json:"median_seconds,omitempty" doc:"From being handed out to the answer, by the server's clock."`
	P90Seconds    *float64 `json:"p90_seconds,omitempty"`
	ActiveSeconds *float64 `json:"active_median_seconds,omitempty" doc:"While the page had the focus, by the page's own word."`
}

// LabelProgress tells how labeling gets on.
type LabelProgress struct {
	Open     int          `json:"open" doc:"Items that want an answer and that nobody holds as far as they do."`
	Held     int          `json:"held" doc:"Live claims."`
	Disputed int          `json:"disputed" doc:"Items that wait for an analyst."`
	Hours    []HourlyWork `json:"hours" nullable:"false" doc:"The last 24, the oldest first."`
	Oldest   *time.Time   `json:"oldest,omitempty" doc:"When the oldest open item was opened."`
}

// HourlyWork is how many answers one hour brought.
type HourlyWork struct {
	From    time.Time `json:"from"`
	Answers int       `json:"answers"`
	Skips   int       `json:"skips"`
}
