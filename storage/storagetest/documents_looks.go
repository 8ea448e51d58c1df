package storagetest

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weft/models"
)

func looks() []behaviour {
	return []behaviour{
		{"finds what looks alike, the nearest first", looksNearest},
		{"finds all within every distance, and nothing else", looksAll},
		{"only usable images count", looksUsable},
		{"an image that is found to be another one", looksChange},
		{"an edit that takes an image away", looksEdit},
		{"nothing of a deleted post", looksDelete},
		{"nothing of a purged post until it comes back", looksPurge},
		{"two profiles fetch one image", looksTwice},
		{"refuses what is no hash and no distance", looksRefuses},
	}
}

// seen is a post with images of the given hashes, as they are after their fetch.
func seen(n int, hashes ...uint64) models.Post {
	p := aPost(id(n))
	p.Media = nil
	for i, h := range hashes {
		p.Media = append(p.Media, models.Media{
			URL: fmt.Sprintf("https://cdn.example/%d-%d.jpg", n, i), State: models.MediaOK, SHA256: fmt.Sprintf("%064x", n), PHash: fmt.Sprintf("%016x", h),
		})
	}
	return p
}

func similar(t *testing.T, s Store, hash uint64, distance, limit int) []models.Near {
	t.Helper()
	got, err := s.Similar(t.Context(), fmt.Sprintf("%016x", hash), distance, limit)
	must(t, err)
	return got
}

const aLook uint64 = 0x99c6562d7533a296

func looksNearest(t *testing.T, s Store) {
	admit(t, s, seen(3, 0, aLook^0b111), "catalog")
	admit(t, s, seen(2, aLook), "catalog")
	admit(t, s, seen(1, aLook, ^aLook, aLook^1<<63), "catalog")
	want := []models.Near{
		{Post: id(1), Image: 0}, {Post: id(2), Image: 0}, {Post: id(1), Image: 2, Distance: 1}, {Post: id(3), Image: 1, Distance: 3},
	}
	same(t, "within 3", want, similar(t, s, aLook, 3, 10))
	same(t, "the first two", want[:2], similar(t, s, aLook, 3, 2))
	same(t, "within 1", want[:3], similar(t, s, aLook, 1, 0))
	same(t, "the very same", want[:2], similar(t, s, aLook, 0, 0))
	same(t, "the opposite", []models.Near{{Post: id(1), Image: 1}}, similar(t, s, ^aLook, 15, 0))
}

// looksAll holds the index against counting bits.
func looksAll(t *testing.T, s Store) {
	rng := rand.New(rand.NewPCG(6, 7))
	var hashes []uint64
	var batch []models.Admission
	for n := range 400 {
		h := aLook
		for range rng.IntN(24) {
			h ^= 1 << rng.IntN(64)
		}
		if n%10 == 0 {
			h = rng.Uint64()
		}
		hashes = append(hashes, h)
		batch = append(batch, asked(seen(n, h), "catalog"))
	}
	_, err := s.Admit(t.Context(), batch)
	must(t, err)
	for distance := range 16 {
		var want []models.Near
		for n, h := range hashes {
			if d := bits.OnesCount64(h ^ aLook); d <= distance {
				want = append(want, models.Near{Post: id(n), Distance: d})
			}
		}
		slices.SortStableFunc(want, func(a, b models.Near) int { return a.Distance - b.Distance })
		same(t, fmt.Sprint("within ", distance), want, similar(t, s, aLook, distance, 1000))
	}
}

func looksUsable(t *testing.T, s Store) {
	p := seen(1, aLook, aLook, aLook)
	p.Media[0].State, p.Media[1].PHash = models.MediaFailed, ""
	admit(t, s, p, "catalog")
	same(t, "found", []models.Near{{Post: id(1), Image: 2}}, similar(t, s, aLook, 15, 0))
}

func looksChange(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	if got := similar(t, s, aLook, 15, 0); len(got) > 0 {
		t.Errorf("before its fetch: %v", got)
	}
	m := r.Advance(models.AnalyzeLight, "1 of 1 images", t0(), horizon)
	fetched := aPost(id(1)).Media[0]
	fetched.State, fetched.PHash = models.MediaOK, fmt.Sprintf("%016x", aLook)
	m.Change.Media = []models.Media{fetched}
	move(t, s, m)
	same(t, "fetched", []models.Near{{Post: id(1)}}, similar(t, s, aLook, 0, 0))
	fetched.PHash = fmt.Sprintf("%016x", ^aLook)
	_, err := s.Update(t.Context(), id(1), models.Change{Media: []models.Media{fetched}})
	must(t, err)
	same(t, "as it was", []models.Near(nil), similar(t, s, aLook, 15, 0))
	same(t, "as it is", []models.Near{{Post: id(1)}}, similar(t, s, ^aLook, 0, 0))
}

func looksEdit(t *testing.T, s Store) {
	admit(t, s, seen(1, aLook, ^aLook), "catalog")
	edited := seen(1, aLook, ^aLook)
	edited.Media = edited.Media[1:]
	admit(t, s, edited, "catalog")
	same(t, "the one that was taken away", []models.Near(nil), similar(t, s, aLook, 15, 0))
	same(t, "the one that stays, at its new place", []models.Near{{Post: id(1), Image: 0}}, similar(t, s, ^aLook, 0, 0))
}

func looksDelete(t *testing.T, s Store) {
	admit(t, s, seen(1, aLook), "catalog")
	admit(t, s, seen(2, aLook), "catalog")
	_, err := s.Update(t.Context(), id(1), models.Change{Delete: &models.Tombstone{At: t0(), By: "author"}})
	must(t, err)
	same(t, "found", []models.Near{{Post: id(2)}}, similar(t, s, aLook, 15, 0))
}

func looksPurge(t *testing.T, s Store) {
	p := seen(1, aLook)
	r := admit(t, s, p, "catalog")
	move(t, s, r.End(models.Dropped, "nothing on it", t0()))
	must(t, s.Purge(t.Context(), models.Stub{Post: id(1), Rev: 1, PurgedAt: t0().Add(time.Hour)}))
	same(t, "after the purge", []models.Near(nil), similar(t, s, aLook, 15, 0))
	_, err := s.Restore(t.Context(), p, nil)
	must(t, err)
	same(t, "after it came back", []models.Near{{Post: id(1)}}, similar(t, s, aLook, 15, 0))
}

func looksTwice(t *testing.T, s Store) {
	admit(t, s, seen(1, aLook), "catalog")
	admit(t, s, seen(1, aLook), "quality")
	same(t, "found", []models.Near{{Post: id(1)}}, similar(t, s, aLook, 15, 0))
}

func looksRefuses(t *testing.T, s Store) {
	for _, c := range []struct {
		hash     string
		distance int
	}{{"", 3}, {"99c6", 3}, {"zzc6562d7533a296", 3}, {"99c6562d7533a2960", 3}, {"99c6562d7533a296", -1}, {"99c6562d7533a296", 16}} {
		if _, err := s.Similar(t.Context(), c.hash, c.distance, 1); models.ClassOf(err) != models.Permanent || err == nil {
			t.Errorf("%q within %d: %v, want a permanent fault", c.hash, c.distance, err)
		}
	}
}
