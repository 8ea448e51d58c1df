package instagram

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// What is asked of media. Children have more fields, but asking for one that an
// edge doesn't have is an error, and these are enough.
const (
	mediaFields   = "id,caption,children{id,media_type,media_url},comments_count,like_count,media_type,media_url,permalink"
	accountFields = "id,username,name,followers_count"
)

const pageSize = "50"

// proof signs the token with the app's secret, so that a stolen token is no use alone.
func (c *Connector) proof() string {
	mac := hmac.New(sha256.New, []byte(c.opt.Secret))
	mac.Write([]byte(c.opt.Token))
	return hex.EncodeToString(mac.Sum(nil))
}

// get calls path and returns the answer's body, which is JSON and no error.
func (c *Connector) get(ctx context.Context, path string, params url.Values) ([]byte, error) {
	params.Set("access_token", c.opt.Token)
	secrets := []string{c.opt.Token}
	if c.opt.Secret != "" {
		params.Set("appsecret_proof", c.proof())
		secrets = append(secrets, c.opt.Secret, c.proof())
	}
	call := web.Call{
		URL:     c.opt.Base + "/" + c.opt.Version + "/" + path + "?" + params.Encode(),
		Header:  http.Header{"Accept": {"application/json"}},
		Secrets: secrets,
		Key:     source.Key{Source: Name, Account: c.opt.UserID, Host: c.host},
		Rate:    source.Rate{N: 200, Per: time.Hour},
		Signal:  signal,
	}
	a, err := c.opt.Web.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	if e, ok := readError(a.Body); ok && !a.HTML() {
		e.message = c.blank(e.message)
		return nil, e.fault(a.Status, a.At, usage(a).Until)
	}
	switch {
	case a.Status != http.StatusOK, a.HTML():
		return nil, a.Fail(call)
	case !json.Valid(a.Body):
		return nil, models.Faultf(models.Unavailable, "%s answered what is no JSON", c.host)
	}
	return a.Body, nil
}

// blank takes the token out of a message.
func (c *Connector) blank(s string) string {
	for _, secret := range []string{c.opt.Token, c.opt.Secret} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}

// search looks up the id of a hashtag, which stays the same for ever.
func (c *Connector) search(ctx context.Context, tag string) (string, error) {
	body, err := c.get(ctx, "ig_hashtag_search", url.Values{"user_id": {c.opt.UserID}, "q": {tag}})
	if err != nil {
		return "", err
	}
	o := asObject(body)
	id := o.id() // as the guide has it; real answers have a list
	for _, raw := range o.list("data") {
		if id == "" {
			id = asObject(raw).id()
		}
	}
	if id == "" {
		return "", models.Faultf(models.Permanent, "instagram: the answer for hashtag %s has no id at data[0].id", tag)
	}
	return id, nil
}

// hashtag reads one page of a hashtag's media.
func (c *Connector) hashtag(ctx context.Context, id, edge, after string) (page, error) {
	params := url.Values{"user_id": {c.opt.UserID}, "limit": {pageSize}, "fields": {mediaFields}}
	if edge == recent {
		params.Set("fields", mediaFields+",timestamp") // top media have none, and asking for it is an error
	}
	if after != "" {
		params.Set("after", after)
	}
	body, err := c.get(ctx, id+"/"+edge+"_media", params)
	if err != nil {
		return page{}, err
	}
	return c.live(body, false)
}

// account reads one page of an account's media.
func (c *Connector) account(ctx context.Context, name, after string) (page, error) {
	if !accountForm.MatchString(name) {
		return page{}, models.Faultf(models.Permanent, "instagram: %q is no account name", name)
	}
	media := "media.limit(" + pageSize + ")"
	if after != "" {
		if strings.ContainsAny(after, "(){},. \"") {
			return page{}, models.Faultf(models.Retryable, "instagram: business_discovery.media.paging.cursors.after is no cursor")
		}
		media += ".after(" + after + ")"
	}
	fields := "business_discovery.username(" + name + "){" + accountFields + "," + media + "{" + mediaFields + ",timestamp}}"
	body, err := c.get(ctx, c.opt.UserID, url.Values{"fields": {fields}})
	if err != nil {
		return page{}, err
	}
	return c.live(body, true)
}

// live reads a page of a list that was asked for. Lists of accounts have no
// next address, only a cursor; the hashtags' cursor says nothing.
func (c *Connector) live(body []byte, byCursor bool) (page, error) {
	p, ok := c.parse(source.Exchange{Body: body, Status: http.StatusOK}, c.opt.Now().UTC())
	if !ok || (!p.listed && !byCursor) || len(p.problems) > 0 && !p.listed {
		return page{}, models.Faultf(models.Unavailable, "instagram: an answer without a list of media")
	}
	if byCursor { // an account that posted nothing has no list
		p.next = p.after != ""
	}
	p.next = p.next && p.after != "" && p.entries > 0
	return p, nil
}
