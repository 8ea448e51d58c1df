package sim

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FromFolder makes up to n posts from the photos below dir, evenly from all of
// its sub-folders. A sub-folder named like a class of garments gives the category
// and the caption's word; photos elsewhere get captions that tell nothing.
func FromFolder(dir string, seed uint64, n int, now time.Time) ([]Post, error) {
	photos, err := photosBelow(dir)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x666f_6c64))
	people := authors(rng)
	var posts []Post
	for i, photo := range deal(photos, n, rng) {
		p := Post{Profile: profileOf(i)}
		p.Record.ID = fmt.Sprintf("photo-%05d", i+1)
		p.Record.CreatedAt = now.UTC().Add(-time.Duration(rng.Float64() * float64(60*24*time.Hour))).Truncate(time.Second)
		kind := kindOf(filepath.Base(filepath.Dir(photo)))
		g := Garment{Kind: kind}
		p.Pictures = []Picture{{
			Name: "images/" + p.Record.ID + strings.ToLower(filepath.Ext(photo)), Garment: g, From: photo,
		}}
		p.Truth = map[string][]string{}
		if kind != "" {
			p.Truth[AttrCategory] = []string{categoryOf(kind)}
		}
		p.writeAround(people[rng.IntN(len(people))], g, rng)
		posts = append(posts, p)
	}
	return posts, nil
}

// writeAround writes a caption that tells the garment's word at most: neither
// colour nor brand nor material of a photo is known here.
func (p *Post) writeAround(who person, g Garment, rng *rand.Rand) {
	l := lexicon(who.language)
	l.fabric, l.negations = nil, nil
	l.vague = without(l.vague)
	l.sentences = append(without(l.sentences), l.vague[0])
	if g.Kind == "" {
		l.sentences = l.vague
	}
	p.writeWith(l, who, g, rng)
}

// without keeps the sentences that tell nothing but the garment.
func without(sentences []string) []string {
	return slices.DeleteFunc(slices.Clone(sentences), func(s string) bool {
		return strings.Contains(s, "{brand}") || strings.Contains(s, "{color}") || strings.Contains(s, "{material}")
	})
}

func photosBelow(dir string) (map[string][]string, error) {
	photos := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".jpg", ".jpeg", ".png", ".webp", ".gif":
			if d.Type().IsRegular() {
				in := filepath.Dir(path)
				photos[in] = append(photos[in], path)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sim: read folder: %w", err)
	}
	if len(photos) == 0 {
		return nil, fmt.Errorf("sim: no photos below %s (looked for .jpg, .jpeg, .png, .webp, .gif)", dir)
	}
	return photos, nil
}

// deal takes n photos from the folders in turn.
func deal(photos map[string][]string, n int, rng *rand.Rand) []string {
	var folders []string
	for f, list := range photos {
		folders = append(folders, f)
		slices.Sort(list)
	}
	slices.Sort(folders)
	for _, f := range folders {
		list := photos[f]
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	var out []string
	for round := 0; len(out) < n; round++ {
		before := len(out)
		for _, f := range folders {
			if round < len(photos[f]) && len(out) < n {
				out = append(out, photos[f][round])
			}
		}
		if len(out) == before {
			break
		}
	}
	return out
}

// kindOf maps a folder's name to a garment, or to nothing.
func kindOf(folder string) string {
	name := strings.ToLower(strings.NewReplacer("_", "-", " ", "-").Replace(folder))
	for _, k := range Kinds() {
		if name == k || name == k+"s" || name+"s" == k {
			return k
		}
	}
	return map[string]string{
		"tshirt": "t-shirt", "longsleeve": "longsleeve", "long-sleeve": "longsleeve", "outwear": "coat", "outerwear": "coat", "tee": "t-shirt", "trousers": "pants", "dresses": "dress", "sneakers": "shoes", "handbag": "bag",
	}[name]
}
