package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

// A push that the queue has no room for is sent away with a time to come back,
// and a process that is stopped doesn't wait for it.
func TestPushIsSentAwayWhenTheQueueIsTooDeep(t *testing.T) {
	r := newRig(t, plain)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	sum := sha256.Sum256([]byte("hush"))
	a := r.open(nil, config.Override{Key: "push.listen", Value: address}, config.Override{Key: "queue.max_depth", Value: "1"},
		config.Override{Key: "push.tokens", Value: "reseller:" + hex.EncodeToString(sum[:])})
	c, err := a.NewCollector(t.Context(), app.Collection{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	push := func(id string) (int, string, error) {
		body := fmt.Sprintf(`{"id":%q,"text":"hello","created_at":"2026-03-01T12:00:00Z"}`, id)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/push?source=partner&profile=plain", strings.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		req.Header.Set("Authorization", "Bearer hush")
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After"), nil
	}
	status := 0
	for deadline := time.Now().Add(10 * time.Second); status == 0 && time.Now().Before(deadline); { // until it listens
		status, _, _ = push("1")
	}
	if status != http.StatusOK {
		t.Fatalf("the first push is answered %d", status)
	}
	begun := time.Now()
	status, after, err := push("2")
	if err != nil || status != http.StatusTooManyRequests || after != "30" || time.Since(begun) > 9*time.Second {
		t.Errorf("answered %d, Retry-After %q, after %s: %v", status, after, time.Since(begun), err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// What left a cursor and isn't configured any more is told of, and neither as
// due nor as waiting.
func TestStatusTellsOfRemovedQueries(t *testing.T) {
	r := newRig(t, plain)
	a := r.open(nil, config.Override{Key: "queries", Value: `[{"name":"new","source":"feed","params":{"url":"https://blog.example/feed"}}]`})
	next := r.now().Add(time.Hour)
	for _, c := range []models.Cursor{
		{Query: "old", Seq: 1, Source: "feed", Next: next, Posts: 7, Paused: "stopped: help"}, {Query: "new", Seq: 1, Source: "feed", Next: next, Success: r.now()},
	} {
		if err := a.Documents.PutCursor(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	s, err := a.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if len(s.Queries) != 2 || s.Queries[0].Removed || !s.Queries[1].Removed || s.Queries[1].Posts != 7 || !s.Queries[1].Next.IsZero() {
		t.Errorf("status has %+v", s.Queries)
	}
	if !strings.Contains(text.String(), "not in this configuration: old") || strings.Contains(text.String(), "help") {
		t.Errorf("it says:\n%s", text.String())
	}
}
