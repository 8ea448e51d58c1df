package elastic

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// monthsTTL is how long it takes a running program at most to learn that a
// build was begun or has taken over.
const monthsTTL = 5 * time.Second

var monthName = regexp.MustCompile(`^\d{4}-\d{2}$`)

// monthOf names the index of posts created at t.
func monthOf(t time.Time) string { return t.UTC().Format("2006-01") }

// months are the indices there are.
type months struct {
	build    int               // the one that serves
	serving  map[string]string // index by month
	next     int               // the one under way, or 0
	building map[string]string // index by month
	idle     map[int][]string  // indices that don't serve, by build
	left     []object          // actions that take the aliases of builds that ended off again
	at       time.Time
}

func (s *Search) indexName(build int, month string) string {
	return fmt.Sprintf("%s-v%d-%s", s.prefix, build, month)
}

func (s *Search) writeAlias(month string) string { return s.prefix + "-write-" + month }

func (s *Search) nextAlias(month string) string { return s.prefix + "-next-" + month }

// seenMonths returns the months as last seen, if that was a moment ago.
func (s *Search) seenMonths(ctx context.Context) (*months, error) {
	s.mu.Lock()
	m := s.months
	s.mu.Unlock()
	if m != nil && time.Since(m.at) < monthsTTL {
		return m, nil
	}
	return s.loadMonths(ctx)
}

// loadMonths asks the cluster. What its aliases say is all there is to know, so
// a build takes over by one change of aliases.
func (s *Search) loadMonths(ctx context.Context) (*months, error) {
	var got map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	m := &months{build: 1, serving: map[string]string{}, building: map[string]string{}, idle: map[int][]string{}, at: time.Now()}
	under := map[int]map[string]string{} // what has the alias of a build under way: index by month, by build
	req := esapi.IndicesGetAliasRequest{Index: []string{s.prefix + "-v*"}, IgnoreUnavailable: yes(), AllowNoIndices: yes(), ExpandWildcards: "all"}
	if err := s.client.do(ctx, req, &got); err != nil {
		return nil, err
	}
	ours := regexp.MustCompile("^" + regexp.QuoteMeta(s.prefix) + `-v(\d+)-(\d{4}-\d{2})$`)
	for index, is := range got {
		parts := ours.FindStringSubmatch(index)
		if parts == nil {
			continue
		}
		build, _ := strconv.Atoi(parts[1]) // digits
		_, reads := is.Aliases[s.prefix]
		_, writes := is.Aliases[s.writeAlias(parts[2])]
		if reads {
			m.build = max(m.build, build)
		}
		if writes {
			m.serving[parts[2]] = index
		}
		if !reads && !writes {
			m.idle[build] = append(m.idle[build], index)
		}
		if _, next := is.Aliases[s.nextAlias(parts[2])]; next {
			if under[build] == nil {
				under[build] = map[string]string{}
			}
			under[build][parts[2]] = index
			m.next = max(m.next, build)
		}
	}
	if m.next <= m.build {
		m.next = 0
	}
	for build, indices := range under {
		if build == m.next {
			m.building = indices
			continue
		}
		for month, index := range indices { // made in the moment the build took over
			m.left = append(m.left, object{"remove": object{"index": index, "alias": s.nextAlias(month)}})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.months = m
	return m, nil
}

// lacks reports whether a write to month has an index to be made first.
func (m *months) lacks(month string) bool {
	return m.serving[month] == "" || (m.next > 0 && m.building[month] == "")
}

// ensure makes the indices of a month, in the build that serves and in one under
// way, where they are missing. Others may do the same at the same time.
func (s *Search) ensure(ctx context.Context, m *months, month string) (*months, error) {
	if !m.lacks(month) {
		return m, nil
	}
	m, err := s.loadMonths(ctx) // another build may serve by now
	if err != nil || !m.lacks(month) {
		return m, err
	}
	if m.serving[month] == "" {
		if err := s.create(ctx, m.build, month, s.writeAlias(month), s.prefix); err != nil {
			return nil, err
		}
	}
	if m.next > 0 && m.building[month] == "" {
		if err := s.create(ctx, m.next, month, s.nextAlias(month)); err != nil {
			return nil, err
		}
	}
	if m, err = s.loadMonths(ctx); err != nil {
		return nil, err
	}
	if m.serving[month] == "" {
		return nil, models.Faultf(models.Unavailable, "index %s is there without its alias %s", s.indexName(m.build, month), s.writeAlias(month))
	}
	return m, nil
}

// create makes an index together with its aliases: nobody sees it without. One
// that was made for a build under way, which serves since, gets its own now.
func (s *Search) create(ctx context.Context, build int, month string, aliases ...string) error {
	if err := s.ensureTemplate(ctx, build); err != nil {
		return err
	}
	named := object{}
	for _, a := range aliases {
		named[a] = object{}
	}
	index := s.indexName(build, month)
	err := s.client.do(ctx, esapi.IndicesCreateRequest{Index: index, Body: body(object{"aliases": named})}, nil)
	if refused(err, "resource_already_exists_exception") {
		err = s.client.do(ctx, esapi.IndicesUpdateAliasesRequest{Body: body(object{"actions": []object{
			{"add": object{"index": index, "aliases": aliases}},
		}})}, nil)
	}
	if err == nil {
		return nil
	}
	// Too many shards, say: no document's fault.
	return models.Faultf(models.Unavailable, "create %s: %w", index, err)
}

// DropEmpty deletes the months that ended before this time and hold no document
// any more, and returns their names. Purged posts leave search one by one
// (Delete), and the empty indices would stay for ever. It blocks writes to a
// month while it makes sure, so a write that comes then is models.Unavailable, and
// finds the month made anew or open again when it comes back.
func (s *Search) DropEmpty(ctx context.Context, before time.Time) ([]string, error) {
	if s.closed.Load() {
		return nil, fault("drop months", errClosed)
	}
	m, err := s.loadMonths(ctx)
	if err != nil {
		return nil, fault("drop months", err)
	}
	blocked, err := s.blocked(ctx)
	if err != nil {
		return nil, fault("drop months", err)
	}
	var dropped []string
	for month, index := range m.serving {
		start, err := time.Parse("2006-01", month)
		if err != nil || start.AddDate(0, 1, 0).After(before) {
			continue
		}
		gone, err := s.dropIfEmpty(ctx, index, blocked[index])
		if err != nil {
			return dropped, fault("drop "+index, err)
		}
		if gone {
			dropped = append(dropped, index)
		}
	}
	return dropped, nil
}

// blocked are the indices that take no writes. One that another program looked
// at when it died is opened by the next look.
func (s *Search) blocked(ctx context.Context) (map[string]bool, error) {
	const setting = "index.blocks.write"
	var got map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	req := esapi.IndicesGetSettingsRequest{
		Index: []string{s.prefix + "-v*"}, Name: []string{setting}, FlatSettings: yes(), IgnoreUnavailable: yes(), AllowNoIndices: yes(), ExpandWildcards: "all",
	}
	if err := s.client.do(ctx, req, &got); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for index, is := range got {
		out[index] = is.Settings[setting] == "true"
	}
	return out, nil
}

func (s *Search) dropIfEmpty(ctx context.Context, index string, blocked bool) (bool, error) {
	n := int64(0)
	look := func() error {
		err := s.client.do(ctx, esapi.IndicesRefreshRequest{Index: []string{index}}, nil)
		if err == nil {
			n, err = s.count(ctx, index)
		}
		return err
	}
	block := func(ctx context.Context, on any) error {
		settings := body(object{"index.blocks.write": on})
		return s.client.do(ctx, esapi.IndicesPutSettingsRequest{Index: []string{index}, Body: settings}, nil)
	}
	if err := look(); err != nil || (n > 0 && !blocked) { // nobody is to wait for a month that stays
		return false, err
	}
	err := block(ctx, true)
	if err == nil {
		err = look()
	}
	if err == nil && n == 0 {
		if err = s.client.do(ctx, esapi.IndicesDeleteRequest{Index: []string{index}}, nil); err == nil {
			return true, nil
		}
	}
	return false, errors.Join(err, block(context.WithoutCancel(ctx), nil)) // also for a caller who has left
}
