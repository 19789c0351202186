package evaluation

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Values of scipy.stats.beta.ppf.
func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.3084971078187607},
		{3, 10, 0.06673951117773447, 0.6524528500599973},
		{10, 10, 0.6915028921812392, 1},
		{178, 3390, 0.04524026623446981, 0.060557958676540354},
		{2179, 2357, 0.9130646666951409, 0.9348268470255885},
		{1, 1, 0.025, 1},
		{0, 0, 0, 1},
	} {
		low, high := ClopperPearson(c.k, c.n, 0.95)
		if math.Abs(low-c.low) > 1e-11 || math.Abs(high-c.high) > 1e-11 {
			t.Errorf("ClopperPearson(%d, %d) = %v, %v; scipy has %v, %v", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

// The exact interval covers at least its level, whatever the share: the sum of
// binomial weights of the counts whose interval holds it.
func TestClopperPearsonCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "n")
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		var covered float64
		for k := range n + 1 {
			if low, high := ClopperPearson(k, n, 0.9); low <= p && p <= high {
				ln, _ := math.Lgamma(float64(n + 1))
				lk, _ := math.Lgamma(float64(k + 1))
				lm, _ := math.Lgamma(float64(n - k + 1))
				covered += math.Exp(ln - lk - lm + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
			}
		}
		if covered < 0.9-1e-9 {
			t.Fatalf("n %d, share %v: covered %v", n, p, covered)
		}
	})
}

// Values of scipy.stats.binomtest.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{
		{5, 5, 1}, {0, 4, 0.125}, {12, 30, 0.007915897334896727}, {260, 331, 0.003946706820185292},
		{1500, 1400, 0.06598734966518463}, {0, 0, 1},
	} {
		if got := binomialTwoSided(c.a, c.b); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d against %d: p = %v, scipy has %v", c.a, c.b, got, c.want)
		}
	}
	labels := []bool{true, true, false, false, true}
	m := NewMcNemar(labels, []bool{true, false, false, true, true}, []bool{true, true, true, true, false})
	if m.OnlyModel != 2 || m.OnlyOther != 1 || m.PValue != 1 {
		t.Errorf("%+v", m)
	}
}
