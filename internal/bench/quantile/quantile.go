// Package quantile sums up what the benchmarks measured.
package quantile

import "slices"

// Of returns the value that the share q of v lies below, in the order of v's values;
// v, which must not be empty, stays as it is.
func Of(v []float64, q float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)-1, int(float64(len(v))*q))]
}

// Median is the middle one, of an even number the upper of the two.
func Median(v []float64) float64 { return Of(v, .5) }
