// Package elastic is the search over recent posts in Elasticsearch 8. It gives
// the answers of the embedded search, whatever the cluster has installed: words
// are made ready here, and no scripts, ingest pipelines or _reindex are used.
//
// A post's document is in the index of the month it was created, which never
// changes. With the prefix weft:
//
//	weft-v1-2026-03        an index; v1 counts the times that search was built anew
//	weft                   alias to read: all months of the build that serves
//	weft-write-2026-03     alias to write: that month of the build that serves
//	weft-next-2026-03      alias to write: that month of a build under way, if there is one
//	weft-gone              deleted ids that were in no month, for a day
//	weft-v1                the index template of the build
//
// Versions are the posts' revs (external versions), so writes may come late,
// twice or in any order.
package elastic
