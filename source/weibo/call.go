package weibo

import (
	"context"
	"net/url"
	"strings"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// ask makes a call and reads its answer.
func (c *Connector) ask(ctx context.Context, call web.Call, shown string) (page, error) {
	a, err := c.opt.Web.Do(ctx, call)
	if err != nil {
		return page{}, err
	}
	rec := a.Exchange(call)
	rec.URL = shown // the parser looks for the post's id in it; it has no token
	return c.read(rec)
}

// ready tells what keeps calls of a mode from being made at all.
func (c *Connector) ready(mode string) error {
	switch {
	case mode == modeMobile && !c.opt.AllowMobile:
		return models.Faultf(models.Permanent, "mode: %w", c.checkMode(mode))
	case mode == modeAPI && c.opt.Token == "":
		return &source.Trouble{Kind: source.Stopped, Do: "set sources.weibo.token to an access token of the open API", Err: errNoToken}
	}
	return nil
}

// show reads one post with its whole text. A gone error says that it is deleted
// or hidden.
func (c *Connector) show(ctx context.Context, mode, id string) (page, error) {
	call, shown := c.open("statuses/show", url.Values{"id": {id}, "isGetLongText": {"1"}})
	if mode == modeMobile {
		call, shown = c.mobile("statuses/show", url.Values{"id": {id}})
	}
	return c.ask(ctx, call, shown)
}

// complete fetches the whole text of a post that a list cut. A post of which
// Weibo has no more than the cut text keeps that.
func (c *Connector) complete(ctx context.Context, mode string, p *models.Post, it item) (string, error) {
	if mode == modeMobile {
		call, shown := c.mobile("statuses/extend", url.Values{"id": {p.NativeID}})
		got, err := c.ask(ctx, call, shown)
		if err != nil {
			return "", err
		}
		if it.html {
			return plain(got.long), nil
		}
		return tidy(got.long), nil
	}
	got, err := c.show(ctx, mode, p.NativeID)
	if err != nil {
		return "", err
	}
	if len(got.Posts) == 1 && got.Posts[0].NativeID == p.NativeID && !got.items[0].cut {
		return got.Posts[0].Text, nil
	}
	return "", nil
}

// lives asks a profile where its owner lives.
func (c *Connector) lives(ctx context.Context, uid string) (string, error) {
	call, shown := c.mobile("api/container/getIndex", url.Values{"containerid": {"230283" + uid + "_-_INFO"}})
	p, err := c.ask(ctx, call, shown)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(clip(p.lives)), nil
}
