package sim

import "math/rand/v2"

func pants() figure {
	leg := part{
		outline: trace("M 0 -1.14 L 0.42 -1.16 C 0.5 -0.9 0.56 -0.55 0.56 -0.2 C 0.56 0.3 0.52 0.8 0.5 1.22 C 0.4 1.25 0.26 1.25 0.17 1.23 C 0.17 0.7 0.14 0.2 0.02 -0.3 L 0 -0.33"),
		puff:    0.7, drop: 0.15, grain: -0.05,
	}
	return figure{
		parts: concat(
			twice(leg),
			[]part{{outline: both("M 0 -1.2 C 0.15 -1.2 0.3 -1.21 0.41 -1.22 C 0.43 -1.16 0.44 -1.12 0.44 -1.07 C 0.3 -1.05 0.15 -1.04 0 -1.04"), ink: accent, puff: 0.4, drop: 0.3}},
			[]part{seam("M 0 -1.04 L 0 -0.33"), stitch("M 0.09 -1.03 L 0.09 -0.66 C 0.08 -0.55 0.05 -0.5 0 -0.48"), stitch("M -0.42 -1.09 C -0.2 -1.065 0.2 -1.065 0.42 -1.09"), stitch("M -0.4 -1.19 C -0.2 -1.175 0.2 -1.175 0.4 -1.19")},
			twice(seam("M 0.19 -1.04 C 0.22 -0.85 0.32 -0.78 0.5 -0.76")), twice(stitch("M 0.215 -1.04 C 0.245 -0.88 0.34 -0.81 0.495 -0.79")),
			twice(stitch("M 0.19 1.17 C 0.28 1.19 0.4 1.19 0.49 1.165")),
			twice(part{outline: trace("M 0.27 -1.225 L 0.31 -1.225 L 0.31 -1.03 L 0.27 -1.03"), ink: accent, puff: 0.3, drop: 0.3}),
			buttons(0, -1.12, -1.12, 1, 0.028),
		),
		creases: creasesOf(
			[6]float64{0.04, -0.35, 0.42, -0.5, 0.05, 0.2}, [6]float64{0.05, -0.25, 0.4, -0.25, 0.06, 0.2},
			[6]float64{0.3, -0.6, 0.34, 1.2, 0.1, 0.14}, [6]float64{0.15, 0.3, 0.5, 0.38, 0.06, 0.16},
			[6]float64{0.2, 0.42, 0.52, 0.52, 0.05, 0.12}, [6]float64{0.5, -0.3, 0.48, 0.6, 0.07, 0.14},
			[6]float64{0.2, 0.95, 0.48, 1.08, 0.05, 0.15}),
		split: 0.05,
	}
}

func shorts() figure {
	leg := part{
		outline: trace("M 0 -0.82 L 0.55 -0.84 C 0.66 -0.5 0.76 0.1 0.8 0.62 C 0.62 0.7 0.34 0.72 0.16 0.68 C 0.15 0.45 0.1 0.2 0.02 0.04 L 0 0"),
		puff:    0.8, drop: 0.15, grain: -0.1, ink: fabric,
	}
	cord := part{outline: trace("M 0.03 -0.8 C 0.1 -0.6 0.02 -0.5 0.09 -0.3"), ink: rubber, width: 0.022, drop: 0.4, tone: -0.12}
	return figure{
		parts: concat(
			twice(leg),
			[]part{{outline: both("M 0 -0.92 C 0.2 -0.92 0.4 -0.93 0.54 -0.94 C 0.57 -0.87 0.58 -0.82 0.58 -0.76 C 0.4 -0.73 0.2 -0.72 0 -0.72"), ink: accent, puff: 0.5, drop: 0.3}},
			[]part{seam("M 0 -0.72 L 0 0.02")},
			twice(seam("M 0.6 -0.7 C 0.52 -0.5 0.5 -0.35 0.66 -0.2")),
			twice(stitch("M 0.175 0.6 C 0.35 0.635 0.6 0.62 0.785 0.55")),
			[]part{seam("M -0.54 -0.83 C -0.2 -0.8 0.2 -0.8 0.54 -0.83"), cord, cord.mirrored()},
		),
		creases: creasesOf(
			[6]float64{0.04, 0, 0.5, -0.25, 0.06, 0.2}, [6]float64{0.08, 0.12, 0.6, 0.05, 0.07, 0.18},
			[6]float64{0.3, -0.6, 0.4, 0.65, 0.11, 0.16}, [6]float64{0.12, -0.7, 0.2, -0.3, 0.05, 0.22},
			[6]float64{0.3, -0.72, 0.36, -0.4, 0.05, 0.22}, [6]float64{0.44, -0.72, 0.5, -0.4, 0.05, 0.2}, [6]float64{0.6, 0, 0.66, 0.6, 0.08, 0.16}),
		split: -0.05,
	}
}

func skirt(rng *rand.Rand) figure {
	body := "M 0 -0.84 L 0.4 -0.86 C 0.5 -0.4 0.78 0.4 0.92 0.86 C 0.8 0.93 0.7 0.88 0.6 0.94 C 0.5 0.98 0.4 0.92 0.3 0.97 C 0.2 1 0.1 0.95 0 0.98"
	folds := creasesOf(
		[6]float64{0.05, -0.75, 0.14, 0.97, 0.07, 0.34}, [6]float64{0.13, -0.75, 0.34, 0.97, 0.07, 0.34},
		[6]float64{0.22, -0.75, 0.53, 0.95, 0.07, 0.34}, [6]float64{0.3, -0.75, 0.72, 0.92, 0.07, 0.32}, [6]float64{0, -0.75, -0.02, 0.97, 0.07, 0.3})
	if rng.IntN(2) == 0 { // a pencil skirt
		body = "M 0 -0.84 L 0.4 -0.86 C 0.56 -0.5 0.62 -0.1 0.6 0.3 C 0.58 0.6 0.55 0.8 0.53 1 C 0.35 1.03 0.15 1.04 0 1.04"
		folds = creasesOf([6]float64{0.5, -0.3, 0.15, -0.1, 0.09, 0.14}, [6]float64{0.25, 0, 0.3, 1, 0.12, 0.16}, [6]float64{0.45, 0.3, 0.1, 0.5, 0.08, 0.12})
	}
	return figure{
		parts: concat(
			[]part{cloth(both(body), 0.7)},
			[]part{{outline: both("M 0 -0.93 C 0.15 -0.93 0.3 -0.94 0.39 -0.96 C 0.41 -0.9 0.42 -0.85 0.42 -0.8 C 0.3 -0.77 0.15 -0.76 0 -0.76"), ink: accent, puff: 0.4, drop: 0.35}},
			[]part{stitch("M -0.4 -0.825 C -0.2 -0.79 0.2 -0.79 0.4 -0.825")},
			buttons(0.32, -0.87, -0.87, 1, 0.026),
		),
		creases: folds, split: 0.25,
	}
}

func hat(rng *rand.Rand) figure {
	if rng.IntN(3) == 0 { // a beanie
		return figure{
			parts: concat(
				[]part{{outline: ellipse(pt{0, -0.78}, 0.2, 0.18), ink: accent, puff: 1, drop: 0.3}},
				[]part{cloth(both("M 0 -0.7 C 0.4 -0.7 0.68 -0.35 0.7 0.2 L 0 0.25"), 1.1)},
				[]part{{outline: both("M 0 0.1 C 0.3 0.09 0.55 0.06 0.73 0.02 C 0.77 0.15 0.77 0.35 0.74 0.46 C 0.5 0.54 0.25 0.56 0 0.56"), ink: accent, puff: 0.8, drop: 0.4}},
			),
			creases: creasesOf([6]float64{0.08, -0.65, 0.14, 0.5, 0.045, 0.22}, [6]float64{0.2, -0.62, 0.32, 0.5, 0.045, 0.22}, [6]float64{0.32, -0.55, 0.5, 0.48, 0.045, 0.22}, [6]float64{0.42, -0.45, 0.66, 0.45, 0.045, 0.2}),
			split:   0.08, upright: true,
		}
	}
	return figure{ // a brimmed hat
		parts: concat(
			[]part{{outline: trace("M -1.1 0.3 C -1 0.05 -0.5 -0.05 0 -0.05 C 0.5 -0.05 1 0.05 1.1 0.3 C 1.02 0.56 0.5 0.66 0 0.66 C -0.5 0.66 -1.02 0.56 -1.1 0.3"), puff: 0.7, drop: 0.2}},
			[]part{{outline: trace("M -0.62 0.27 C -0.6 -0.2 -0.58 -0.7 -0.4 -0.76 C -0.25 -0.8 -0.15 -0.7 0 -0.68 C 0.15 -0.7 0.25 -0.8 0.4 -0.76 C 0.58 -0.7 0.6 -0.2 0.62 0.27 C 0.4 0.4 -0.4 0.4 -0.62 0.27"), puff: 1, drop: 0.5}},
			[]part{{outline: trace("M -0.615 0.1 C -0.4 0.22 0.4 0.22 0.615 0.1 L 0.625 0.28 C 0.4 0.41 -0.4 0.41 -0.625 0.28"), ink: accent, tone: -0.32, puff: 0.4, drop: 0.25}},
			[]part{stitch("M -1.05 0.34 C -0.9 0.55 -0.5 0.61 0 0.61 C 0.5 0.61 0.9 0.55 1.05 0.34")},
		),
		creases: creasesOf([6]float64{0, -0.7, 0.02, 0, 0.13, 0.3}, [6]float64{0.3, -0.72, 0.38, 0, 0.1, 0.16}, [6]float64{0.6, 0.2, 1, 0.4, 0.1, 0.12}),
		split:   0.1, upright: true, smaller: 0.06,
	}
}

func shoe(rng *rand.Rand) figure {
	upper := trace("M -0.98 -0.36 C -0.88 -0.4 -0.74 -0.3 -0.58 -0.34 C -0.5 -0.38 -0.46 -0.42 -0.42 -0.44 C -0.3 -0.38 -0.22 -0.3 -0.12 -0.22 C 0.1 -0.06 0.4 0.06 0.72 0.12 C 0.98 0.17 1.08 0.28 1.08 0.42 L -1 0.42 C -1.06 0.1 -1.06 -0.2 -0.98 -0.36")
	parts := concat(
		[]part{{outline: trace("M -0.96 -0.35 C -0.85 -0.46 -0.6 -0.5 -0.42 -0.44 C -0.5 -0.3 -0.7 -0.22 -0.96 -0.35"), ink: lining}},
		[]part{{outline: trace("M -0.42 -0.45 C -0.38 -0.56 -0.3 -0.58 -0.22 -0.52 C -0.1 -0.4 0.1 -0.2 0.3 -0.05 L 0.2 0.1 C 0 0 -0.25 -0.2 -0.42 -0.45"), ink: accent, tone: -0.15, puff: 0.5}},
		[]part{{outline: upper, puff: 1, drop: 0.2}},
		[]part{{outline: trace("M 0.62 0.42 C 0.58 0.28 0.62 0.16 0.72 0.12 C 0.98 0.17 1.08 0.28 1.08 0.42"), ink: accent, tone: 0.06, puff: 0.7, drop: 0.2}},
		[]part{{outline: trace("M -1.03 0.1 C -1.06 -0.2 -1.03 -0.3 -0.98 -0.36 C -0.92 -0.38 -0.86 -0.37 -0.8 -0.34 C -0.76 -0.15 -0.72 0.1 -0.6 0.42 L -1 0.42"), ink: accent, tone: -0.06, puff: 0.5, drop: 0.2}},
		[]part{{outline: trace("M -1.04 0.38 C -0.4 0.42 0.5 0.42 1.1 0.38 C 1.14 0.48 1.12 0.58 1.05 0.62 C 0.5 0.66 -0.4 0.66 -1 0.62 C -1.06 0.56 -1.07 0.46 -1.04 0.38"), ink: rubber, puff: 0.7, drop: 0.35}},
		[]part{seam("M -1.05 0.52 C -0.4 0.55 0.5 0.55 1.11 0.51"), stitch("M 0.6 0.38 C 0.55 0.25 0.6 0.14 0.68 0.1")},
	)
	if rng.IntN(2) == 0 { // a stripe on the side
		parts = concat(parts, []part{{outline: trace("M -0.5 0.3 C -0.2 0.34 0.1 0.2 0.3 0.02"), ink: rubber, width: 0.07, tone: -0.08, drop: 0.15}})
	}
	for i := range 5 { // laces
		t := float64(i) / 4
		x, y := -0.3+0.5*t, -0.42+0.4*t
		a, b, c := pt{x, y}, pt{x + 0.02, y + 0.1}, pt{x - 0.07, y + 0.17}
		parts = append(parts,
			part{outline: path{{a, b, b, c}}, ink: rubber, width: 0.042, drop: 0.4, tone: -0.04},
			part{outline: ellipse(c, 0.02, 0.02), ink: button, tone: -0.1})
	}
	return figure{
		parts:   parts,
		creases: []crease{{pt{0.2, 0.02}, pt{0.35, 0.36}, 0.07, 0.2}, {pt{0.35, 0.08}, pt{0.5, 0.36}, 0.06, 0.18}, {pt{-0.6, -0.4}, pt{-0.4, 0.3}, 0.14, 0.16}},
		split:   0.12, upright: true, smaller: 0.1,
	}
}

func bag(rng *rand.Rand) figure {
	handle := part{outline: trace("M -0.42 -0.3 C -0.4 -1.25 0.4 -1.25 0.42 -0.3"), ink: accent, width: 0.075, puff: 0.9, drop: 0.4, tone: -0.06}
	behind := part{outline: trace("M -0.36 -0.3 C -0.34 -1.1 0.34 -1.1 0.36 -0.3"), ink: accent, width: 0.06, puff: 0.6, drop: 0.2, tone: -0.3}
	parts := concat([]part{behind, cloth(both("M 0 -0.42 C 0.3 -0.42 0.55 -0.42 0.68 -0.38 C 0.76 0 0.84 0.4 0.86 0.74 C 0.8 0.84 0.4 0.86 0 0.86"), 0.9)})
	if rng.IntN(2) == 0 { // a flap with a clasp
		parts = concat(parts, []part{
			{outline: both("M 0 -0.44 C 0.3 -0.44 0.55 -0.44 0.69 -0.4 C 0.74 -0.15 0.72 0.05 0.6 0.16 C 0.4 0.26 0.2 0.28 0 0.28"), ink: accent, puff: 0.6, drop: 0.5},
			stitch("M -0.66 -0.3 C -0.68 -0.05 -0.66 0.05 -0.56 0.11 C -0.3 0.21 0.3 0.21 0.56 0.11 C 0.66 0.05 0.68 -0.05 0.66 -0.3"),
			{outline: trace("M -0.08 0.18 L 0.08 0.18 L 0.08 0.34 L -0.08 0.34"), ink: metal, puff: 0.6, drop: 0.4},
		})
	} else {
		parts = concat(parts, []part{
			{outline: trace("M -0.69 -0.3 C -0.3 -0.27 0.3 -0.27 0.69 -0.3"), ink: contour, width: 0.012, tone: -0.3},
			stitch("M -0.8 0.74 C -0.4 0.78 0.4 0.78 0.8 0.74"), stitch("M -0.64 -0.34 C -0.72 0 -0.78 0.4 -0.8 0.74"), stitch("M 0.64 -0.34 C 0.72 0 0.78 0.4 0.8 0.74"),
		})
	}
	for _, x := range []float64{-0.42, 0.42} {
		parts = append(parts, part{outline: ellipse(pt{x, -0.28}, 0.05, 0.05), ink: metal, puff: 0.6, drop: 0.4})
	}
	return figure{
		parts:   append(parts, handle),
		creases: creasesOf([6]float64{0.7, -0.3, 0.5, 0.7, 0.12, 0.18}, [6]float64{0.2, 0.2, 0.25, 0.85, 0.14, 0.1}),
		split:   0.2, upright: true,
	}
}
