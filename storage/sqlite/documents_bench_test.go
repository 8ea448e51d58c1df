package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weft/models"
)

// Both benchmarks report the CPU time of the whole process per operation
// (cpu-µs/op), which is what counts: wall time hides how many cores were busy.

func BenchmarkLoad(b *testing.B) {
	d, runs := benchStore(b)
	var i atomic.Int64
	measure(b, func(int) error {
		r := &runs[int(i.Add(1))%len(runs)]
		_, _, err := d.Load(b.Context(), r.Post, r.Profile)
		return err
	})
}

// BenchmarkMove advances runs that were loaded before: each goroutine has its own.
func BenchmarkMove(b *testing.B) {
	d, runs := benchStore(b)
	measure(b, func(g int) error {
		r := &runs[g%len(runs)]
		m := r.Advance(models.AnalyzeLight, "analyze-light: every post goes there", r.MovedAt.Add(time.Millisecond), time.Minute)
		*r = m.Run
		return d.Move(b.Context(), m)
	})
}

// BenchmarkLoadMove is what one delivery costs.
func BenchmarkLoadMove(b *testing.B) {
	d, runs := benchStore(b)
	measure(b, func(g int) error {
		id := &runs[g%len(runs)]
		_, r, err := d.Load(b.Context(), id.Post, id.Profile)
		if err != nil {
			return err
		}
		m := r.Advance(models.AnalyzeLight, "analyze-light: every post goes there", r.MovedAt.Add(time.Millisecond), time.Minute)
		return d.Move(b.Context(), m)
	})
}

// measure runs op from 64 goroutines, telling each its number.
func measure(b *testing.B, op func(goroutine int) error) {
	var number atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	b.RunParallel(func(pb *testing.PB) {
		g := int(number.Add(1))
		for pb.Next() {
			if err := op(g); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchStore is a store of 5,000 posts of usual size: two images, a caption, 2 kB raw.
func benchStore(b *testing.B) (*Documents, []models.Run) {
	d, err := OpenDocuments(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	raw := `{"item":"` + strings.Repeat("0123456789", 200) + `"}`
	likes := int64(120)
	var batch []models.Admission
	var runs []models.Run
	for i := range 5000 {
		id := fmt.Sprintf("instagram.%011d", i)
		p := models.Post{
			ID: id, Source: "instagram", NativeID: id[10:], URL: "https://www.instagram.com/p/" + id[10:], CreatedAt: now, CollectedAt: now,
			Text: strings.Repeat("a silk dress for the summer, with flowers ", 4), Language: "en", Hashtags: []string{"fashion", "ootd", "dress"},
			Author: models.Author{ID: "1234567", Handle: "someone", Name: "Some One", Followers: 4711},
			Counts: models.Counts{Likes: &likes, Comments: &likes}, Raw: []byte(raw),
		}
		for j := range 2 {
			p.Media = append(p.Media, models.Media{
				URL: fmt.Sprintf("https://cdn.example/%d/%d.jpg", i, j), State: models.MediaOK, SHA256: strings.Repeat("a", 64), PHash: "0123456789abcdef",
				Type: "image/jpeg", Size: 123456, Width: 1080, Height: 1350, Original: strings.Repeat("b", 64), Rendition: strings.Repeat("c", 64),
			})
		}
		run := models.NewRun(id, "catalog", strings.Repeat("d", 32), models.Normal, now, time.Minute)
		batch, runs = append(batch, models.Admission{Post: p, Run: run}), append(runs, run)
	}
	if _, err := d.Admit(context.Background(), batch); err != nil {
		b.Fatal(err)
	}
	return d, runs
}
