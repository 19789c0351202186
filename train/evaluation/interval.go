package evaluation

import (
	"math"

	"sluice/models/rules/bound"

	"gonum.org/v1/gonum/mathext"
)

// Wilson is the two-sided score interval of hits out of n at a level such as
// 0.95; see bound.Wilson.
func Wilson(hits, n, level float64) (low, high float64) {
	return bound.Wilson(hits, n, bound.Z((1+level)/2))
}

// ClopperPearson is the exact two-sided interval of hits out of n at a level
// such as 0.95 (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934): quantiles
// of beta distributions. It covers at least the level, at the price of width.
// Without rows nothing is known: 0 and 1.
func ClopperPearson(hits, n int, level float64) (low, high float64) {
	if n <= 0 || hits < 0 || hits > n || !(level > 0 && level < 1) {
		return 0, 1
	}
	alpha := (1 - level) / 2
	high = 1
	if hits > 0 {
		low = betaQuantile(float64(hits), float64(n-hits+1), alpha)
	}
	if hits < n {
		high = betaQuantile(float64(hits+1), float64(n-hits), 1-alpha)
	}
	return low, high
}

// betaQuantile inverts the regularised incomplete beta function by bisection:
// slow, and right to the last digits.
func betaQuantile(a, b, q float64) float64 {
	lo, hi := 0.0, 1.0
	for range 200 {
		mid := lo + (hi-lo)/2
		if mid == lo || mid == hi {
			break
		}
		if mathext.RegIncBeta(a, b, mid) < q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return math.FMA(hi-lo, 0.5, lo)
}
