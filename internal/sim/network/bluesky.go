package network

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// BlueskyOptions say how the made-up Bluesky behaves. The zero value is fine.
type BlueskyOptions struct {
	Advance  int           // events that happen on each list request, and when a stream has no more
	FirstSeq int64         // seq of the first event; 1 when 0
	Lookback time.Duration // how far back streams go; 0: to the beginning
	Drops    float64       // share of events at which a stream's connection is lost
	SlowOnce int           // after so many events of the first connection the server says ConsumerTooSlow; 0: never
	OldV1    bool          // the old wire has no seq, as the older servers
	Expire   int           // calls after which an access token expires; 0: never
	Password string        // the account's app password; "app-password" when empty
}

type bluesky struct {
	w   *World
	opt BlueskyOptions

	mu     sync.Mutex
	rng    *rand.Rand
	slow   bool           // ConsumerTooSlow was said
	tokens map[string]int // calls left, by access token
	fresh  string         // the refresh token that holds
	logins int
	calls  int
}

// Bluesky serves the stream on both wires, sessions, search and known posts,
// and the image server.
func (w *World) Bluesky(opt BlueskyOptions) http.Handler {
	if opt.FirstSeq == 0 {
		opt.FirstSeq = 1
	}
	if opt.Password == "" {
		opt.Password = "app-password"
	}
	b := &bluesky{w: w, opt: opt, rng: rand.New(rand.NewPCG(w.Opt.Seed, 0x6273_6b79)), tokens: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /subscribe", func(rw http.ResponseWriter, r *http.Request) { b.subscribe(rw, r, true) })
	mux.HandleFunc("GET /xrpc/network.bsky.jetstream.subscribeEvents", func(rw http.ResponseWriter, r *http.Request) { b.subscribe(rw, r, false) })
	mux.HandleFunc("POST /xrpc/com.atproto.server.createSession", b.createSession)
	mux.HandleFunc("POST /xrpc/com.atproto.server.refreshSession", b.refreshSession)
	mux.HandleFunc("GET /xrpc/app.bsky.feed.searchPosts", b.searchPosts)
	mux.HandleFunc("GET /xrpc/app.bsky.feed.getPosts", b.getPosts)
	mux.HandleFunc("GET /xrpc/app.bsky.actor.getProfiles", b.getProfiles)
	mux.HandleFunc("GET /img/feed_fullsize/plain/{did}/{name}", b.image)
	return mux
}

func lower32(n int, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:n]
}

func blueskyDID(author int) string { return "did:plc:" + lower32(24, fmt.Sprint("author ", author)) }

const (
	blueskyDigits = "234567abcdefghijklmnopqrstuvwxyz"
	blueskyEpoch  = uint64(1_760_000_000_000_000)
)

// blueskyNumber is the post whose key ends an address; -1 for none.
func blueskyNumber(uri string) int {
	v := uint64(0)
	for _, r := range uri[strings.LastIndexByte(uri, '/')+1:] {
		v = v<<5 | uint64(max(strings.IndexRune(blueskyDigits, r), 0))
	}
	return int(v>>10) - int(blueskyEpoch)
}

// blueskyKey is a post's record key: a time in microseconds in the network's
// own base 32, and so in the order of the posts.
func blueskyKey(n int) string {
	v := (blueskyEpoch + uint64(n)) << 10
	var key [13]byte
	for i := 12; i >= 0; i-- {
		key[i] = blueskyDigits[v&31]
		v >>= 5
	}
	return string(key[:])
}

func blueskyCID(kind string, n int) string {
	sum := sha256.Sum256(fmt.Append(nil, kind, n))
	return "b" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append([]byte{1, 0x55, 0x12, 0x20}, sum[:]...)))
}

func (p Post) blueskyURI() string {
	return "at://" + blueskyDID(p.Author.N) + "/app.bsky.feed.post/" + blueskyKey(p.N)
}

// BlueskyID is the address of post n, which tells its author; empty if it
// wasn't written yet.
func (w *World) BlueskyID(n int) string {
	p, ok := w.Post(n)
	if !ok {
		return ""
	}
	return p.blueskyURI()
}

// BlueskyText is what a post's text must have become: every other post has its
// hashtags marked in the text, the others have them hidden.
func BlueskyText(p Post) string {
	if p.N%2 == 1 {
		return p.Text
	}
	return p.Text + " ✨ #" + strings.Join(p.Tags, " #")
}

func (b *bluesky) record(p Post) map[string]any {
	rec := map[string]any{"$type": "app.bsky.feed.post", "text": BlueskyText(p), "createdAt": p.Created.UTC().Format("2006-01-02T15:04:05.000Z"), "langs": []string{p.Language}}
	if p.N%2 == 1 {
		rec["tags"] = p.Tags
	} else {
		rec["facets"] = blueskyFacets(BlueskyText(p), p.Tags)
	}
	var images []any
	for _, n := range p.Images {
		images = append(images, map[string]any{"alt": p.Alt, "image": map[string]any{
			"$type": "blob", "ref": map[string]any{"$link": blueskyCID("image", n)}, "mimeType": "image/jpeg", "size": 4096,
		}})
	}
	if images != nil {
		rec["embed"] = map[string]any{"$type": "app.bsky.embed.images", "images": images}
	}
	var labels []any
	if p.Adult {
		labels = append(labels, map[string]any{"val": "porn"})
	}
	if p.NoIndex {
		labels = append(labels, map[string]any{"val": "!no-unauthenticated"})
	}
	if labels != nil {
		rec["labels"] = map[string]any{"$type": "com.atproto.label.defs#selfLabels", "values": labels}
	}
	return rec
}

func blueskyFacets(text string, tags []string) []any {
	var out []any
	for _, tag := range tags {
		start := strings.LastIndex(text, "#"+tag)
		out = append(out, map[string]any{
			"index":    map[string]any{"byteStart": start, "byteEnd": start + 1 + len(tag)},
			"features": []any{map[string]any{"$type": "app.bsky.richtext.facet#tag", "tag": tag}},
		})
	}
	return out
}

// subscribe streams events from the cursor on.
func (b *bluesky) subscribe(rw http.ResponseWriter, r *http.Request, v1 bool) {
	for name := range r.URL.Query() {
		if strings.HasPrefix(name, "wanted") != v1 && name != "cursor" && name != "maxMessageSizeBytes" {
			blueskyError(rw, http.StatusBadRequest, "InvalidRequest", "unknown parameter "+name)
			return
		}
	}
	from, clamped, ok := b.from(r.URL.Query(), v1)
	if !ok {
		blueskyError(rw, http.StatusBadRequest, "CursorTooOld", "the cursor is below the floor")
		return
	}
	conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{Subprotocols: []string{"xrpc.v1.json"}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ctx := conn.CloseRead(r.Context())
	if clamped && !v1 {
		info := map[string]any{"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "OutdatedCursor", "message": "went on from the floor"}
		if b.send(ctx, conn, map[string]any{"$type": "message", "payload": info}) != nil {
			return
		}
	}
	b.pour(ctx, conn, from, v1)
}

// from resolves a cursor to the index of an event.
func (b *bluesky) from(q url.Values, v1 bool) (index int, clamped, ok bool) {
	done := b.w.happened()
	cursor, err := strconv.ParseInt(q.Get("cursor"), 10, 64)
	if err != nil {
		return done, false, true
	}
	floor := 0
	if b.opt.Lookback > 0 && done > 0 {
		floor = max(done-int(b.opt.Lookback/b.w.Opt.Step), 0)
	}
	if cursor >= 1e15 {
		at := time.UnixMicro(cursor).Sub(b.w.Opt.Start)
		index = max(int((at+b.w.Opt.Step-1)/b.w.Opt.Step), 0)
	} else {
		index = int(cursor - b.opt.FirstSeq)
		if index >= 0 && index < floor && !v1 {
			return 0, false, false
		}
	}
	if index >= done || index < 0 {
		return done, false, true // of the future, or of other numbers: live
	}
	return max(index, floor), index < floor, true
}

// happened is how many events there were.
func (w *World) happened() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

func (b *bluesky) pour(ctx context.Context, conn *websocket.Conn, from int, v1 bool) {
	for sent := 0; ; {
		events, more := b.w.Events(from, 100)
		for _, e := range events {
			if b.lost() {
				return
			}
			if b.tooSlow(sent) {
				_ = b.send(ctx, conn, map[string]any{"$type": "error", "error": "ConsumerTooSlow", "message": "you are too slow"})
				_ = conn.Close(websocket.StatusPolicyViolation, "ConsumerTooSlow")
				return
			}
			if b.send(ctx, conn, b.frame(e, v1)) != nil {
				return
			}
			sent++
		}
		from += len(events)
		if len(events) > 0 || (b.opt.Advance > 0 && b.w.Advance(b.opt.Advance) > 0) {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

func (b *bluesky) lost() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opt.Drops > 0 && b.rng.Float64() < b.opt.Drops
}

func (b *bluesky) tooSlow(sent int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slow || b.opt.SlowOnce == 0 || sent < b.opt.SlowOnce {
		return false
	}
	b.slow = true
	return true
}

func (b *bluesky) send(ctx context.Context, conn *websocket.Conn, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, body)
}

// frame writes an event on one of the wires.
func (b *bluesky) frame(e Happened, v1 bool) map[string]any {
	m := map[string]any{"did": blueskyDID(e.Body.Author.N)}
	kind, body := "commit", map[string]any{"rev": blueskyKey(e.N), "collection": "app.bsky.feed.post"}
	switch e.Kind {
	case Create, Edit:
		p := e.Body
		p.Text = e.Text
		body["operation"], body["rkey"], body["cid"], body["record"] = "create", blueskyKey(p.N), blueskyCID("record", e.N), b.record(p)
		if e.Kind == Edit {
			body["operation"] = "update"
		}
	case Remove:
		body["operation"], body["rkey"] = "delete", blueskyKey(e.Post)
	default:
		kind, body = "account", map[string]any{"did": m["did"], "seq": e.N + 7_000_000, "time": e.At.UTC().Format(time.RFC3339Nano), "active": e.Kind == Restore}
		if e.Kind == Close {
			body["status"] = "deleted"
		} else if e.Kind == Suspend {
			body["status"] = "suspended"
		}
	}
	if v1 {
		m["time_us"], m["kind"], m[kind] = e.At.UnixMicro(), kind, body
		if !b.opt.OldV1 {
			m["cursor"] = b.opt.FirstSeq + int64(e.N)
		}
		return m
	}
	m["$type"], m["seq"], m["time"] = "network.bsky.jetstream.subscribeEvents#"+kind, b.opt.FirstSeq+int64(e.N), e.At.UTC().Format("2006-01-02T15:04:05.000000Z")
	if kind == "account" {
		m["account"] = body
	} else {
		maps.Copy(m, body)
	}
	return map[string]any{"$type": "message", "payload": m}
}
