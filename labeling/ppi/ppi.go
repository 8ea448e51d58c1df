// Package ppi estimates how large a share of posts has an attribute from what
// models predict of all of them and what people said of a few: prediction-powered
// inference (Angelopoulos, Bates, Fannjiang, Jordan, Zrnic: Science 382, 2023),
// with the weight of the predictions chosen from the data (PPI++: Angelopoulos,
// Duchi, Zrnic, 2023), so that useless predictions never widen the interval by
// much.
//
// The labels must be of a uniform sample of the posts. Labels that were asked for
// because a model was unsure are of posts that models get wrong more often, and
// would correct too much.
package ppi

import "math"

// Pairs count the labelled posts by what the model predicted and people said.
type Pairs struct {
	Both       int64 // the model and people saw it
	ModelOnly  int64
	PeopleOnly int64
	Neither    int64
}

// N is how many posts are labelled.
func (p Pairs) N() int64 { return p.Both + p.ModelOnly + p.PeopleOnly + p.Neither }

// Unlabelled count the posts that nobody labelled.
type Unlabelled struct {
	Posts     int64
	Predicted int64 // of which the model saw it in so many
}

// FewLabels is how many labels there must be for an interval. With fewer the
// answer says that there aren't enough.
const FewLabels = 20

// rare is the number of disagreements below which their share isn't taken for
// normally distributed.
const rare = 5

// z is the 97.5 % point of the normal distribution.
const z = 1.959963984540054

// Estimate is a share with its 95 % interval. All are between 0 and 1.
type Estimate struct {
	Model     float64 // the share that the model predicts of all posts, right or wrong
	Corrected float64
	Low, High float64
	Weight    float64 // of the predictions: 0 is labels alone, 1 the method of 2023
	Enough    bool    // false: there are too few labels, and only Model is given
}

// Share estimates the share of all posts, labelled or not, that has the attribute.
func Share(pairs Pairs, rest Unlabelled) Estimate {
	n, all := pairs.N(), pairs.N()+rest.Posts
	var e Estimate
	if all > 0 {
		e.Model = float64(pairs.Both+pairs.ModelOnly+rest.Predicted) / float64(all)
	}
	if n < FewLabels {
		return e
	}
	e.Enough = true
	mean, err, weight := Mean(pairs, rest)
	e.Corrected, e.Low, e.High, e.Weight = mean, mean-z*err, mean+z*err, weight
	if pairs.ModelOnly+pairs.PeopleOnly < rare || err == 0 {
		e.widen(pairs, rest)
	}
	e.Low, e.High = min(e.Low, mean), max(e.High, mean)
	e.Corrected, e.Low, e.High = clip(mean), clip(e.Low), clip(e.High)
	return e
}

// Mean is the estimate of PPI++ with its standard error and the weight of the
// predictions, neither clipped nor widened.
func Mean(pairs Pairs, rest Unlabelled) (mean, standard, weight float64) {
	n, m := float64(pairs.N()), float64(rest.Posts)
	people := float64(pairs.Both+pairs.PeopleOnly) / n
	predicted := float64(pairs.Both+pairs.ModelOnly) / n
	if rest.Posts == 0 { // everything is labelled: nothing to predict
		return people, math.Sqrt(people * (1 - people) / n), 0
	}
	unlabelled := float64(rest.Predicted) / m
	weight = tuned(pairs, rest)
	mean = weight*unlabelled + people - weight*predicted
	standard = math.Sqrt(weight*weight*unlabelled*(1-unlabelled)/m + residual(pairs, weight)/n)
	return mean, standard, weight
}

// tuned is the weight that makes the variance least, within 0 and 1.
func tuned(pairs Pairs, rest Unlabelled) float64 {
	n, m := float64(pairs.N()), float64(rest.Posts)
	people := float64(pairs.Both+pairs.PeopleOnly) / n
	predicted := float64(pairs.Both+pairs.ModelOnly) / n
	covariance := float64(pairs.Both)/n - people*predicted
	all := (float64(pairs.Both+pairs.ModelOnly) + float64(rest.Predicted)) / (n + m)
	variance := all * (1 - all) * (n + m) / (n + m - 1)
	if variance == 0 {
		return 0
	}
	return clip(covariance / ((1 + n/m) * variance))
}

// residual is the variance of what people said less the weighted prediction.
func residual(pairs Pairs, weight float64) float64 {
	n := float64(pairs.N())
	people := float64(pairs.Both+pairs.PeopleOnly) / n
	predicted := float64(pairs.Both+pairs.ModelOnly) / n
	mean := people - weight*predicted
	var sum float64
	for _, g := range []struct {
		count int64
		value float64
	}{{pairs.Both, 1 - weight}, {pairs.ModelOnly, -weight}, {pairs.PeopleOnly, 1}, {pairs.Neither, 0}} {
		sum += float64(g.count) * (g.value - mean) * (g.value - mean)
	}
	return sum / n
}

// widen makes the interval hold where disagreements are too rare for the normal
// distribution: that none was seen among a hundred doesn't mean that there are
// none. The share differs from the predicted one by what one side saw alone, and
// each of those shares has an exact bound.
func (e *Estimate) widen(pairs Pairs, rest Unlabelled) {
	all := float64(pairs.N() + rest.Posts)
	chance := z * math.Sqrt(e.Model*(1-e.Model)/all)
	e.Low = min(e.Low, e.Model-chance-upper(pairs.ModelOnly, pairs.N()))
	e.High = max(e.High, e.Model+chance+upper(pairs.PeopleOnly, pairs.N()))
}

// upper is the exact (Clopper-Pearson) 97.5 % bound on a share of which k were
// seen among n.
func upper(k, n int64) float64 {
	if k >= n {
		return 1
	}
	low, high := float64(k)/float64(n), 1.0
	for range 60 { // the bound is where seeing at most k gets as unlikely as 2.5 %
		p := (low + high) / 2
		if atMost(k, n, p) > 0.025 {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the chance of k or fewer among n, each with the chance p.
func atMost(k, n int64, p float64) float64 {
	var sum float64
	term := float64(n) * math.Log1p(-p)
	for i := int64(0); ; i++ {
		sum += math.Exp(term)
		if i == k {
			return min(sum, 1)
		}
		term += math.Log(float64(n-i)/float64(i+1)) + math.Log(p) - math.Log1p(-p)
	}
}

func clip(x float64) float64 { return max(0, min(1, x)) }
