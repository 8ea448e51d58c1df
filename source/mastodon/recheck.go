package mastodon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"weft/models"
	"weft/source"
)

// batchSize is how many statuses an instance gives by their ids at once.
const batchSize = 20

// known is a post that is asked for again.
type known struct {
	post     models.Post
	instance string
	id       string // local
	account  string // local id of the author; empty if it isn't kept
}

// remember reads where a post can be asked for out of its Raw.
func remember(p models.Post) (known, error) {
	var r raws
	if err := json.Unmarshal(p.Raw, &r); err != nil {
		return known{}, fmt.Errorf("post %s: its raw answer isn't kept, so nobody knows where to ask for it", p.ID)
	}
	k := known{post: p, id: r.Status.text("id"), account: r.Status.object("account").text("id")}
	var err error
	if k.instance, err = host(r.Instance); err != nil || k.id == "" {
		return known{}, fmt.Errorf("post %s: its raw answer names no instance and local id to ask for", p.ID)
	}
	return k, nil
}

// Resolve reads a post again from the instance that it came from.
func (c *Connector) Resolve(ctx context.Context, post models.Post) (models.Post, error) {
	k, err := remember(post)
	if err != nil {
		return post, models.Faultf(models.Permanent, "%w", err)
	}
	raw, err := c.one(ctx, k)
	if err != nil {
		return post, err
	}
	p, skip, err := reader{instance: k.instance, now: c.opt.Now()}.post("$", raw)
	switch {
	case err != nil:
		return post, models.Faultf(models.Retryable, "%s: %w", k.instance, err)
	case skip != "":
		return post, models.Faultf(models.Permanent, "post %s may not be taken any longer: %s: %w", post.ID, skip, models.ErrNotFound)
	case p.NativeID != post.NativeID:
		return post, models.Faultf(models.Permanent, "%s has another post under the id %s now", k.instance, k.id)
	}
	return p, nil
}

// one asks for one status; models.ErrNotFound if the instance itself says so.
func (c *Connector) one(ctx context.Context, k known) (json.RawMessage, error) {
	a, call, err := c.get(ctx, k.instance, "/api/v1/statuses/"+url.PathEscape(k.id), nil)
	switch {
	case err != nil:
		return nil, err
	case (a.Status == http.StatusNotFound || a.Status == http.StatusGone) && asObject(a.Body).has("error"):
		return nil, fmt.Errorf("post %s: %s: %w", k.post.ID, k.instance, models.ErrNotFound)
	case a.Status != http.StatusOK:
		return nil, a.Fail(call)
	}
	return a.Body, nil
}

// Recheck looks which posts are gone, and reads the others again. What an
// instance leaves out is asked for once more by itself before it counts as
// deleted, since a deletion is for ever; the posts of a suspended author are
// only hidden.
func (c *Connector) Recheck(ctx context.Context, posts []models.Post) (source.Batch, error) {
	var b source.Batch
	groups := map[string][]known{}
	var order []string
	for i, p := range posts {
		k, err := remember(p)
		if err != nil {
			b.Problem(fmt.Sprintf("[%d]", i), "%w", err)
			continue
		}
		if groups[k.instance] == nil {
			order = append(order, k.instance)
		}
		groups[k.instance] = append(groups[k.instance], k)
	}
	for _, instance := range order {
		for list := groups[instance]; len(list) > 0; list = list[min(len(list), batchSize):] {
			if err := c.recheck(ctx, &b, instance, list[:min(len(list), batchSize)]); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// recheck asks one instance for up to batchSize posts.
func (c *Connector) recheck(ctx context.Context, b *source.Batch, instance string, list []known) error {
	there, err := c.several(ctx, instance, list)
	if err != nil {
		return err
	}
	suspended := map[string]bool{}
	for _, k := range list {
		raw, ok := there[k.id]
		if !ok {
			raw, err = c.one(ctx, k)
		}
		switch {
		case isGone(err):
			if err := c.gone(ctx, b, k, suspended); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			c.again(b, k, raw)
		}
		err = nil
	}
	return nil
}

// several asks for statuses by their local ids. Servers without this call
// (Mastodon before 4.3, and most others) give nothing here.
func (c *Connector) several(ctx context.Context, instance string, list []known) (map[string]json.RawMessage, error) {
	form := url.Values{}
	for _, k := range list {
		form.Add("id[]", k.id)
	}
	a, call, err := c.get(ctx, instance, "/api/v1/statuses", form)
	switch {
	case a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed:
		return map[string]json.RawMessage{}, nil
	case err != nil:
		return nil, err
	case a.Status != http.StatusOK:
		return nil, a.Fail(call)
	}
	var found []json.RawMessage
	if json.Unmarshal(a.Body, &found) != nil {
		return nil, models.Faultf(models.Retryable, "%s: the statuses are no list: %s", instance, said(a.Body))
	}
	there := map[string]json.RawMessage{}
	for _, raw := range found {
		there[asObject(raw).text("id")] = raw
	}
	return there, nil
}

// again takes a post that is still there.
func (c *Connector) again(b *source.Batch, k known, raw json.RawMessage) {
	now := c.opt.Now()
	d := models.Deletion{Source: Name, NativeID: k.post.NativeID, Act: models.Delete, By: "author", At: now.UTC()}
	p, skip, err := reader{instance: k.instance, now: now}.post(k.instance+"/"+k.id, raw)
	switch {
	case err != nil:
		b.Problems = append(b.Problems, err)
	case skip != "": // it was taken once, so its author withdrew what allowed it
		d.Reason = skip
		b.Deletions = append(b.Deletions, d)
	case p.NativeID != k.post.NativeID:
		b.Problem(k.instance+"/"+k.id, "the instance has another post under this id now")
	default:
		if k.post.Hidden != "" {
			d.Act, d.By = models.Show, "platform"
			b.Deletions = append(b.Deletions, d)
		}
		b.Posts = append(b.Posts, p)
	}
}

// gone notes a post that its instance no longer has.
func (c *Connector) gone(ctx context.Context, b *source.Batch, k known, suspended map[string]bool) error {
	d := models.Deletion{Source: Name, NativeID: k.post.NativeID, Act: models.Delete, By: "author", Reason: k.instance + " no longer has it", At: c.opt.Now().UTC()}
	if _, asked := suspended[k.account]; !asked && k.account != "" {
		a, call, err := c.get(ctx, k.instance, "/api/v1/accounts/"+url.PathEscape(k.account), nil)
		switch {
		case err != nil:
			return err
		case a.Status >= http.StatusInternalServerError:
			return a.Fail(call)
		}
		suspended[k.account] = a.Status == http.StatusOK && asObject(a.Body).is("suspended", true)
	}
	if suspended[k.account] {
		d.Act, d.By, d.Reason = models.Hide, "platform", "the author is suspended on "+k.instance
		if k.post.Hidden != "" {
			return nil
		}
	}
	b.Deletions = append(b.Deletions, d)
	return nil
}

func isGone(err error) bool { return errors.Is(err, models.ErrNotFound) }
