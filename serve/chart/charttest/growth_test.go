package charttest

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"sluice/serve/chart"
)

func TestExponent(t *testing.T) {
	x := []float64{1e6, 1e7, 1e8}
	for _, want := range []float64{0, .5, 1, 2} {
		y := make([]float64, len(x))
		for i := range x {
			y[i] = 3 * math.Pow(x[i], want)
		}
		if got := Exponent(x, y); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// TestKept: points come back as they were written, and their picture is theirs.
func TestKept(t *testing.T) {
	type point struct{ N, S float64 }
	draw := func(ps []point) string {
		return Growth(chart.Head{ID: "x", Title: "Growth"}, Of(ps, func(p point) float64 { return p.N }), Measured{"seconds", Of(ps, func(p point) float64 { return p.S })})
	}
	path := filepath.Join(t.TempDir(), "growth.json")
	if ps := Read[point](t, path); ps != nil {
		t.Errorf("%v of no file", ps)
	}
	points := []point{{1e6, 2}, {1e8, 200}}
	Write(t, path, points, draw)
	if ps := Read[point](t, path); len(ps) != 2 || ps[1] != points[1] {
		t.Errorf("%v, want %v", ps, points)
	}
	Picture(t, path, draw, false)
	if svg := draw(points); !strings.Contains(svg, "seconds: requests to the power of 1.00") {
		t.Errorf("no exponent in\n%s", svg)
	}
}
