package storagetest

import (
	"sync"
	"testing"
	"time"

	"weft/models"
)

func activities() []behaviour {
	return []behaviour{
		{"counts of an hour add up", activityAdds},
		{"racing counts all count", activityRace},
		{"are read by hour and profile, in order", activityReads},
		{"old hours are forgotten", activityForgets},
	}
}

// anHour is the n-th hour of the suite.
func anHour(n int) time.Time { return t0().Truncate(time.Hour).Add(time.Duration(n) * time.Hour) }

func activityOf(h int, profile string, step models.Step, out models.Outcome, n int64, cost float64) models.Activity {
	return models.Activity{Hour: anHour(h), Profile: profile, Step: step, Outcome: out, N: n, Cost: cost}
}

func activityAdds(t *testing.T, s Store) {
	must(t, s.AddActivity(t.Context(), nil))
	fetched := activityOf(0, "catalog", models.Fetch, models.OutAdvance, 3, .25)
	elsewhere := fetched
	elsewhere.Hour = elsewhere.Hour.In(time.FixedZone("", 3600)) // the same hour in other words
	must(t, s.AddActivity(t.Context(), []models.Activity{fetched, activityOf(0, "catalog", models.Fetch, models.OutFailed, 1, 0)}))
	must(t, s.AddActivity(t.Context(), []models.Activity{elsewhere, activityOf(1, "catalog", models.Fetch, models.OutAdvance, 5, 1)}))
	got, err := s.Activity(t.Context(), anHour(0), anHour(2), "")
	must(t, err)
	same(t, "activity", []models.Activity{
		activityOf(0, "catalog", models.Fetch, models.OutAdvance, 6, .5), activityOf(0, "catalog", models.Fetch, models.OutFailed, 1, 0),
		activityOf(1, "catalog", models.Fetch, models.OutAdvance, 5, 1),
	}, got)
}

// Processes begin the same hour at the same moment, which is when a document
// that isn't there yet is written twice.
func activityRace(t *testing.T, s Store) {
	steps := models.Steps()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var counts []models.Activity
			for _, step := range steps {
				counts = append(counts, activityOf(0, "catalog", step, models.OutAdvance, 2, .5))
			}
			if err := s.AddActivity(t.Context(), counts); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := s.Activity(t.Context(), anHour(0), anHour(1), "")
	must(t, err)
	if len(got) != len(steps) {
		t.Errorf("%d counts, want %d", len(got), len(steps))
	}
	for _, a := range got {
		if a.N != 40 || a.Cost != 10 {
			t.Errorf("%s: %d deliveries that cost %v, want 40 and 10", a.Step, a.N, a.Cost)
		}
	}
}

func activityReads(t *testing.T, s Store) {
	want := []models.Activity{
		activityOf(0, "quality", models.Fetch, models.OutWait, 1, 0),
		activityOf(1, "catalog", models.AnalyzeLight, models.OutAdvance, 1, 2),
		activityOf(1, "catalog", models.Fetch, models.OutAdvance, 1, 0),
		activityOf(1, "catalog", models.Fetch, models.OutRetry, 1, 0),
		activityOf(1, "quality", models.AnalyzeLight, models.OutAdvance, 1, 0),
		activityOf(2, "catalog", models.Archive, models.OutDone, 1, 0),
	}
	for i := range want {
		must(t, s.AddActivity(t.Context(), want[len(want)-1-i:len(want)-i]))
	}
	for _, c := range []struct {
		name         string
		since, until int
		profile      string
		want         []models.Activity
	}{
		{"all", 0, 3, "", want},
		{"until is not in it", 0, 2, "", want[:5]},
		{"since is", 1, 9, "", want[1:]},
		{"a profile", 0, 9, "quality", []models.Activity{want[0], want[4]}},
		{"a profile that did nothing", 0, 9, "tendencies", nil},
		{"another time", 5, 9, "", nil},
	} {
		got, err := s.Activity(t.Context(), anHour(c.since), anHour(c.until), c.profile)
		must(t, err)
		same(t, c.name, c.want, got)
	}
}

func activityForgets(t *testing.T, s Store) {
	for h := range 4 {
		must(t, s.AddActivity(t.Context(), []models.Activity{activityOf(h, "catalog", models.Fetch, models.OutAdvance, 1, 0)}))
	}
	n, err := s.ForgetActivity(t.Context(), anHour(2))
	must(t, err)
	same(t, "forgotten", int64(2), n)
	got, err := s.Activity(t.Context(), anHour(0), anHour(9), "")
	must(t, err)
	same(t, "left", []models.Activity{
		activityOf(2, "catalog", models.Fetch, models.OutAdvance, 1, 0), activityOf(3, "catalog", models.Fetch, models.OutAdvance, 1, 0),
	}, got)
	n, err = s.ForgetActivity(t.Context(), anHour(2))
	must(t, err)
	same(t, "forgotten again", int64(0), n)
}
