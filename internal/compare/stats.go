package compare

import "math"

// Wilson is the 95 % score interval of a share.
func Wilson(k, n int) [2]float64 {
	if n == 0 {
		return [2]float64{0, 1}
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	center := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return [2]float64{max(0, center-half), min(1, center+half)}
}

// McNemar is the exact two-sided test of paired answers: how likely it is that
// so uneven a count of wins and losses, or a more uneven one, comes about by chance.
// Posts on which both are right, or both wrong, say nothing of it.
func McNemar(wins, losses int) float64 {
	n, k := wins+losses, min(wins, losses)
	if n == 0 {
		return 1
	}
	sum := 0.0
	for i := range k + 1 {
		sum += math.Exp(logChoose(n, i) - float64(n)*math.Ln2)
	}
	return min(1, 2*sum)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// kappa is Cohen's: 1 for full agreement, 0 for what chance makes of the same
// shares of values. If both always say one and the same, it is 1.
func kappa(confusion map[string]map[string]int, n int) float64 {
	rows, columns, same := map[string]int{}, map[string]int{}, 0
	for a, row := range confusion {
		for b, k := range row {
			rows[a] += k
			columns[b] += k
			if a == b {
				same += k
			}
		}
	}
	chance := 0.0
	for v, k := range rows {
		chance += float64(k) * float64(columns[v]) / float64(n) / float64(n)
	}
	if chance == 1 {
		return 1
	}
	return (float64(same)/float64(n) - chance) / (1 - chance)
}
