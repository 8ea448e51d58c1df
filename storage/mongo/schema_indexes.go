package mongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// index is one that the server keeps. Its name is COLLECTION/NAME.
type index struct {
	name    string
	coll    string
	keys    bson.D
	unique  bool
	partial bson.D
	rest    []string // what a query may ask besides, of the few documents that the keys find
}

// primary ends the name of each collection's own index on _id.
const primary = "/_id_"

// The declared indexes, besides the own ones.
const (
	postsAuthor   = "posts/author"
	postsDirty    = "posts/dirty"
	postsHidden   = "posts/hidden"
	postsAt       = "posts/at"
	postsGen      = "posts/gen"
	postsPast     = "posts/past"
	postsState    = "posts/state"
	postsProfile  = "posts/profile"
	postsDue      = "posts/due"
	postsCampaign = "posts/campaign"
	postsLooks    = "posts/looks"

	timelinesRun = "timelines/run"

	itemsList    = "items/list"
	itemsPost    = "items/post"
	itemsWaiting = "items/waiting"

	itemsLane      = "items/lane"
	itemsOldest    = "items/oldest"
	itemsContested = "items/contested"
	itemsGold      = "items/gold"
	itemsHeld      = "items/held"
	itemsRunOut    = "items/runout"

	draftsItem = "drafts/item"

	answersItem    = "answers/item"
	answersBy      = "answers/by"
	answersProfile = "answers/profile"
	answersAt      = "answers/at"

	profilesName     = "profiles/name"
	campaignsStarted = "campaigns/started"
	resultsInput     = "results/input"
	activityHour     = "activity/hour"

	stagingPost  = "staging/post"
	stagingWaits = "staging/waits"
	stagingFree  = "staging/free"
	stagingPart  = "staging/part"
	partsState   = "parts/state"
	partsMade    = "parts/made"
	partsHolds   = "parts/holds"
	partsStrip   = "parts/strip"

	stubsAuthor = "stubs/author"
	stubsHidden = "stubs/hidden"

	forgottenUntil = "forgotten/until"

	buriedAt     = "buried/at"
	straysAt     = "strays/at"
	straysDoomed = "strays/doomed"
	auditHash    = "audit/hash"

	blobRefsPost    = "blob_refs/post"
	blobRefsExpires = "blob_refs/expires"
	blobsDoomed     = "blobs/doomed"
	blobsAgain      = "blobs/again"

	keysCreated     = "api_keys/created"
	sessionsExpires = "sessions/expires"
	reservedExpires = "reservations/expires"
)

// indexes lists every index, and so every way in which this package may ask.
// What each costs is paid on every move that changes its keys: a move along the
// chain touches at and due, its end also state. All others stay as they are.
func indexes() []index {
	out := slices.Concat(postIndexes(), otherIndexes())
	for i := range out {
		out[i].coll, _, _ = strings.Cut(out[i].name, "/")
	}
	for _, coll := range collections() {
		own := index{name: coll + primary, coll: coll, keys: asc("_id")}
		if coll == cPosts {
			// pages through all posts in the order of their ids, where most are wanted anyway
			own.rest = []string{"post.created_at", "runs.step", "runs.campaign", "tomb", "dirty", "hidden", "runs.ended_at", "runs.state"}
		}
		if coll == cLines {
			own.rest = []string{"by", "action"} // few ask for less than all, and each page ends soon
		}
		out = append(out, own)
	}
	return out
}

func postIndexes() []index {
	return []index{
		{name: postsAuthor, keys: asc("author", "_id"), partial: has("author")},
		{name: postsDirty, keys: asc("dirty", "_id"), partial: has("dirty")},
		{name: postsHidden, keys: asc("hidden", "_id"), partial: has("hidden")},
		// at and gen are for the counts, which thus read keys and no documents
		{name: postsAt, keys: asc("at")},
		{name: postsGen, keys: asc("gen")},
		{name: postsPast, keys: asc("past"), partial: has("past")},
		{name: postsState, keys: asc("runs.state", "_id"), rest: []string{"runs.step", "runs.profile"}},
		{name: postsProfile, keys: asc("runs.profile", "_id"), rest: []string{"runs.step"}},
		{name: postsDue, keys: asc("runs.due")},
		{name: postsCampaign, keys: asc("runs.campaign", "_id"), partial: has("runs.campaign"),
			rest: []string{"runs.state", "runs.step", "runs.profile"}},
		{name: postsLooks, keys: asc("looks.bands")}, // a post without images is in it once
	}
}

func otherIndexes() []index {
	return []index{
		{name: timelinesRun, keys: asc("post", "profile", "seq"), unique: true},
		{name: itemsList, keys: bson.D{{Key: "state", Value: 1}, {Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}},
			rest: []string{"profile"}},
		{name: itemsPost, keys: asc("post"), rest: []string{"state"}},
		{name: itemsWaiting, keys: asc("opened_at", "_id"), partial: bson.D{{Key: "waiting", Value: bson.D{{Key: "$gt", Value: 0}}}}},
		// lane has an item in it as long as somebody may claim it
		{name: itemsLane, keys: bson.D{{Key: "lane", Value: 1}, {Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}},
			partial: has("lane")},
		{name: itemsOldest, keys: asc("opened_at", "_id"), partial: has("lane"), rest: []string{"profile"}},
		{name: itemsContested, keys: bson.D{{Key: "contested", Value: 1}, {Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}},
			partial: has("contested"), rest: []string{"profile", "state"}}, // few are, and all of them open
		{name: itemsGold, keys: asc("gold", "_id"), partial: has("gold"), rest: []string{"profile", "seen", "holds.by"}}, // people choose them one by one
		{name: itemsHeld, keys: asc("holds.by"), partial: has("holds.by")},
		{name: itemsRunOut, keys: asc("holds.expires"), partial: has("holds.expires"), rest: []string{"profile", "holds.by"}}, // as many as people at work
		{name: draftsItem, keys: asc("item")},
		{name: answersItem, keys: asc("item")},
		{name: answersBy, keys: bson.D{{Key: "by", Value: 1}, {Key: "at", Value: -1}, {Key: "item", Value: -1}}, rest: []string{"profile"}},
		{name: answersProfile, keys: bson.D{{Key: "profile", Value: 1}, {Key: "at", Value: -1}, {Key: "item", Value: -1}}, rest: []string{"skipped"}},
		{name: answersAt, keys: bson.D{{Key: "at", Value: -1}, {Key: "item", Value: -1}}, rest: []string{"skipped"}},
		{name: profilesName, keys: bson.D{{Key: "name", Value: 1}, {Key: "put", Value: -1}}},
		{name: campaignsStarted, keys: bson.D{{Key: "started_at", Value: -1}, {Key: "_id", Value: 1}}},
		{name: resultsInput, keys: asc("result.input")},
		{name: activityHour, keys: asc("hour", "profile", "step", "outcome")},
		// of the rows, most are in parts and wait for their posts to be purged
		{name: stagingPost, keys: asc("post")},
		{name: stagingWaits, keys: asc("part", "archived_at", "day", "source"), partial: waits()},
		{name: stagingFree, keys: asc("part", "day", "source", "archived_at", "_id"), partial: waits()},
		{name: stagingPart, keys: asc("part"), rest: []string{"body"}},
		{name: partsState, keys: asc("state", "made_at", "_id")},
		{name: partsMade, keys: asc("made_at", "_id"), rest: []string{"state"}}, // few are in a state that is not asked for
		{name: partsHolds, keys: asc("holds")},
		{name: partsStrip, keys: asc("strip"), partial: bson.D{{Key: "strip", Value: true}}},
		{name: stubsAuthor, keys: asc("author", "_id"), partial: has("author")},
		{name: stubsHidden, keys: asc("hidden", "_id"), partial: has("hidden")},
		{name: forgottenUntil, keys: asc("until"), partial: bson.D{{Key: "until", Value: bson.D{{Key: "$gt", Value: 0}}}}},
		{name: buriedAt, keys: asc("at", "_id")},
		{name: straysAt, keys: asc("doomed", "at")},
		{name: straysDoomed, keys: asc("doomed", "_id")},
		{name: auditHash, keys: asc("hash", "_id"), rest: []string{"act", "receipt"}},
		{name: blobRefsPost, keys: asc("post")},
		{name: blobRefsExpires, keys: asc("expires"), partial: has("expires")},
		{name: blobsDoomed, keys: asc("doomed", "_id"), partial: has("doomed")},
		{name: blobsAgain, keys: asc("again", "_id"), partial: has("again"), rest: []string{"refs"}},
		{name: keysCreated, keys: bson.D{{Key: "created", Value: -1}, {Key: "_id", Value: 1}}},
		{name: sessionsExpires, keys: asc("expires")},
		{name: reservedExpires, keys: asc("expires")},
	}
}

// waits is the condition of rows that are in no part.
func waits() bson.D { return bson.D{{Key: "part", Value: ""}} }

func asc(keys ...string) bson.D {
	var out bson.D
	for _, k := range keys {
		out = append(out, bson.E{Key: k, Value: 1})
	}
	return out
}

// has is the condition that a document has a field. A query whose field is
// compared with a value asks no others, so the server may use the index.
func has(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}
}

func (ix index) own() bool     { return strings.HasSuffix(ix.name, primary) }
func (ix index) short() string { _, s, _ := strings.Cut(ix.name, "/"); return s }

// covers says whether the index serves a condition and an order: its first key
// is among them, a partial index's own condition too, and nothing is asked
// besides that no key or the index's rest has. Of one document, named by its
// id, anything may be asked.
func (ix index) covers(cond, sort bson.D) error {
	asked := fieldsOf("", cond)
	if ix.own() && pinned(cond, "_id") {
		return nil
	}
	first := ix.keys[0].Key
	if !slices.Contains(asked, first) && (len(sort) == 0 || sort[0].Key != first) {
		return models.Faultf(models.Permanent, "index %s does not serve a query for %v in the order %v", ix.name, asked, sort)
	}
	partial := fieldsOf("", ix.partial)
	for _, p := range partial {
		if !slices.ContainsFunc(asked, func(f string) bool { return f == p || strings.HasPrefix(f, p+".") }) {
			return models.Faultf(models.Permanent, "index %s has only documents with %s, which the query doesn't ask", ix.name, p)
		}
	}
	for _, f := range asked {
		if !ix.has(f) && !slices.Contains(ix.rest, f) && !slices.Contains(partial, f) {
			return models.Faultf(models.Permanent, "index %s does not cover %s", ix.name, f)
		}
	}
	return ix.sorts(cond, sort)
}

func (ix index) has(field string) bool {
	return slices.ContainsFunc(ix.keys, func(e bson.E) bool { return e.Key == field })
}

// sorts says whether the index gives an order: the keys that have one value
// stand still, those behind them follow.
func (ix index) sorts(cond, sort bson.D) error {
	i, forward := 0, true // an index may be read backwards, as a whole
	for _, key := range ix.keys {
		if i == len(sort) {
			break
		}
		same := key.Value == sort[i].Value
		if i == 0 {
			forward = same
		}
		if key.Key == sort[i].Key && same == forward {
			i++
		} else if !pinned(cond, key.Key) {
			break
		}
	}
	if i < len(sort) {
		return models.Faultf(models.Permanent, "index %s does not give the order %v", ix.name, sort)
	}
	return nil
}

// pinned reports whether a condition leaves a field one value, or one of a list:
// the server then merges as many ordered scans.
func pinned(cond bson.D, field string) bool {
	for _, e := range cond {
		v, nested := e.Value.(bson.D)
		switch {
		case !nested && e.Key == field:
			return true
		case nested && e.Key == field && len(v) == 1 && (v[0].Key == "$in" || v[0].Key == "$eq"):
			return true
		case nested && len(v) == 1 && v[0].Key == "$elemMatch":
			inner, ok := v[0].Value.(bson.D)
			if rest, under := strings.CutPrefix(field, e.Key+"."); ok && under && pinned(inner, rest) {
				return true
			}
		}
	}
	return false
}

// fieldsOf lists the fields that a condition asks for.
func fieldsOf(prefix string, cond bson.D) []string {
	var out []string
	for _, e := range cond {
		if list, ok := e.Value.(bson.A); ok && strings.HasPrefix(e.Key, "$") { // $or, $and
			for _, c := range list {
				if d, ok := c.(bson.D); ok {
					out = append(out, fieldsOf(prefix, d)...)
				}
			}
			continue
		}
		name := prefix + e.Key
		if d, ok := e.Value.(bson.D); ok {
			if inner := elemMatch(d); inner != nil {
				out = append(out, fieldsOf(name+".", inner)...)
				continue
			}
		}
		out = append(out, name)
	}
	return out
}

// elemMatch returns what a condition asks of an array's elements, be it that
// one or that none is so.
func elemMatch(d bson.D) bson.D {
	if len(d) != 1 {
		return nil
	}
	inner, _ := d[0].Value.(bson.D)
	switch d[0].Key {
	case "$elemMatch":
		return inner
	case "$not":
		return elemMatch(inner)
	}
	return nil
}

// all is the condition of whatever is in the index.
func (ix index) all() bson.D {
	if ix.partial == nil {
		return bson.D{}
	}
	return ix.partial
}
