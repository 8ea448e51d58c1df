package sim

import "math/rand/v2"

func tShirt(rng *rand.Rand) figure {
	neck := "M 0 -0.78 C 0.13 -0.78 0.24 -0.86 0.28 -1"
	body := "M 0 -0.78 C 0.13 -0.78 0.24 -0.86 0.28 -1"
	if rng.IntN(4) == 0 { // V neck
		neck = "M 0 -0.6 C 0.1 -0.72 0.22 -0.86 0.27 -1"
		body = neck
	}
	body += " C 0.4 -0.965 0.5 -0.93 0.62 -0.87 L 0.6 -0.42 C 0.565 0 0.59 0.6 0.6 1.02 C 0.42 1.06 0.2 1.07 0 1.07"
	sleeve := part{
		outline: trace("M 0.6 -0.88 C 0.72 -0.82 0.93 -0.55 1.04 -0.33 C 1 -0.24 0.86 -0.16 0.78 -0.15 C 0.72 -0.25 0.66 -0.34 0.585 -0.4 C 0.53 -0.56 0.54 -0.74 0.6 -0.88"),
		ink:     accent, grain: 0.62, puff: 0.5, drop: 0.25,
	}
	rib := part{outline: append(trace(neck).reverse(), trace(neck).mirror()...), ink: accent, width: 0.062, tone: -0.07, puff: 0.5, drop: 0.12}
	return figure{
		parts: concat(
			[]part{
				{outline: both("M 0 -1.02 C 0.12 -1.02 0.22 -1.01 0.29 -1 C 0.28 -0.8 0.16 -0.55 0 -0.55"), ink: lining},
				{outline: trace("M -0.27 -0.975 C -0.1 -0.93 0.1 -0.93 0.27 -0.975"), ink: lining, width: 0.05, tone: 0.12},
				{outline: both("M 0 -0.935 L 0.055 -0.935 L 0.055 -0.87 L 0 -0.87"), ink: rubber, tone: -0.25},
			},
			[]part{cloth(both(body), 0.7)}, twice(sleeve), []part{rib},
			twice(stitch("M 0.765 -0.205 C 0.83 -0.215 0.95 -0.29 0.995 -0.37")),
			[]part{stitch("M -0.585 0.97 C -0.3 1.025 0.3 1.025 0.585 0.97")},
		),
		creases: creasesOf(
			[6]float64{0.56, -0.42, 0.2, 0.05, 0.09, 0.2}, [6]float64{0.57, -0.3, 0.3, 0.5, 0.08, 0.14},
			[6]float64{0.3, 0.2, 0.42, 1, 0.1, 0.16}, [6]float64{0.1, -0.1, 0.05, 0.95, 0.13, 0.12},
			[6]float64{0.62, -0.8, 0.88, -0.3, 0.06, 0.14}, [6]float64{0.25, -0.9, 0.4, -0.4, 0.08, 0.1}),
		split: 0.1,
	}
}

func shirt(rng *rand.Rand) figure {
	sleeve := part{
		outline: trace("M 0.55 -0.9 C 0.7 -0.83 0.78 -0.66 0.83 -0.45 C 0.92 -0.05 0.98 0.35 1.02 0.72 C 0.95 0.77 0.84 0.79 0.77 0.78 C 0.72 0.4 0.66 0 0.56 -0.36 C 0.5 -0.56 0.5 -0.76 0.55 -0.9"),
		ink:     accent, grain: -0.2, puff: 0.6, drop: 0.35,
	}
	cuff := part{outline: trace("M 1.02 0.7 L 1.04 0.9 C 0.96 0.95 0.84 0.97 0.78 0.95 L 0.765 0.765 C 0.85 0.78 0.95 0.75 1.02 0.7"), ink: accent, grain: -0.15, puff: 0.5, drop: 0.2}
	body := "M 0 -0.9 L 0.27 -1.02 C 0.4 -0.97 0.48 -0.94 0.57 -0.89 L 0.56 -0.4 C 0.53 0 0.55 0.6 0.57 0.93 C 0.5 1.08 0.3 1.12 0 1.13"
	collar := part{outline: trace("M 0.015 -0.83 C 0.08 -0.92 0.16 -1.02 0.22 -1.1 C 0.28 -1.09 0.32 -1.05 0.33 -1 C 0.31 -0.9 0.27 -0.78 0.22 -0.68 C 0.15 -0.72 0.07 -0.77 0.015 -0.83"), ink: accent, grain: 0.7, puff: 0.35, drop: 0.5}
	parts := concat(
		[]part{{outline: both("M 0 -1.12 C 0.1 -1.12 0.2 -1.11 0.26 -1.06 C 0.2 -0.95 0.1 -0.8 0 -0.78"), ink: lining}},
		twice(sleeve), twice(cuff),
		[]part{cloth(both(body), 0.6)},
		[]part{{outline: trace("M -0.05 -0.84 L 0.05 -0.84 L 0.055 1.13 L -0.055 1.13"), grain: 0.02, drop: 0.2, puff: 0.15, tone: 0.02}},
		[]part{stitch("M -0.035 -0.8 L -0.038 1.1"), stitch("M 0.035 -0.8 L 0.038 1.1")},
		twice(collar), twice(stitch("M 0.06 -0.815 L 0.205 -0.725 C 0.25 -0.8 0.28 -0.9 0.3 -0.99")),
		twice(seam("M 0.545 -0.87 C 0.5 -0.7 0.51 -0.52 0.56 -0.38")),
		buttons(0, -0.68, 0.95, 6, 0.021),
	)
	if rng.IntN(3) > 0 {
		pocket := part{outline: trace("M 0.16 -0.45 L 0.43 -0.47 L 0.44 -0.17 L 0.3 -0.09 L 0.165 -0.14"), puff: 0.25, drop: 0.22}
		parts = concat(parts, []part{pocket, stitch("M 0.175 -0.41 L 0.42 -0.43"), stitch("M 0.178 -0.44 L 0.182 -0.155 L 0.3 -0.108 L 0.425 -0.185 L 0.415 -0.45")})
	}
	return figure{
		parts: parts,
		creases: creasesOf(
			[6]float64{0.55, -0.35, 0.2, 0.2, 0.08, 0.18}, [6]float64{0.52, 0, 0.3, 0.8, 0.09, 0.16},
			[6]float64{0.2, -0.3, 0.15, 0.9, 0.09, 0.13}, [6]float64{0.7, -0.5, 0.8, 0.1, 0.06, 0.2},
			[6]float64{0.78, 0, 0.93, 0.7, 0.05, 0.2}, [6]float64{0.68, -0.1, 0.86, 0.12, 0.045, 0.2},
			[6]float64{0.74, 0.3, 0.92, 0.42, 0.04, 0.16}, [6]float64{0.35, -0.9, 0.45, -0.3, 0.08, 0.1}),
		split: 0.15,
	}
}

func dress(rng *rand.Rand) figure {
	body := "M 0 -0.8 C 0.12 -0.8 0.19 -0.92 0.21 -1.16 L 0.37 -1.17 C 0.35 -0.92 0.4 -0.78 0.45 -0.7 C 0.44 -0.48 0.36 -0.32 0.33 -0.14 "
	back := "M 0 -0.98 C 0.1 -0.98 0.18 -1.04 0.22 -1.15 C 0.26 -0.9 0.16 -0.7 0 -0.7"
	hem := "C 0.44 0.2 0.7 0.75 0.82 1.12 C 0.7 1.2 0.6 1.15 0.5 1.21 C 0.4 1.26 0.28 1.19 0.17 1.24 C 0.1 1.26 0.04 1.24 0 1.23"
	if rng.IntN(2) == 0 { // a narrower skirt
		hem = "C 0.46 0.1 0.52 0.6 0.5 1.16 C 0.35 1.21 0.15 1.22 0 1.22"
	}
	parts := concat(
		[]part{{outline: both(back), ink: lining}},
		[]part{cloth(both(body+hem), 0.6)},
	)
	if rng.IntN(2) == 0 { // short sleeves
		sleeve := part{outline: trace("M 0.33 -1.17 C 0.5 -1.12 0.66 -0.95 0.74 -0.74 C 0.66 -0.66 0.56 -0.63 0.48 -0.63 C 0.42 -0.72 0.36 -0.9 0.33 -1.17"), ink: accent, grain: 0.6, puff: 0.6, drop: 0.3}
		parts = concat(parts, twice(sleeve))
	}
	parts = concat(parts,
		[]part{{outline: trace("M -0.335 -0.19 C -0.1 -0.15 0.1 -0.15 0.335 -0.19 L 0.335 -0.1 C 0.1 -0.06 -0.1 -0.06 -0.335 -0.1"), ink: accent, tone: -0.1, puff: 0.5, drop: 0.3}},
		[]part{{outline: append(trace("M 0 -0.8 C 0.12 -0.8 0.19 -0.92 0.21 -1.16").reverse(), trace("M 0 -0.8 C -0.12 -0.8 -0.19 -0.92 -0.21 -1.16")...), ink: contour, width: 0.02, tone: -0.13}},
		twice(seam("M 0.22 -0.72 C 0.2 -0.5 0.17 -0.35 0.16 -0.18")),
	)
	return figure{
		parts: parts,
		creases: creasesOf(
			[6]float64{0.06, -0.1, 0.13, 1.2, 0.07, 0.3}, [6]float64{0.14, -0.1, 0.32, 1.2, 0.07, 0.3},
			[6]float64{0.22, -0.1, 0.5, 1.18, 0.07, 0.3}, [6]float64{0.29, -0.05, 0.68, 1.15, 0.07, 0.28},
			[6]float64{0, 0, -0.03, 1.2, 0.06, 0.24}, [6]float64{0.4, -0.65, 0.1, -0.3, 0.08, 0.16},
			[6]float64{0.3, -0.2, 0.12, -0.5, 0.06, 0.14}),
		split: -0.12,
	}
}

func coat(rng *rand.Rand) figure {
	sleeve := part{
		outline: trace("M 0.5 -0.98 C 0.7 -0.92 0.8 -0.72 0.85 -0.5 C 0.95 -0.1 0.99 0.2 1.02 0.5 C 0.95 0.56 0.82 0.58 0.74 0.56 C 0.7 0.2 0.64 -0.1 0.55 -0.4 C 0.47 -0.6 0.46 -0.8 0.5 -0.98"),
		ink:     accent, grain: -0.22, puff: 0.9, drop: 0.45,
	}
	lapel := part{outline: trace("M 0.02 -0.3 C 0.1 -0.5 0.16 -0.8 0.2 -1.1 C 0.28 -1.12 0.34 -1.08 0.36 -1.02 L 0.31 -0.86 L 0.44 -0.78 C 0.36 -0.6 0.2 -0.42 0.02 -0.3"), ink: accent, grain: 0.5, puff: 0.45, drop: 0.5}
	body := "M 0 -0.9 L 0.25 -1.1 C 0.4 -1.05 0.48 -1.02 0.56 -0.96 C 0.56 -0.7 0.55 -0.5 0.54 -0.3 C 0.5 0 0.56 0.6 0.64 1.18 C 0.45 1.24 0.2 1.25 0 1.25"
	parts := concat(
		[]part{{outline: both("M 0 -1.14 C 0.1 -1.14 0.2 -1.13 0.26 -1.08 C 0.2 -0.9 0.1 -0.5 0 -0.4"), ink: lining}},
		twice(sleeve), []part{cloth(both(body), 0.8)},
		[]part{{outline: trace("M 0.07 -0.4 C 0.08 0.2 0.08 0.8 0.08 1.25"), ink: contour, width: 0.02, tone: -0.3}},
		twice(lapel),
		twice(seam("M 0.31 -0.86 L 0.19 -0.95")),
		twice(part{outline: trace("M 0.2 0.28 L 0.48 0.2 L 0.5 0.3 L 0.22 0.38"), puff: 0.3, drop: 0.4, tone: 0.02}),
		twice(stitch("M 0.76 0.46 C 0.85 0.47 0.95 0.44 0.99 0.41")),
		buttons(-0.06, -0.14, 0.62, 3, 0.034),
	)
	if rng.IntN(2) == 0 { // double-breasted
		parts = concat(parts, buttons(0.2, -0.14, 0.24, 2, 0.034))
	} else {
		parts = concat(parts, []part{{outline: trace("M -0.54 -0.06 C -0.2 0 0.2 0 0.54 -0.06 L 0.54 0.05 C 0.2 0.11 -0.2 0.11 -0.54 0.05"), ink: accent, puff: 0.5, drop: 0.4, tone: -0.04}},
			[]part{{outline: trace("M 0.02 -0.04 L 0.16 -0.04 L 0.16 0.11 L 0.02 0.11 L 0.02 -0.04"), ink: metal, width: 0.02, drop: 0.3}})
	}
	return figure{
		parts: parts,
		creases: creasesOf(
			[6]float64{0.5, -0.3, 0.25, 0.2, 0.1, 0.16}, [6]float64{0.3, 0.4, 0.4, 1.2, 0.11, 0.18},
			[6]float64{0.16, 0.2, 0.15, 1.2, 0.1, 0.12}, [6]float64{0.66, -0.7, 0.84, 0.1, 0.08, 0.2},
			[6]float64{0.7, -0.1, 0.92, 0.02, 0.05, 0.18}, [6]float64{0.74, 0.2, 0.95, 0.3, 0.05, 0.16}),
		split: 0.05,
	}
}
