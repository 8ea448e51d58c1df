package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/api"
	"weft/models"
)

// question stores an item about the colour of a post.
func (r *rig) question(t *testing.T, n int, change func(it *models.Item)) models.Item {
	t.Helper()
	post := fmt.Sprint("file.q", n)
	it := models.Item{
		ID: models.ItemID(post, "catalog", "t"), Rev: 1, Post: post, Profile: "catalog", Taxonomy: "t", State: models.ItemOpen, Wanted: 1, Reason: "unsure",
		Questions: []models.Question{{Attribute: "color", Options: []string{"red", "navy"}, Suggestion: []string{"red"}, Confidence: .4, Model: "color", Version: "3"}},
		OpenedAt:  time.Unix(1e9+int64(n), 0).UTC(),
	}
	if change != nil {
		change(&it)
	}
	if err := r.documents.PutItem(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	return it
}

// person is somebody with a key of their own.
func (r *rig) person(t *testing.T, name string, role models.Role) func(*http.Request) {
	t.Helper()
	key := r.key(t, name, role)
	return func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+key) }
}

type claimed struct {
	Claims  []api.Claim
	Waiting api.Waiting
	Reasons []string `json:"skip_reasons"`
}

func (r *rig) claim(t *testing.T, who func(*http.Request), text string) claimed {
	t.Helper()
	var got claimed
	a := r.ask(t, "POST", "/v1/labels/claims", body(text, who))
	a.into(t, &got)
	if a.status != 200 {
		t.Fatalf("claim: %d %s", a.status, a.body)
	}
	return got
}

func TestLabelClaims(t *testing.T) {
	r := start(t, nil)
	first, second := r.question(t, 1, nil), r.question(t, 2, nil)
	ann, bob := r.person(t, "ann", models.Labeler), r.person(t, "bob", models.Labeler)
	got := r.claim(t, ann, `{"profile":"catalog","count":1}`)
	if len(got.Claims) != 1 || got.Claims[0].Item.ID != first.ID || got.Claims[0].Reason != "unsure" || got.Claims[0].Adjudicate || got.Waiting.Open != 1 || len(got.Reasons) != 6 {
		t.Fatalf("ann's %+v", got)
	}
	q := got.Claims[0].Item.Questions[0]
	if !q.Multiple || q.Model != "color" || q.Version != "3" || q.Confidence != .4 || len(q.Options) != 2 {
		t.Errorf("question %+v", q)
	}
	token := got.Claims[0].Token
	got = r.claim(t, bob, `{}`)
	if len(got.Claims) != 1 || got.Claims[0].Item.ID != second.ID || got.Waiting.HeldByOthers != 1 || got.Waiting.NextFreeAt == nil {
		t.Fatalf("bob's %+v", got)
	}
	if a := r.ask(t, "POST", "/v1/labels/"+first.ID+"/claim", body(`{}`, bob)); a.status != 409 {
		t.Errorf("bob takes ann's: %d %s", a.status, a.body)
	}
	var beat struct {
		Held []api.HeldClaim
		Lost []string
	}
	r.ask(t, "POST", "/v1/labels/claims/heartbeat", body(`{"tokens":["`+token+`","`+got.Claims[0].Token+`"]}`, ann)).into(t, &beat)
	if len(beat.Held) != 1 || beat.Held[0].Token != token || len(beat.Lost) != 1 || beat.Lost[0] != got.Claims[0].Token {
		t.Errorf("heartbeat %+v", beat)
	}
	a := r.ask(t, "PUT", "/v1/labels/"+first.ID+"/draft", body(`{"values":{"color":["red"]},"token":"`+token+`"}`, ann))
	if a.status != 200 || !strings.Contains(a.body, `"held":true`) {
		t.Errorf("draft: %d %s", a.status, a.body)
	}
	held := claimed{}
	r.ask(t, "GET", "/v1/labels/claims", ann).into(t, &held)
	if len(held.Claims) != 1 || held.Claims[0].Draft == nil || held.Claims[0].Draft.Values["color"][0] != "red" {
		t.Errorf("held %+v", held)
	}
	if a := r.ask(t, "POST", "/v1/labels/claims/release", body(`{"tokens":["`+token+`"]}`, ann)); a.status != 204 {
		t.Errorf("release: %d %s", a.status, a.body)
	}
	// bob has it now, so ann's answer comes too late, and is kept
	if got = r.claim(t, bob, `{"count":5}`); len(got.Claims) != 1 || got.Claims[0].Item.ID != first.ID || got.Claims[0].Draft != nil {
		t.Fatalf("bob's second %+v", got)
	}
	path := "/v1/labels/" + first.ID + "/answers"
	if a := r.ask(t, "POST", path, body(`{"values":{"color":["navy"]},"claim":"`+token+`"}`, ann)); a.status != 409 {
		t.Errorf("late answer: %d %s", a.status, a.body)
	}
	a = r.ask(t, "POST", path, body(`{"skip":"bad image","claim":"`+got.Claims[0].Token+`","active_ms":1200}`, bob))
	if a.status != 200 || strings.Contains(a.body, `"ann"`) {
		t.Errorf("bob's answer: %d %s", a.status, a.body)
	}
	if got = r.claim(t, ann, `{}`); len(got.Claims) != 1 || got.Claims[0].Draft == nil || got.Claims[0].Draft.Values["color"][0] != "navy" {
		t.Fatalf("ann gets it back: %+v, want her late answer as a draft", got)
	}
	stored, err := r.documents.Item(t.Context(), first.ID)
	if err != nil || stored.Answers[0].ActiveMS != 1200 || stored.Answers[0].ClaimedAt.IsZero() {
		t.Errorf("%+v, %v", stored.Answers, err)
	}
}

func TestSkipReasons(t *testing.T) {
	r := start(t, nil)
	it := r.question(t, 1, nil)
	for text, want := range map[string]int{"not sure": 200, "other: it moves": 200, "other: ": 422, "because": 422} {
		said, err := json.Marshal(map[string]string{"skip": text})
		if err != nil {
			t.Fatal(err)
		}
		if a := r.ask(t, "POST", "/v1/labels/"+it.ID+"/answers", body(string(said), r.as(models.Labeler))); a.status != want {
			t.Errorf("skip %q: %d %s, want %d", text, a.status, a.body, want)
		}
	}
}

func TestMyAnswers(t *testing.T) {
	r := start(t, nil)
	ann := r.person(t, "ann", models.Labeler)
	for n := range 3 {
		it := r.question(t, n, nil)
		if a := r.ask(t, "POST", "/v1/labels/"+it.ID+"/answers", body(`{"values":{"color":["red"]}}`, ann)); a.status != 200 {
			t.Fatalf("answer: %d %s", a.status, a.body)
		}
	}
	type page struct {
		Items []api.MyAnswer
		Next  string `json:"next_cursor"`
	}
	var one, two page
	r.ask(t, "GET", "/v1/labels/mine?limit=2", ann).into(t, &one)
	if len(one.Items) != 2 || one.Next == "" || one.Items[0].Item.Post != "file.q2" || one.Items[0].Answer.Values["color"][0] != "red" || one.Items[0].Item.Mine == nil {
		t.Fatalf("first page %+v", one)
	}
	r.ask(t, "GET", "/v1/labels/mine?limit=2&cursor="+one.Next, ann).into(t, &two)
	if len(two.Items) != 1 || two.Next != "" || two.Items[0].Item.Post != "file.q0" {
		t.Errorf("second page %+v", two)
	}
	if a := r.ask(t, "GET", "/v1/labels/mine?cursor="+one.Next, r.as(models.Labeler)); a.status != 422 {
		t.Errorf("another's cursor: %d %s", a.status, a.body)
	}
	// undo: take it again, and say otherwise
	id := one.Items[0].Item.ID
	var c api.Claim
	r.ask(t, "POST", "/v1/labels/"+id+"/claim", body(`{}`, ann)).into(t, &c)
	if c.Token == "" || c.Item.Mine == nil || c.Item.Mine.Values["color"][0] != "red" {
		t.Fatalf("undo %+v", c)
	}
	if a := r.ask(t, "POST", "/v1/labels/"+id+"/answers", body(`{"values":{"color":["navy"]},"claim":"`+c.Token+`"}`, ann)); a.status != 200 || !strings.Contains(a.body, `"color":["navy"]`) {
		t.Errorf("second thought: %d %s", a.status, a.body)
	}
}

// A labeler can't tell a gold item from another, before and after the answer.
func TestGoldIsDisguised(t *testing.T) {
	r := start(t, nil)
	it := r.question(t, 1, nil)
	path := "/v1/labels/" + it.ID
	ann, bob := r.person(t, "ann", models.Labeler), r.person(t, "bob", models.Labeler)
	r.ask(t, "POST", path+"/answers", body(`{"values":{"color":["red"]}}`, ann))
	for text, want := range map[string]int{`{"values":{}}`: 422, `{"values":{"color":["pink"]}}`: 422, `{"values":{"color":["red"]}}`: 200} {
		if a := r.ask(t, "PUT", path+"/gold", body(text, r.as(models.Analyst))); a.status != want {
			t.Errorf("gold %s: %d %s", text, a.status, a.body)
		}
	}
	got := r.claim(t, bob, `{}`)
	if len(got.Claims) != 1 {
		t.Fatalf("bob's %+v", got)
	}
	shown := got.Claims[0].Item
	if shown.ID != it.ID || shown.State != models.ItemOpen || shown.Verdict != models.Unsettled || shown.Given != 0 || shown.Gold != nil || shown.Answers != nil || shown.Mine != nil {
		t.Errorf("shown %+v", shown)
	}
	for _, a := range []reply{
		r.ask(t, "POST", path+"/answers", body(`{"values":{"color":["navy"]},"claim":"`+got.Claims[0].Token+`"}`, bob)), r.ask(t, "GET", path, bob), r.ask(t, "GET", "/v1/labels/mine", bob),
	} {
		if a.status != 200 || strings.Contains(a.body, "gold") || strings.Contains(a.body, "check") || strings.Contains(a.body, `"values":{"color":["red"]`) || !strings.Contains(a.body, `"given":1`) {
			t.Errorf("bob sees %d %s", a.status, a.body)
		}
	}
	if a := r.ask(t, "GET", path, r.as(models.Analyst)); !strings.Contains(a.body, `"check":true`) || !strings.Contains(a.body, `"gold":{"values":{"color":["red"]},"by":"analyst"`) || !strings.Contains(a.body, `"verdict":"settled"`) {
		t.Errorf("an analyst sees %s", a.body)
	}
	var people struct{ Labelers []models.LabelerQuality }
	r.ask(t, "GET", "/v1/labels/labelers?profile=catalog", r.as(models.Analyst)).into(t, &people)
	if len(people.Labelers) != 2 || people.Labelers[1].GoldAsked != 1 || people.Labelers[1].GoldRight != 0 || people.Labelers[0].GoldRight != 1 || people.Labelers[1].MedianSeconds == nil {
		t.Errorf("labelers %+v", people)
	}
	if a := r.ask(t, "DELETE", path+"/gold", r.as(models.Analyst)); a.status != 200 || strings.Contains(a.body, `"gold"`) {
		t.Errorf("no gold any more: %d %s", a.status, a.body)
	}
}

func TestDisputes(t *testing.T) {
	r := start(t, nil)
	it := r.question(t, 1, func(it *models.Item) { it.Wanted = 2 })
	path := "/v1/labels/" + it.ID
	r.ask(t, "POST", path+"/answers", body(`{"values":{"color":["red"]}}`, r.person(t, "ann", models.Labeler)))
	r.ask(t, "POST", path+"/answers", body(`{"values":{"color":["navy"]}}`, r.person(t, "bob", models.Labeler)))
	var got struct{ Items []api.Item }
	r.ask(t, "GET", "/v1/labels/disputed?profile=catalog", r.as(models.Analyst)).into(t, &got)
	if len(got.Items) != 1 || !got.Items[0].Contested || len(got.Items[0].Answers) != 2 {
		t.Fatalf("disputed %+v", got)
	}
	var report struct{ Attributes []models.Agreement }
	r.ask(t, "GET", "/v1/labels/agreement?profile=catalog&since=2020-01-01T00:00:00Z", r.as(models.Analyst)).into(t, &report)
	if len(report.Attributes) != 1 || *report.Attributes[0].Percent != 0 || len(report.Attributes[0].Confusion) != 1 {
		t.Errorf("agreement %+v", report)
	}
	var p models.LabelProgress
	r.ask(t, "GET", "/v1/labels/progress?profile=catalog", r.as(models.Labeler)).into(t, &p)
	if p.Disputed != 1 || p.Open != 1 || len(p.Hours) != 24 || p.Oldest == nil {
		t.Errorf("progress %+v", p)
	}
	var c api.Claim
	r.ask(t, "POST", path+"/claim", body(`{}`, r.as(models.Analyst))).into(t, &c)
	if !c.Adjudicate || c.Reason != "the answers disagree" {
		t.Errorf("claim %+v", c)
	}
	a := r.ask(t, "POST", path+"/answers", body(`{"values":{"color":["navy"]},"claim":"`+c.Token+`"}`, r.as(models.Analyst)))
	if a.status != 200 || !strings.Contains(a.body, `"final":true`) || !strings.Contains(a.body, `"verdict":"settled"`) {
		t.Errorf("decision: %d %s", a.status, a.body)
	}
	r.ask(t, "GET", "/v1/labels/disputed", r.as(models.Analyst)).into(t, &got)
	if len(got.Items) != 0 {
		t.Errorf("still disputed: %+v", got)
	}
}

// TestDisputedPages: each disputed question comes once, the most valuable first.
func TestDisputedPages(t *testing.T) {
	r := start(t, nil)
	var want []string
	for n := range 5 {
		it := r.question(t, n, func(it *models.Item) {
			it.Wanted, it.Priority = 2, []float64{.25, 2, .25, 1.0 / 3, .25}[n]
			it.Answers = []models.Answer{
				{By: "ann", Values: map[string][]string{"color": {"red"}}}, {By: "bob", Values: map[string][]string{"color": {"navy"}}},
			}
		})
		want = append(want, it.ID)
	}
	want = []string{want[1], want[3], want[0], want[2], want[4]}
	var got []string
	cursor := ""
	for page := 0; page < 3; page++ {
		var list struct {
			Items      []api.Item
			NextCursor string `json:"next_cursor"`
		}
		a := r.ask(t, "GET", "/v1/labels/disputed?limit=2&profile=catalog&cursor="+cursor, r.as(models.Analyst))
		a.into(t, &list)
		for _, it := range list.Items {
			got = append(got, it.ID)
		}
		if (list.NextCursor == "") != (page == 2) {
			t.Errorf("page %d: %d %s", page, a.status, a.body)
		}
		if cursor = list.NextCursor; page == 0 {
			if a := r.ask(t, "GET", "/v1/labels/disputed?limit=2&cursor="+cursor, r.as(models.Analyst)); a.status != 422 {
				t.Errorf("the cursor of another query: %d %s", a.status, a.body)
			}
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

func changed(it models.Item, change func(it *models.Item)) models.Item {
	it.Rev++
	change(&it)
	return it
}

// TestBoxAnswers: boxes are on the post's images, are drafted, and end on the post.
func TestBoxAnswers(t *testing.T) {
	r := start(t, nil)
	post, it := r.posted(t)
	image := strings.Repeat("ab12", 16)
	if err := r.documents.PutItem(t.Context(), changed(it, func(it *models.Item) {
		it.Wanted = 1
		it.Questions[0].Kind = models.KindBox
		it.Questions[0].Boxes = []models.Spot{{Value: "red", Image: image, Box: models.Box{W: .5, H: .5}}}
		it.Questions[1] = models.Question{Attribute: "note", Kind: models.KindText, Single: true}
	})); err != nil {
		t.Fatal(err)
	}
	ann := r.person(t, "ann", models.Labeler)
	got := r.claim(t, ann, `{"profile":"catalog","count":1}`)
	q := got.Claims[0].Item.Questions
	if q[0].Kind != models.KindBox || !q[0].Multiple || len(q[0].Boxes) != 1 || q[1].Kind != models.KindText || q[1].Multiple || q[1].Longest != models.LongestText {
		t.Errorf("questions %+v", q)
	}
	path := "/v1/labels/" + it.ID
	boxes := func(image, box string) string {
		return `"values":{"color":["red"],"note":["ribbed"]},"boxes":{"color":[{"value":"red","image":"` + image + `","box":` + box + `}]}`
	}
	const good = `{"x":0.25,"y":0.5,"w":0.125,"h":0.5}`
	if a := r.ask(t, "PUT", path+"/draft", body(`{`+boxes(image, good)+`,"token":"`+got.Claims[0].Token+`"}`, ann)); a.status != 200 {
		t.Errorf("draft: %d %s", a.status, a.body)
	}
	var held claimed
	r.ask(t, "GET", "/v1/labels/claims", ann).into(t, &held)
	if d := held.Claims[0].Draft; d == nil || d.Boxes["color"][0].Box != (models.Box{X: .25, Y: .5, W: .125, H: .5}) {
		t.Errorf("draft %+v", d)
	}
	for _, c := range []struct{ text, want string }{
		{boxes(strings.Repeat("0", 64), good), `"message":"expected the SHA-256 of one of the post's images: ` + image + `","location":"body.boxes.color[0].image"`},
		{boxes(image, `{"x":0.9,"y":0,"w":0.2,"h":1}`), `"message":"expected x, y, w and h in fractions of the image, within it","location":"body.boxes.color[0]"`},
		{`"values":{"color":["red"],"note":[]}`, `"message":"expected a box for red","location":"body.boxes.color"`},
		{boxes("x", good), `body.boxes.color[0].image`},
		{`"values":{"color":[],"note":["` + strings.Repeat("x", 501) + `"]}`, `"message":"expected 1 to 500 characters","location":"body.values.note[0]"`},
	} {
		if a := r.ask(t, "POST", path+"/answers", body(`{`+c.text+`}`, ann)); a.status != 422 || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: %d %s, want %s", c.text, a.status, a.body, c.want)
		}
	}
	if a := r.ask(t, "PUT", path+"/gold", body(`{"values":{"color":["red"],"note":[]}}`, r.as(models.Analyst))); a.status != 200 {
		t.Errorf("gold without boxes: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "DELETE", path+"/gold", r.as(models.Analyst)); a.status != 200 {
		t.Errorf("no gold any more: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "POST", path+"/answers", body(`{`+boxes(image, good)+`}`, ann)); a.status != 200 || !strings.Contains(a.body, `"boxes":{"color":[{"value":"red"`) {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
	a := r.ask(t, "GET", "/v1/posts/"+post.ID+"/attributes", r.as(models.Viewer))
	if !strings.Contains(a.body, `"boxes":[{"value":"red","image":"`+image+`","box":`+good+`}]`) || !strings.Contains(a.body, `"values":["ribbed"]`) {
		t.Errorf("the post's attributes: %s", a.body)
	}
}
