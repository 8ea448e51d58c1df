package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

const (
	labelers      = 50
	labelItems    = 250
	labelLease    = 3 * time.Second
	labelDeadline = 60 * time.Second
)

// office is an API that is killed and started again, and people who label over it.
type office struct {
	t   *testing.T
	app *app.App // the test's own eyes
	set []config.Override
	url string
	out *bytes.Buffer

	mu     sync.Mutex
	holder map[string]held   // item: who got it last
	acked  map[string]string // item: whose answer was acknowledged
	many   chan struct{}     // closed when a third is answered
}

type held struct {
	by string
	at time.Time // when its claim had come
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, out: &bytes.Buffer{}, holder: map[string]held{}, acked: map[string]string{}, many: make(chan struct{})}
	address := freeAddress(t)
	o.url = "http://" + address
	o.set = []config.Override{
		{Key: "data", Value: filepath.Join(t.TempDir(), "data")}, {Key: "api.listen", Value: address}, {Key: "api.rate", Value: "1000"},
		{Key: "labeling.lease", Value: labelLease.String()},
	}
	cfg, err := config.Load("", nil, o.set...)
	if err != nil {
		t.Fatal(err)
	}
	if o.app, err = app.New(t.Context(), cfg, app.Options{Service: "label-test", Log: slog.New(slog.DiscardHandler), NoQueue: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.app.Close() })
	return o
}

// serve starts the API's process.
func (o *office) serve() *exec.Cmd {
	o.t.Helper()
	spec, err := json.Marshal(child{Set: o.set, API: true})
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0]) //nolint:gosec,noctx // this test binary; killed by the test
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	w := &lockedWriter{mu: &o.mu, w: o.out}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	return cmd
}

func (o *office) kill(cmd *exec.Cmd) {
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		o.t.Error(err)
	}
	_ = cmd.Wait() // it was killed: that is its exit status
}

func (o *office) fill(profile string, n int) {
	o.t.Helper()
	for i := range n {
		post := fmt.Sprintf("sim.%s%d", profile, i)
		it := models.Item{
			ID: models.ItemID(post, profile, "t"), Rev: 1, Post: post, Profile: profile, Taxonomy: "t", State: models.ItemOpen, Wanted: 1,
			Questions: []models.Question{{Attribute: "color", Options: []string{"red", "navy"}}}, Priority: float64(i % 5), OpenedAt: time.Now().UTC(),
		}
		if err := o.app.Documents.PutItem(o.t.Context(), it); err != nil {
			o.t.Fatal(err)
		}
	}
}

// ask sends a request until it is answered: the API may be dead just now.
func (o *office) ask(ctx context.Context, key, method, path, body string, into any) (int, error) {
	for {
		status, err := o.once(ctx, key, method, path, body, into)
		if err == nil && status < 500 {
			return status, nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("%s %s: %d, %w", method, path, status, err)
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func (o *office) once(ctx context.Context, key, method, path, body string, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, o.url+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if into != nil && res.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, into)
	}
	return res.StatusCode, err
}

// claimedItems is what the API hands out.
type claimedItems struct {
	Claims []struct {
		Token string
		Item  struct{ ID string }
		Draft *struct{ Skip string }
	}
}

// got notes who has an item; another may have had it only before its lease.
func (o *office) got(item, by string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if who, ok := o.acked[item]; ok {
		o.t.Errorf("%s got %s, which %s has answered", by, item, who)
	}
	// the lease began before its claim came here, so it may be over a little sooner
	if h, ok := o.holder[item]; ok && h.by != by && time.Since(h.at) < labelLease-time.Second {
		o.t.Errorf("%s got %s, which %s got %s ago", by, item, h.by, time.Since(h.at))
	}
	o.holder[item] = held{by, time.Now()}
}

func (o *office) done(item, by string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if who, ok := o.acked[item]; ok && who != by {
		o.t.Errorf("%s was answered by %s and by %s", item, who, by)
	}
	if _, again := o.acked[item]; again {
		return
	}
	o.acked[item] = by
	if len(o.acked) == labelItems/3 {
		close(o.many)
	}
}

func (o *office) answered() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.acked)
}

// label claims, drafts and answers until every item is answered.
func (o *office) label(ctx context.Context, name, key string) {
	for o.answered() < labelItems {
		var got claimedItems
		if status, err := o.ask(ctx, key, "POST", "/v1/labels/claims", `{"profile":"busy","count":1}`, &got); err != nil || status != http.StatusOK {
			o.t.Errorf("%s claims: %d, %v", name, status, err)
			return
		}
		if len(got.Claims) == 0 { // what others hold may come free
			pause(ctx, 100*time.Millisecond)
			continue
		}
		c := got.Claims[0]
		o.got(c.Item.ID, name)
		path := "/v1/labels/" + c.Item.ID
		if status, err := o.ask(ctx, key, "PUT", path+"/draft", `{"values":{"color":["navy"]},"token":"`+c.Token+`"}`, nil); err != nil || status != http.StatusOK {
			o.t.Errorf("%s drafts: %d, %v", name, status, err)
			return
		}
		status, err := o.ask(ctx, key, "POST", path+"/answers", `{"values":{"color":["navy"]},"claim":"`+c.Token+`"}`, nil)
		switch {
		case err != nil:
			o.t.Errorf("%s answers: %v", name, err)
			return
		case status == http.StatusOK:
			o.done(c.Item.ID, name)
		case status != http.StatusConflict: // the lease was over while the API was dead, and another has it
			o.t.Errorf("%s answers: %d", name, status)
		}
	}
}

// TestLabelersOutliveTheAPI: fifty people label over an API that is killed twice.
// Nobody gets what another holds or has answered, and no answer or draft that was
// acknowledged is lost.
func TestLabelersOutliveTheAPI(t *testing.T) {
	o := newOffice(t)
	o.fill("busy", labelItems)
	o.fill("slow", 3)
	ctx, cancel := context.WithTimeout(t.Context(), labelDeadline)
	defer cancel()
	key := func(name string) string {
		shown, _, err := o.app.CreateKey(ctx, name, models.Labeler, 0, "test")
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	cmd := o.serve()
	defer func() { o.kill(cmd) }()
	thinker := key("thinker")
	var slow claimedItems
	if status, err := o.ask(ctx, thinker, "POST", "/v1/labels/claims", `{"profile":"slow","count":3}`, &slow); err != nil || status != http.StatusOK || len(slow.Claims) != 3 {
		t.Fatalf("the thinker claims: %d %v %+v", status, err, slow)
	}
	for _, c := range slow.Claims {
		if status, err := o.ask(ctx, thinker, "PUT", "/v1/labels/"+c.Item.ID+"/draft", `{"skip":"not sure","token":"`+c.Token+`"}`, nil); err != nil || status != http.StatusOK {
			t.Fatalf("the thinker drafts: %d %v", status, err)
		}
	}
	var people sync.WaitGroup
	for i := range labelers {
		name := fmt.Sprint("p", i)
		k := key(name)
		people.Go(func() { o.label(ctx, name, k) })
	}
	for range 2 {
		select {
		case <-o.many:
		case <-ctx.Done():
			t.Fatalf("only %d answers\n%s", o.answered(), tail(o.out.String(), 3000))
		}
		o.kill(cmd)
		cmd = o.serve()
	}
	people.Wait()
	if n := o.answered(); n != labelItems {
		t.Errorf("%d of %d items are answered\n%s", n, labelItems, tail(o.out.String(), 3000))
	}
	for item, by := range o.acked {
		it, err := o.app.Documents.Item(ctx, item)
		if err != nil || len(it.Answers) != 1 || it.Answers[0].By != by || it.State != models.ItemOpen && it.State != models.ItemClosed {
			t.Errorf("%s: %+v, %v; %s had the word that it is kept", item, it.Answers, err, by)
		}
	}
	for _, c := range slow.Claims {
		var again struct{ Draft *struct{ Skip string } }
		status, err := o.ask(ctx, thinker, "POST", "/v1/labels/"+c.Item.ID+"/claim", "", &again)
		if err != nil || status != http.StatusOK || again.Draft == nil || again.Draft.Skip != "not sure" {
			t.Errorf("the thinker's draft: %d %v %+v", status, err, again)
		}
	}
}
