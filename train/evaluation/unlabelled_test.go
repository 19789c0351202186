package evaluation

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// A world where the truth is known: abusive rows are reported with chance c,
// whatever their features, and p is the true p(s=1 | x).
func TestElkanNotoFindsTheTruth(t *testing.T) {
	const n, c = 20_000, 0.6
	rng := rand.New(rand.NewPCG(8, 8))
	labels, abusive, flags := make([]bool, n), make([]bool, n), make([]bool, n)
	p, requests, groups := make([]float64, n), make([]float64, n), make([]int, n)
	var flagged, right float64
	for i := range n {
		// Mostly clear cases, as e1 needs rows that are surely abusive.
		q := 1 / (1 + math.Exp(-25*rng.NormFloat64()))
		abusive[i] = rng.Float64() < q
		labels[i] = abusive[i] && rng.Float64() < c
		p[i] = c * q
		flags[i] = q > 0.7
		requests[i] = math.Floor(math.Exp(6 * rng.Float64()))
		groups[i] = i
		if flags[i] {
			flagged++
			right += truth(abusive[i])
		}
	}
	u, err := ElkanNoto(context.Background(), labels, p, flags, requests, groups, 200, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(u.E3)-c) > 0.01 || math.Abs(float64(u.E1)-c) > 0.06 {
		t.Errorf("e1 %v, e3 %v, the truth is %v", u.E1, u.E3, c)
	}
	if want := right / flagged; math.Abs(float64(u.Precision)-want) > 0.04 {
		t.Errorf("precision %v, the truth is %v", u.Precision, want)
	}
	if !(u.CLow <= u.C && u.C <= u.CHigh) || !(u.PrecisionLow <= u.Precision && u.Precision <= u.PrecisionHigh) {
		t.Errorf("intervals do not hold their estimates: %+v", u)
	}
	if u.Warning != "" || len(u.Deciles) < 9 {
		t.Errorf("warning %q, %d tenths", u.Warning, len(u.Deciles))
	}

	// Where busy rows are reported more readily, the warning says so.
	for i := range n {
		k := 0.3
		if requests[i] > 20 {
			k = 0.9
		}
		labels[i] = abusive[i] && rng.Float64() < k
		p[i] *= k / c
	}
	u, err = ElkanNoto(context.Background(), labels, p, flags, requests, groups, 20, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(u.Warning, "request_count") {
		t.Errorf("no warning, tenths %+v", u.Deciles)
	}
}

// Rows that features can't tell apart: e1 must not pass for an estimate.
func TestElkanNotoOverlap(t *testing.T) {
	labels, p, groups := separable(4000, 2)
	u, err := ElkanNoto(context.Background(), labels, p, nil, nil, groups, 5, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(u.Warning, "e3") {
		t.Errorf("e1 %v, e3 %v, warning %q", u.E1, u.E3, u.Warning)
	}
}

func TestElkanNotoWithoutReports(t *testing.T) {
	u, err := ElkanNoto(context.Background(), make([]bool, 5), make([]float64, 5), nil, nil, make([]int, 5), 10, 1, 1)
	if err != nil || u.Warning == "" || u.C.Defined() {
		t.Errorf("%+v, %v", u, err)
	}
}
