package bluesky

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/models"
	"weft/source"
)

// event is one event of the stream, of either wire.
type event struct {
	kind   string // commit, identity, account, sync or info; empty: unknown
	did    string
	at     time.Time
	seq    int64  // 0: the older servers have none
	commit object // the members of a commit
	state  object // of an account
	info   object
	raw    json.RawMessage // without the frame around it
}

// frameError is what a server says before it hangs up.
type frameError struct{ name, message string }

func (e *frameError) Error() string { return "the stream says " + e.name + ": " + e.message }

const v2Prefix = "network.bsky.jetstream.subscribeEvents#"

// readEvent reads one line of either wire. Members are told by name alone:
// their order differs between servers.
func readEvent(line []byte) (event, error) {
	o := asObject(line)
	if o == nil {
		return event{}, errors.New("no JSON object")
	}
	switch o.text("$type") {
	case "error":
		return event{}, &frameError{o.text("error"), o.text("message")}
	case "message":
		if line = o["payload"]; asObject(line) == nil {
			return event{}, errors.New("payload: an object is wanted")
		}
		o = asObject(line)
	}
	if kind, ok := strings.CutPrefix(o.text("$type"), v2Prefix); ok {
		return readV2(kind, o, line)
	}
	if _, ok := o["kind"]; ok {
		return readV1(o, line)
	}
	return event{}, errors.New("neither kind nor a $type of Jetstream is there")
}

func readV2(kind string, o object, raw json.RawMessage) (event, error) {
	e := event{kind: kind, did: o.did(), at: o.time("time"), raw: raw}
	e.seq, _ = o.number("seq")
	switch kind {
	case "commit":
		e.commit = o
	case "account":
		e.state = o.object("account")
	case "info":
		e.info = o
		return e, nil
	}
	return e, e.check()
}

func readV1(o object, raw json.RawMessage) (event, error) {
	e := event{kind: o.text("kind"), did: o.did(), commit: o.object("commit"), state: o.object("account"), raw: raw}
	e.seq, _ = o.number("cursor") // servers of the second version tell it on the old wire too
	if us, ok := o.number("time_us"); ok && us > 0 {
		e.at = time.UnixMicro(us).UTC()
	}
	return e, e.check()
}

// check refuses an event without identity or time.
func (e event) check() error {
	switch {
	case e.did == "":
		return errors.New("did: a decentralised identifier is wanted, such as did:plc:…")
	case e.at.Before(oldest()) || e.at.Year() > 9000:
		return errors.New("time: a time is wanted")
	case e.kind == "commit" && e.commit == nil:
		return errors.New("commit: an object is wanted")
	case e.kind == "account" && e.state == nil:
		return errors.New("account: an object is wanted")
	}
	return nil
}

// take puts what e tells into b. A post that keep doesn't want is left out; the
// deletion of a post is always told, since only the store knows its posts.
func (c *Connector) take(b *source.Batch, e event, keep func(object) bool, last func(models.Post) bool) error {
	switch e.kind {
	case "commit":
		return c.takeCommit(b, e, keep, last)
	case "account":
		return takeAccount(b, e)
	case "sync":
		// An account's history was replaced. Its new posts come as commits; which
		// ones are gone shows when known posts are looked at again.
		b.Skip("account history replaced")
	}
	return nil
}

func (c *Connector) takeCommit(b *source.Batch, e event, keep func(object) bool, last func(models.Post) bool) error {
	if e.commit.text("collection") != postCollection {
		return nil
	}
	rkey, op := e.commit.text("rkey"), e.commit.text("operation")
	if !rkeyPattern.MatchString(rkey) {
		return errors.New("commit.rkey: a record key is wanted")
	}
	switch op {
	case "delete":
		b.Deletions = append(b.Deletions, models.Deletion{
			Source: Name, NativeID: postURI(e.did, rkey), Act: models.Delete, By: "author", At: e.at,
		})
		return nil
	case "create", "update":
	default:
		return fmt.Errorf("commit.operation: %q is none of create, update, delete", clip(op))
	}
	record := e.commit.object("record")
	if record == nil || len(e.raw) > maxRecord {
		return errors.New("commit.record: an object of at most 1 MiB is wanted")
	}
	if !keep(record) {
		return nil
	}
	p := finish(c.build(item{did: e.did, rkey: rkey, record: record, raw: e.raw, at: e.at, edited: op == "update"}))
	if last(p) {
		b.Posts = append(b.Posts, p)
	}
	return nil
}

// fold leaves the newest reading of each post in b, and none of what b itself
// tells to be deleted, whatever came first: a deletion is for ever.
func fold(b *source.Batch) {
	gone := map[string]bool{}
	for _, d := range b.Deletions {
		if d.Act == models.Delete && d.NativeID != "" {
			gone[d.NativeID] = true
		}
	}
	at := make(map[string]int, len(b.Posts))
	kept := b.Posts[:0]
	for _, p := range b.Posts {
		i, known := at[p.NativeID]
		switch {
		case gone[p.NativeID]:
		case known:
			kept[i] = p
		default:
			at[p.NativeID] = len(kept)
			kept = append(kept, p)
		}
	}
	clear(b.Posts[len(kept):])
	b.Posts = kept
}

// takeAccount tells what happened to all posts of an author.
func takeAccount(b *source.Batch, e event) error {
	d := models.Deletion{Source: Name, Author: e.did, At: e.at, By: "platform"}
	active, ok := e.state.flag("active")
	if !ok {
		return errors.New("account.active: true or false is wanted")
	}
	status := e.state.text("status")
	switch {
	case active:
		d.Act = models.Show
	case status == "deleted":
		d.Act, d.By, d.Reason = models.Delete, "author", "account deleted"
	case status == "takendown":
		d.Act, d.Reason = models.Delete, "account taken down"
	case status == "deactivated":
		d.Act, d.By, d.Reason = models.Hide, "author", "account deactivated"
	case status == "desynchronized" || status == "throttled":
		return nil // the relay's own trouble: the account's posts are fine
	default: // suspended, and what may come: hiding can be taken back
		d.Act, d.Reason = models.Hide, "account "+cmp.Or(clip(status), "not active")
	}
	b.Deletions = append(b.Deletions, d)
	return nil
}

// clip keeps what a stranger wrote short in an error.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 60)], "") }
