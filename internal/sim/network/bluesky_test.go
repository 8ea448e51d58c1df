package network_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"weft/internal/sim/network"
)

func blueskyWorld() *network.World {
	return network.NewWorld(network.Options{
		Seed: 7, Posts: 60, Tag: "ootd", Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Edits: 0.1, Removals: 0.1, Closures: 1, Suspends: 1, Images: 3,
	})
}

// TestBlueskyWires reads the same events on both wires.
func TestBlueskyWires(t *testing.T) {
	w := blueskyWorld()
	w.Finish()
	srv := httptest.NewServer(w.Bluesky(network.BlueskyOptions{}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	first := func(path string) map[string]any {
		conn, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+path, nil)
		if err != nil {
			t.Fatalf("%s: %v %v", path, err, resp)
		}
		defer func() { _ = conn.CloseNow() }()
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	v1 := first("/subscribe?wantedCollections=app.bsky.feed.post&cursor=1")
	v2 := first("/xrpc/network.bsky.jetstream.subscribeEvents?collections=app.bsky.feed.post&cursor=1")
	payload := v2["payload"].(map[string]any)
	if v2["$type"] != "message" || payload["did"] != v1["did"] || payload["rkey"] != v1["commit"].(map[string]any)["rkey"] {
		t.Errorf("the wires differ: %v, %v", v1, v2)
	}
	if want := w.BlueskyID(0); want != "at://"+v1["did"].(string)+"/app.bsky.feed.post/"+payload["rkey"].(string) {
		t.Errorf("the first event is not of %s: %v", want, v1)
	}
	if _, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/xrpc/network.bsky.jetstream.subscribeEvents?wantedCollections=a.b.c", nil); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("v1 names must be refused with 400 on v2, got %v", resp)
	}
}

// TestBlueskyImage serves an image under the address of its blob.
func TestBlueskyImage(t *testing.T) {
	w := blueskyWorld()
	w.Finish()
	srv := httptest.NewServer(w.Bluesky(network.BlueskyOptions{}))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/xrpc/app.bsky.feed.getPosts?uris=" + w.BlueskyID(w.Page(-1, -1, 1, nil)[0].N))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	_, rest, ok := strings.Cut(string(body), `"$link":"`)
	if !ok {
		t.Fatalf("no image in %s", body)
	}
	cid, _, _ := strings.Cut(rest, `"`)
	img, err := http.Get(srv.URL + "/img/feed_fullsize/plain/did:plc:x/" + cid + "@jpeg")
	if err != nil {
		t.Fatal(err)
	}
	defer img.Body.Close()
	if data, _ := io.ReadAll(img.Body); img.StatusCode != http.StatusOK || !strings.HasPrefix(string(data), "\xff\xd8") {
		t.Errorf("no JPEG: %d", img.StatusCode)
	}
}
