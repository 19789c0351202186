package ensemble

import "math"

// gaussLegendre gives the n nodes and weights of Gauss-Legendre quadrature on
// [0, 1], exact for polynomials up to degree 2n-1.
//
// A Shapley value is such an integral: the weight k!(m-1-k)!/m! of a coalition
// of k among m players is the integral of t^k (1-t)^(m-1-k), so the sum over
// all coalitions becomes one product of m-1 terms linear in t.
func gaussLegendre(n int) (t, w []float64) {
	t, w = make([]float64, n), make([]float64, n)
	for i := range n {
		// Newton's iteration on the Legendre polynomial from Chebyshev's guess.
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		d := 1.0
		for range 100 {
			p0, p1 := 1.0, x
			for k := 2; k <= n; k++ {
				p0, p1 = p1, (float64(float64(2*k-1)*x*p1)-float64(float64(k-1)*p0))/float64(k)
			}
			d = float64(n) * (float64(x*p1) - p0) / (float64(x*x) - 1)
			step := p1 / d
			x -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		t[i] = (1 - x) / 2
		w[i] = 1 / ((1 - float64(x*x)) * d * d)
	}
	return t, w
}
