package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"weft/models"
)

// Search is built anew beside the build that serves: BeginBuild, a wait of
// BuildLag, then Put of every post as it is now, then a look at Counts and
// GetIn, FinishBuild, and a BuildLag later DropBuild of the old one. From
// BeginBuild on every program writes to both, so nothing is lost of what
// happens meanwhile, and what is put twice or late does no harm. It may be
// interrupted anywhere: BeginBuild goes on with the one under way.

// BuildLag is how long it takes until every running program knows of a build
// that was begun, or finished.
const BuildLag = monthsTTL + time.Second

// Builds returns the number of the build that serves and of the one under way,
// which is 0 if there is none.
func (s *Search) Builds(ctx context.Context) (serving, next int, err error) {
	m, err := s.loadMonths(ctx)
	if err != nil {
		return 0, 0, fault("search builds", err)
	}
	return m.build, m.next, nil
}

// BeginBuild makes the indices of a new build, or finds those of the one under
// way, and returns its number. It is 0 if search is empty: then there is
// nothing to build beside, and Put is all it takes.
func (s *Search) BeginBuild(ctx context.Context) (int, error) {
	m, err := s.loadMonths(ctx)
	if err == nil && len(m.left) > 0 { // an alias to write must not name two builds
		err = s.client.do(ctx, esapi.IndicesUpdateAliasesRequest{Body: body(object{"actions": m.left})}, nil)
	}
	if err != nil {
		return 0, fault("begin a build of search", err)
	}
	next := m.next
	if next == 0 {
		next = m.build + 1
	}
	for _, month := range slices.Sorted(maps.Keys(m.serving)) {
		if m.building[month] != "" {
			continue
		}
		if err := s.create(ctx, next, month, s.nextAlias(month)); err != nil {
			return 0, fault("begin a build of search", err)
		}
	}
	if m, err = s.loadMonths(ctx); err != nil {
		return 0, fault("begin a build of search", err)
	}
	return m.next, nil
}

// FinishBuild lets the build under way serve, all at once. Its months must be
// those that serve now.
func (s *Search) FinishBuild(ctx context.Context) error {
	m, err := s.loadMonths(ctx)
	if err != nil {
		return fault("finish a build of search", err)
	}
	if m.next == 0 {
		return models.Faultf(models.Permanent, "finish a build of search: none is under way")
	}
	var actions []object
	for month, index := range m.serving {
		if m.building[month] == "" {
			return models.Faultf(models.Unavailable, "finish a build of search: build %d has no %s yet: begin it again", m.next, month)
		}
		actions = append(actions, object{"remove": object{"index": index, "aliases": []string{s.prefix, s.writeAlias(month)}}})
	}
	for month, index := range m.building {
		actions = append(actions, object{"add": object{"index": index, "aliases": []string{s.prefix, s.writeAlias(month)}}},
			object{"remove": object{"index": index, "alias": s.nextAlias(month)}})
	}
	if err = s.client.do(ctx, esapi.IndicesUpdateAliasesRequest{Body: body(object{"actions": actions})}, nil); err == nil {
		_, err = s.loadMonths(ctx)
	}
	return fault("finish a build of search", err)
}

// DropBuild deletes a build that doesn't serve: an old one, with what is left of
// those before it, or one given up. A month that was born for the old one in the
// moment the new one took over serves on, and goes with the next build.
func (s *Search) DropBuild(ctx context.Context, build int) error {
	what := fmt.Sprintf("drop build %d of search", build)
	m, err := s.loadMonths(ctx)
	if err != nil {
		return fault(what, err)
	}
	if build == m.build {
		return models.Faultf(models.Permanent, "%s: it serves", what)
	}
	var indices []string
	for b, idle := range m.idle {
		if b == build || b < build && build < m.build {
			indices = append(indices, idle...)
		}
	}
	const atOnce = 50 // their names are in the request's first line
	for some := range slices.Chunk(indices, atOnce) {
		if err == nil {
			err = s.client.do(ctx, esapi.IndicesDeleteRequest{Index: some}, nil)
		}
	}
	if err == nil && build < m.build {
		err = s.dropTemplate(ctx, build)
	}
	if err == nil {
		_, err = s.loadMonths(ctx)
	}
	return fault(what, err)
}

// dropTemplate deletes the template of an old build. That of one given up stays:
// programs that still know of the build would make an index by a mere deletion,
// which a template forbids, and the next build has its number.
func (s *Search) dropTemplate(ctx context.Context, build int) error {
	err := s.client.do(ctx, esapi.IndicesDeleteIndexTemplateRequest{Name: fmt.Sprintf("%s-v%d", s.prefix, build)}, nil)
	if refused(err, "index_template_missing_exception") {
		return nil
	}
	return err
}

// Counts returns how many documents each month of a build holds. It refreshes
// them first, so it is exact for what was written before.
func (s *Search) Counts(ctx context.Context, build int) (map[string]int64, error) {
	what := fmt.Sprintf("count build %d of search", build)
	indices, err := s.indicesOf(ctx, build)
	if err != nil {
		return nil, fault(what, err)
	}
	counts := map[string]int64{}
	for month, index := range indices {
		if err := s.client.do(ctx, esapi.IndicesRefreshRequest{Index: []string{index}}, nil); err != nil {
			return nil, fault(what, err)
		}
		if counts[month], err = s.count(ctx, index); err != nil {
			return nil, fault(what, err)
		}
	}
	return counts, nil
}

// GetIn returns what a build holds of a post created then, or models.ErrNotFound.
func (s *Search) GetIn(ctx context.Context, build int, id string, created time.Time) (models.SearchDoc, error) {
	var doc models.SearchDoc
	got, err := s.mget(ctx, []look{{index: s.indexName(build, monthOf(created)), id: id, source: true}})
	switch {
	case err != nil:
	case !got[0].found:
		err = models.ErrNotFound
	default:
		err = json.Unmarshal(got[0].source, &doc)
	}
	return doc, fault(fmt.Sprintf("get %s from build %d of search", id, build), err)
}

// indicesOf returns the indices of a build by month, whatever their aliases.
func (s *Search) indicesOf(ctx context.Context, build int) (map[string]string, error) {
	var got map[string]any
	pattern := s.indexName(build, "*")
	req := esapi.IndicesGetAliasRequest{Index: []string{pattern}, IgnoreUnavailable: yes(), AllowNoIndices: yes(), ExpandWildcards: "all"}
	if err := s.client.do(ctx, req, &got); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for index := range got {
		month := index[len(pattern)-1:]
		if s.indexName(build, month) == index && monthName.MatchString(month) {
			out[month] = index
		}
	}
	return out, nil
}
