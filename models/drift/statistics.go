package drift

import (
	"math"
	"slices"

	"sluice/featurestore/fault"
)

// PSI is the population stability index of two histograms over the same bins,
// missing values being a bin of their own: the sum of (a - e) ln(a / e) over
// their shares e and a, which is the symmetric Kullback–Leibler divergence
// (H. Jeffreys, Proc. R. Soc. A 186, 1946; under this name N. Siddiqi, Credit
// Risk Scorecards, 2006, whose reading is: below 0.1 little, 0.1 to 0.25 some,
// above 0.25 a shift). Shares are (n + 1/2) / (N + bins/2), so that an empty
// bin costs much but not everything. It is NaN where either histogram is empty.
func PSI(expected, actual Histogram) (float64, error) {
	if !slices.Equal(expected.Edges, actual.Edges) || len(expected.Counts) != len(actual.Counts) {
		return 0, fault.New(fault.Invalid, "PSI of %s: the histograms have other bins", expected.Name)
	}
	te, ta := float64(expected.Total()), float64(actual.Total())
	if te == 0 || ta == 0 {
		return math.NaN(), nil
	}
	bins := float64(len(expected.Counts))
	missing := expected.Missing > 0 || actual.Missing > 0
	if missing {
		bins++
	}
	var sum float64
	term := func(e, a int64) {
		pe, pa := (float64(e)+0.5)/(te+bins/2), (float64(a)+0.5)/(ta+bins/2)
		sum += (pa - pe) * math.Log(pa/pe)
	}
	for i, e := range expected.Counts {
		term(e, actual.Counts[i])
	}
	if missing {
		term(expected.Missing, actual.Missing)
	}
	return sum, nil
}

// KSResult is a two-sample Kolmogorov–Smirnov test.
type KSResult struct {
	D      float64 `json:"d"`       // greatest distance between the distribution functions
	PValue float64 `json:"p_value"` // asymptotic, two-sided
}

// KS compares two samples, NaN left out. The p value is the asymptotic one
// with M. A. Stephens's correction for small samples (JRSS B 32, 1970):
// lambda = (sqrt(n) + 0.12 + 0.11/sqrt(n)) D with n = n1 n2 / (n1 + n2). Rows
// of one address are not independent, so it is a guide and D is the figure. D
// is NaN where a sample is empty.
func KS(a, b []float64) KSResult {
	x, y := sorted(a), sorted(b)
	n, m := float64(len(x)), float64(len(y))
	if n == 0 || m == 0 {
		return KSResult{math.NaN(), math.NaN()}
	}
	var d float64
	for i, j := 0, 0; i < len(x) && j < len(y); {
		v := min(x[i], y[j])
		for i < len(x) && x[i] == v {
			i++
		}
		for j < len(y) && y[j] == v {
			j++
		}
		d = max(d, math.Abs(float64(i)/n-float64(j)/m))
	}
	root := math.Sqrt(n * m / (n + m))
	return KSResult{d, kolmogorov((root + 0.12 + 0.11/root) * d)}
}

// BinnedKS is the greatest distance between the distribution functions at the
// bins' edges: at most the D of the values themselves.
func BinnedKS(a, b Histogram) float64 {
	na, nb := float64(a.Total()-a.Missing), float64(b.Total()-b.Missing)
	if na == 0 || nb == 0 || !slices.Equal(a.Edges, b.Edges) {
		return math.NaN()
	}
	var d, ca, cb float64
	for i := range a.Counts {
		ca += float64(a.Counts[i])
		cb += float64(b.Counts[i])
		d = max(d, math.Abs(ca/na-cb/nb))
	}
	return d
}

func sorted(v []float64) []float64 {
	out := make([]float64, 0, len(v))
	for _, x := range v {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// kolmogorov is Q(x) = 2 sum over k >= 1 of (-1)^(k-1) exp(-2 k^2 x^2), the
// upper tail of Kolmogorov's distribution.
func kolmogorov(x float64) float64 {
	if x < 0.2 {
		return 1 // Q(0.2) is 1 to more than twelve digits
	}
	var sum float64
	sign := 1.0
	for k := 1.0; k <= 100; k++ {
		t := math.Exp(-2 * k * k * x * x)
		sum += sign * t
		if t < 1e-17 {
			break
		}
		sign = -sign
	}
	return min(1, max(0, 2*sum))
}
