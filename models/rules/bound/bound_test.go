package bound

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol }

func TestZ(t *testing.T) {
	for _, c := range []struct{ conf, want float64 }{
		{0.90, 1.2815515655446004}, {0.975, 1.959963984540054}, {0.5, 0},
	} {
		if got := Z(c.conf); !near(got, c.want, 1e-12) {
			t.Errorf("Z(%v) = %v, want %v", c.conf, got, c.want)
		}
	}
	for _, bad := range []float64{0, 1, -1, 2, math.NaN()} {
		if !math.IsNaN(Z(bad)) {
			t.Errorf("Z(%v) = %v, want NaN", bad, Z(bad))
		}
	}
}

// The ends of the interval are the shares that a score test just accepts.
func TestWilsonInvertsTheScoreTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := float64(rapid.IntRange(1, 5000).Draw(t, "n"))
		h := float64(rapid.IntRange(0, int(n)).Draw(t, "hits"))
		z := rapid.Float64Range(0.1, 4).Draw(t, "z")
		lo, hi := Wilson(h, n, z)
		p := h / n
		if lo > p || hi < p || lo < 0 || hi > 1 {
			t.Fatalf("Wilson(%v, %v, %v) = %v, %v does not hold %v", h, n, z, lo, hi, p)
		}
		if lo > 1e-9 {
			if s := (p - lo) / math.Sqrt(lo*(1-lo)/n); !near(s, z, 1e-6*z+1e-6) {
				t.Fatalf("score at the lower end %v, want %v", s, z)
			}
		}
		if hi < 1-1e-9 {
			if s := (hi - p) / math.Sqrt(hi*(1-hi)/n); !near(s, z, 1e-6*z+1e-6) {
				t.Fatalf("score at the upper end %v, want %v", s, z)
			}
		}
	})
}

func TestWilsonOfNothing(t *testing.T) {
	if lo, hi := Wilson(0, 0, 1); lo != 0 || hi != 1 {
		t.Fatalf("Wilson of no rows = %v, %v, want 0, 1", lo, hi)
	}
}

// The counter must hold what summing the clusters from scratch gives.
func TestCounterAgreesWithSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const k = 7
		c := NewCounter(k)
		var n, h [k]float64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			g := rapid.IntRange(0, k-1).Draw(t, "cluster")
			hit := rapid.Bool().Draw(t, "hit")
			w := float64(rapid.IntRange(1, 3).Draw(t, "w"))
			c.Add(g, hit, w)
			n[g] += w
			if hit {
				h[g] += w
			}
			if rapid.IntRange(0, 4).Draw(t, "undo") == 0 {
				c.Add(g, hit, -w)
				n[g] -= w
				if hit {
					h[g] -= w
				}
			}
		}
		var s Sums
		for g := range k {
			s.N += n[g]
			s.Hits += h[g]
			s.NN += n[g] * n[g]
			s.HN += h[g] * n[g]
			s.HH += h[g] * h[g]
		}
		if c.Sums != s {
			t.Fatalf("counter %+v, want %+v", c.Sums, s)
		}
		if d := s.DesignEffect(); d < 1 {
			t.Fatalf("design effect %v below 1", d)
		}
	})
}

// Doubling every row inside its cluster adds no knowledge.
func TestDesignEffectOfCopies(t *testing.T) {
	one, two := NewCounter(50), NewCounter(50)
	for g := range 50 {
		hit := g%5 != 0
		one.Add(g, hit, 1)
		two.Add(g, hit, 1)
		two.Add(g, hit, 1)
	}
	z := Z(0.9)
	if a, b := one.Lower(z), two.Lower(z); !near(a, b, 1e-12) {
		t.Fatalf("lower bound %v with one row an address, %v with two copies", a, b)
	}
	if d := two.DesignEffect(); !near(d, 2, 1e-12) {
		t.Fatalf("design effect %v, want 2", d)
	}
}
