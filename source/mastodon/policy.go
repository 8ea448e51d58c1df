package mastodon

import (
	"context"
	"net/http"

	"weft/models"
)

// policy asks an instance whether it lets us read hashtags. Since Mastodon 4.5
// it says so; servers that don't say, or don't know the question, let us.
func (c *Connector) policy(ctx context.Context, s settings) error {
	a, call, err := c.get(ctx, s.instance, "/api/v2/instance", nil)
	switch {
	case a.Status == http.StatusNotFound, a.Status == http.StatusUnauthorized && c.token(s.instance) == "":
		return nil // the timeline itself will tell
	case err != nil:
		return err
	case a.Status != http.StatusOK:
		return a.Fail(call)
	}
	feeds := asObject(a.Body).object("configuration").object("timelines_access").object("hashtag_feeds")
	local, remote := feeds.text("local"), feeds.text("remote")
	var wanted []string
	if !s.remote {
		wanted = append(wanted, local)
	}
	if !s.local {
		wanted = append(wanted, remote)
	}
	open := false
	for _, access := range wanted {
		open = open || access != "disabled"
		if access == "authenticated" && c.token(s.instance) == "" {
			return models.Faultf(models.Permanent, "%s shows hashtags to nobody without an access token (local: %s, remote: %s): make one there with the scope read:statuses, and set sources.mastodon.token and sources.mastodon.instance; or ask another instance", s.instance, local, remote)
		}
	}
	if !open {
		return models.Faultf(models.Permanent, "%s has switched its hashtag timelines off (local: %s, remote: %s): ask another instance", s.instance, local, remote)
	}
	return nil
}
