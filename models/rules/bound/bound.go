package bound

import "math"

// Z is the standard normal quantile of a one-sided confidence: 1.2816 for
// 0.90. It is NaN outside (0, 1).
func Z(confidence float64) float64 {
	if !(confidence > 0 && confidence < 1) {
		return math.NaN()
	}
	return math.Sqrt2 * math.Erfinv(2*confidence-1)
}

// Wilson is the score interval of hits out of n, after E. B. Wilson, "Probable
// inference, the law of succession, and statistical inference", JASA 22
// (1927): the shares p0 for which |p - p0| <= z sqrt(p0 (1-p0) / n). Each end
// alone is a one-sided bound of confidence Phi(z). hits and n may be fractions
// (an effective sample). With n <= 0 nothing is known: 0 and 1.
func Wilson(hits, n, z float64) (low, high float64) {
	if !(n > 0) {
		return 0, 1
	}
	p := hits / n
	z2 := z * z / n
	mid := p + z2/2
	half := z * math.Sqrt(max(0, p*(1-p)/n)+z2/(4*n))
	low, high = (mid-half)/(1+z2), (mid+half)/(1+z2)
	return max(0, min(low, p)), min(1, max(high, p))
}

// Sums are what a clustered bound needs of a set of rows: h hits and n rows of
// each cluster, as sums over the clusters. The zero value is the empty set.
type Sums struct {
	N, Hits    float64 // rows, and rows that are hits
	HH, HN, NN float64 // sums over clusters of h*h, h*n and n*n
}

// DesignEffect is the factor by which clusters inflate the variance of Hits/N,
// never below 1: the linearised variance of a ratio of cluster totals (W. G.
// Cochran, Sampling Techniques, 3rd ed., 1977, chapter 9A) over the binomial
// one. Where all or none are hits the variance can't be seen; the clusters are
// then taken as fully correlated, which gives sum(n*n)/N.
func (s Sums) DesignEffect() float64 {
	if !(s.N > 0) {
		return 1
	}
	p := s.Hits / s.N
	if p <= 0 || p >= 1 {
		return max(1, s.NN/s.N)
	}
	v := s.HH - 2*p*s.HN + p*p*s.NN
	return max(1, v/(s.N*p*(1-p)))
}

// Interval is the Wilson interval of the share of hits on the effective number
// of rows, N over the design effect.
func (s Sums) Interval(z float64) (low, high float64) {
	d := s.DesignEffect()
	return Wilson(s.Hits/d, s.N/d, z)
}

// Lower is the lower end of Interval.
func (s Sums) Lower(z float64) float64 {
	low, _ := s.Interval(z)
	return low
}

// Counter keeps Sums while rows are added or removed, in constant time each.
type Counter struct {
	Sums
	n, h []float64 // per cluster
}

// NewCounter counts over clusters 0 … clusters-1.
func NewCounter(clusters int) *Counter {
	return &Counter{n: make([]float64, clusters), h: make([]float64, clusters)}
}

// Add counts one row of a cluster with weight w; a negative w takes it back.
func (c *Counter) Add(cluster int, hit bool, w float64) {
	n, h := c.n[cluster], c.h[cluster]
	dh := 0.0
	if hit {
		dh = w
	}
	c.N += w
	c.Hits += dh
	c.NN += w * (2*n + w)
	c.HN += w*h + dh*n + w*dh
	c.HH += dh * (2*h + dh)
	c.n[cluster], c.h[cluster] = n+w, h+dh
}

// Reset empties the counter.
func (c *Counter) Reset() {
	c.Sums = Sums{}
	clear(c.n)
	clear(c.h)
}
