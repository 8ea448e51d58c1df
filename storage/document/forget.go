package document

import "weft/models"

// CheckDeletion returns what is wrong with d.
func CheckDeletion(d *models.Deletion) error {
	switch {
	case d.Act != models.Delete && d.Act != models.Hide && d.Act != models.Show:
		return models.Faultf(models.Permanent, "forget: act %q; allowed: delete, hide, show", d.Act)
	case d.Source == "" || (d.NativeID == "") == (d.Author == ""):
		return models.Faultf(models.Permanent, "forget: a deletion names a source and either a post's native_id or an author; got source %q, native_id %q, author %q",
			d.Source, d.NativeID, d.Author)
	}
	return nil
}

// Foresee adds to sum what d would do to so many stored and purged posts.
func Foresee(sum *models.Forgotten, d *models.Deletion, posts, stubs int) {
	switch {
	case posts+stubs == 0:
		sum.Unknown++
	case d.Act == models.Delete:
		sum.Deleted, sum.Purged = sum.Deleted+posts, sum.Purged+stubs
	case d.Act == models.Hide:
		sum.Hidden += posts + stubs
	default:
		sum.Shown += posts + stubs
	}
	if d.Author != "" && posts+stubs > 0 {
		sum.Authors++
	}
}
