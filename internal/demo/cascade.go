package demo

import (
	"fmt"
	"io"

	"weft/models"
)

// Cascade is what it saved to ask the costly garment model only about posts of
// which the cheap one was unsure.
type Cascade struct {
	Light  string  `json:"light"`
	Heavy  string  `json:"heavy"`
	Posts  int     `json:"posts"`                    // that the light model looked at, of profiles that have the heavy one
	Went   int     `json:"went_on"`                  // that the heavy model looked at too
	Spared int     `json:"spared"`                   // that it didn't have to
	Spent  float64 `json:"cpu_seconds"`              // of both, reading and decoding included
	Always float64 `json:"always_heavy_cpu_seconds"` // what asking the heavy one about all of them would have cost
	Saved  float64 `json:"saved_cpu_seconds"`        // Always - Spent
}

// cascade adds up what the two models cost over the runs of a profile. What the
// heavy one would have cost for the others is its mean over those it saw.
func cascade(runs []models.Run, profile, light, heavy string) Cascade {
	c := Cascade{Light: light, Heavy: heavy}
	heavySpent := 0.0
	for _, run := range runs {
		if run.Profile != profile {
			continue
		}
		var looked, again bool
		for _, r := range run.Results {
			switch r.Model {
			case light:
				looked = true
				c.Spent += r.Cost
			case heavy:
				again = true
				heavySpent += r.Cost
			}
		}
		if looked {
			c.Posts++
		}
		if again {
			c.Went++
		}
	}
	c.Spared = c.Posts - c.Went
	c.Spent += heavySpent
	if c.Went > 0 {
		c.Always = heavySpent / float64(c.Went) * float64(c.Posts)
		c.Saved = c.Always - c.Spent
	}
	return c
}

func (c Cascade) writeText(w io.Writer, drawn bool) {
	if c.Posts == 0 {
		return
	}
	fmt.Fprintf(w, "\nGarments: %s looked at the images of %d catalog posts, %s at those of %d where it was unsure, and was spared %d.\n", c.Light, c.Posts, c.Heavy, c.Went, c.Spared)
	if c.Went == 0 {
		return
	}
	verb := "saved"
	saved := c.Saved
	if saved < 0 {
		verb, saved = "cost", -saved
	}
	fmt.Fprintf(w, "That took %.2f s of CPU; asking %s about all would have taken %.2f s, so the cascade %s %.2f s.", c.Spent, c.Heavy, c.Always, verb, saved)
	if drawn {
		fmt.Fprint(w, " (Both learned from photos of real\ngarments: what they make of these drawings says nothing of photos. Photos of your own: --photos.)")
	}
	fmt.Fprintln(w)
}
